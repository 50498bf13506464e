"""A map from live tensors to values."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor

MAX_IDENTITIES = 20_000
"""Entries of a map from tensors after which those of freed tensors are given up."""


class Identities:
    """A map from live tensors to values; a freed tensor's id is never mistaken for another's."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Tensor], Any]] = {}
        self._limit = MAX_IDENTITIES

    def put(self, tensor: Tensor, value: Any) -> None:
        if len(self._entries) >= self._limit:
            self._entries = {i: e for i, e in self._entries.items() if e[0]() is not None}
            self._limit = max(MAX_IDENTITIES, 2 * len(self._entries))
        self._entries[id(tensor)] = (weakref.ref(tensor), value)

    def get(self, tensor: Tensor, default: Any = None) -> Any:
        entry = self._entries.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else default

    def clear(self) -> None:
        self._entries.clear()
