"""What a data set stores: arrays and tensors that are read again and again, and have to stay as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.tensors import plain
from sgd_doctor.signals import StoredChange

MAX_DATA_SETS = 8
MAX_DEPTH = 3
MAX_ARRAYS = 16
LEAST_SIZE = 32
SAMPLED = 4096
"""Elements of each array that are remembered."""


class StoredData:
    """Remembers a sample of what data sets store, and compares it with what they store in the end."""

    def __init__(self, sites: SiteTable) -> None:
        self.sites = sites
        self.seen: set[int] = set()
        self.kept: list[tuple[Any, str, Any, Any]] = []

    def meet(self, data: Any) -> None:
        """Batches of ``data`` are about to be read."""
        if id(data) in self.seen or len(self.seen) >= MAX_DATA_SETS:
            return
        self.seen.add(id(data))
        self.kept += [(data, name, values, sample(values)) for name, values in stored(data)]

    def freeze(self) -> tuple[StoredChange, ...]:
        """The arrays that hold other values than when they were met."""
        found = []
        for data, name, values, before in self.kept:
            now = sample(values)
            changed = float((~((now == before) | ((now != now) & (before != before)))).sum()) / max(1, len(before))
            if changed > 0:
                found.append(StoredChange(f"{type(data).__name__}.{name}", round(changed, 4), self._read_at(data)))
        return tuple(found)

    def _read_at(self, data: Any) -> int:
        """The line that begins the method of the user's by which samples are read; -1: there is none."""
        code = getattr(getattr(type(data), "__getitem__", None), "__code__", None)
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


def sample(values: Any) -> Any:
    """Evenly chosen elements of an array or tensor, copied."""
    size = values.numel() if isinstance(values, Tensor) else values.size
    step = max(1, size // SAMPLED)
    if isinstance(values, Tensor):
        with torch.no_grad():
            return values.detach().reshape(-1)[::step].clone().numpy()
    return values.flat[::step].copy()


def _is_array(value: Any) -> bool:
    if isinstance(value, Tensor):
        return plain(value) and value.device.type == "cpu" and value.numel() >= LEAST_SIZE and not value.requires_grad
    numpy: Any = sys.modules.get("numpy")
    return (
        numpy is not None
        and isinstance(value, numpy.ndarray)
        and value.size >= LEAST_SIZE
        and value.dtype.kind in "fiu"
    )
