"""Loader workers belong to the process that started them; what a fork inherits of them it must not touch."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

_KEPT: list[Any] = []
"""Inherited iterators: their end would tell the other process's workers to stop."""


def disown_workers(on_use: Callable[[], Any]) -> None:
    """In a fork: make loaders start workers of their own, and leave those of the other process alone.

    Args:
        on_use: called when the program asks an inherited iterator for a batch, which would take it away
            from the other process.
    """
    for thing in gc.get_objects():
        kind = type(thing)  # isinstance() would ask proxies and wake what they stand for
        if issubclass(kind, _MultiProcessingDataLoaderIter):
            thing._shutdown = True
            thing._next_data = thing._reset = lambda *_: on_use()
        elif issubclass(kind, DataLoader) and thing._iterator is not None:
            _KEPT.append(thing._iterator)
            thing._iterator = None
