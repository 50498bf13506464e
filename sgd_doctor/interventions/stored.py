"""Data sets that stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.stored import as_tensor, stored

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

MOST_BYTES = 256 * 2**20
"""Arrays are put back after each batch; beyond this that would be the rerun."""


class KeepData(Applier):
    """What a map-style data set stores is put back after each batch that was read from it."""

    touches_data = True

    def bind(self, observer: Observer) -> None:
        super().bind(observer)
        fetch: Callable[[Any, Any], Any] = _MapDatasetFetcher.fetch
        copies: dict[int, list[tuple[Tensor, Tensor]]] = {}

        def fetched(fetcher: Any, wanted: Any) -> Any:
            if observer.finished:
                return fetch(fetcher, wanted)
            kept = copies.get(id(fetcher.dataset))
            if kept is None:
                arrays = [as_tensor(value) for _, value in stored(fetcher.dataset)]
                small = sum(values.nbytes for values in arrays) <= MOST_BYTES
                kept = copies[id(fetcher.dataset)] = [(values, values.clone()) for values in arrays if small]
            found = fetch(fetcher, wanted)
            with torch.no_grad():
                for values, copy in kept:
                    values.copy_(copy)
            self.applied += bool(kept)
            return found

        _MapDatasetFetcher.fetch = fetched  # type: ignore[method-assign]
