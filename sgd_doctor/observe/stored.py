"""What a data set stores: arrays and tensors that are read again and again, and have to stay as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.tensors import plain, sample_view
from sgd_doctor.signals import StoredChange

MAX_DATA_SETS = 8
MAX_DEPTH = 3
MAX_ARRAYS = 16
LEAST_SIZE = 32


class StoredData:
    """Remembers a sample of what data sets store, and compares it with what they store in the end."""

    def __init__(self, sites: SiteTable) -> None:
        self.sites = sites
        self.seen: set[int] = set()
        self.kept: list[tuple[type[Any], str, Tensor, Tensor]] = []
        """Kind of the data set, name in it, a view of its memory, and what that held.  The view keeps the memory: a
        function that returned has let go of its data before they are compared."""

    def meet(self, data: Any) -> None:
        """Batches of ``data`` are about to be read."""
        if id(data) in self.seen or len(self.seen) >= MAX_DATA_SETS:
            return
        self.seen.add(id(data))
        views = [(name, sample_view(as_tensor(value))) for name, value in stored(data)]
        self.kept += [(type(data), name, view, view.clone()) for name, view in views]

    def freeze(self) -> tuple[StoredChange, ...]:
        """The arrays that hold other values than when they were met."""
        found = []
        for kind, name, now, before in self.kept:
            same = (now == before) | ((now != now) & (before != before))
            changed = 1 - float(same.double().mean())
            if changed > 0:
                found.append(StoredChange(f"{kind.__name__}.{name}", round(changed, 4), self._read_at(kind)))
        return tuple(found)

    def _read_at(self, kind: type[Any]) -> int:
        """The line that begins the method of the user's by which samples are read; -1: there is none."""
        code = getattr(getattr(kind, "__getitem__", None), "__code__", None)
        if code is None or not self.sites.is_user(code):
            return -1
        return self.sites.place(code.co_filename, code.co_firstlineno, code.co_name)


def stored(data: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Names and values of the arrays and tensors that a data set, and those that it wraps, hold as attributes."""
    if depth >= MAX_DEPTH:
        return
    count = 0
    for name, value in list(getattr(data, "__dict__", {}).items()):
        members = enumerate(value) if isinstance(value, (list, tuple)) and len(value) <= MAX_ARRAYS else [("", value)]
        for number, member in members:
            if isinstance(member, Dataset):
                yield from stored(member, depth + 1)
            elif count < MAX_ARRAYS and _is_array(member):
                count += 1
                yield f"{name}[{number}]" if number != "" else name, member


def as_tensor(value: Any) -> Tensor:
    """A tensor over the memory of an array or tensor of :func:`stored`."""
    return value.detach() if isinstance(value, Tensor) else torch.from_numpy(value)


def _is_array(value: Any) -> bool:
    if isinstance(value, Tensor):
        return plain(value) and value.device.type == "cpu" and value.numel() >= LEAST_SIZE and not value.requires_grad
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray) or value.size < LEAST_SIZE:
        return False
    # What cannot be written does not change, and torch has no strides that go backwards.
    return value.dtype.kind in "fiu" and value.dtype.isnative and value.flags.writeable and min(value.strides) >= 0
