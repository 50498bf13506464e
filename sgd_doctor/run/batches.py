"""Batches that take long to load are loaded once: replays read what the watched run, or another replay, has left.

A replay draws the same samples in the same order, so the n-th batch of a data set is the same one.  What loading does
to the global random numbers is kept with it.  A generator of the data set's own does not move when a batch is read
back: all replays draw from it what the watched run drew first.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data._utils.fetch import _MapDatasetFetcher
from torch.utils.data.dataloader import _SingleProcessDataLoaderIter

from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.run.state import GlobalRandom, global_random, set_global_random

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.observe.patches import Patches

SLOW = 0.1
"""Seconds a batch from which on keeping it is worth a file."""
WORTH = 0.5
"""Share of the time of loading that keeping may take; where it takes more, nothing is kept any more."""
MAX_BYTES = 1 << 29
"""What one process may write."""
MAX_SETS = 16
"""Data sets that are told apart; a script that makes more of them keeps no batches."""


@dataclass
class _Read:
    """A data set that batches come from, in the order in which they are met."""

    data: Any
    """Held, so that its identity stays its own."""
    number: int
    batches: int = 0


class BatchStore(Part):
    """The batches of a run, by data set, position and indices, in files of a folder.

    Args:
        observer: of this run.
        folder: shared by the watched run and its replays, thrown away with them.
    """

    def __init__(self, observer: Observer, folder: Path) -> None:
        super().__init__(observer)
        self.folder = folder
        self.on = True
        self.saved_seconds = 0.0
        """What loading the batches took that replays need not load."""
        self._bytes = 0
        self._slow = False
        self._sets: dict[int, _Read] = {}
        """By the data set's identity."""

    def install(self, patches: Patches) -> None:
        """Stand between loaders of this process (not their workers) and map-style data sets."""

        def init(original: Any) -> Any:
            def __init__(iterator: _SingleProcessDataLoaderIter, *args: Any, **kwargs: Any) -> None:
                original(iterator, *args, **kwargs)
                if isinstance(iterator._dataset_fetcher, _MapDatasetFetcher):
                    iterator._dataset_fetcher = _Fetcher(self, iterator._dataset_fetcher)

            return __init__

        patches.replace(_SingleProcessDataLoaderIter, "__init__", init)

    def fetch(self, fetcher: _MapDatasetFetcher, index: Any) -> Any:
        """The batch of ``index``, loaded by ``fetcher`` or read back."""
        load: Callable[[Any], Any] = fetcher.fetch
        if not self.on or self.observer.finished or not self.observer.here():
            return load(index)
        seen = self._sets.get(id(fetcher.dataset))
        if seen is None:
            seen = self._sets[id(fetcher.dataset)] = _Read(fetcher.dataset, len(self._sets))
            self.on = len(self._sets) < MAX_SETS
        seen.batches += 1
        if not self._slow and seen.batches > 1:  # nearly all loaders: only a clock
            begun = time.perf_counter()
            data = load(index)
            self._slow = time.perf_counter() - begun > SLOW
            return data
        place = self.folder / f"batch-{_digest((seen.number, seen.batches, index))}"
        known = place.exists() and not any(applier.touches_data for applier in self.observer.appliers)
        before = self._states()
        found = self._read(place, before) if known and before is not None else None
        if found is not None:
            return found[0]
        calls = self.observer.structure.pass_number
        begun = time.perf_counter()
        data = load(index)
        seconds = time.perf_counter() - begun
        if seconds > SLOW:
            self._slow = True
            asked = self.observer.structure.pass_number > calls  # what a model has a hand in is another in each replay
            if before is not None and not known and not asked:
                self._keep(place, before, data, seconds)
        return data

    @guarded
    def _keep(self, place: Path, before: GlobalRandom, data: Any, seconds: float) -> None:
        begun = time.perf_counter()
        after = global_random()
        drawn = None if _digest_of(before) == _digest_of(after) else (_digest_of(before), after)
        buffer = io.BytesIO()
        self.on = False  # unless all goes well
        with contextlib.suppress(OSError, RuntimeError, TypeError, AttributeError, pickle.PicklingError):
            torch.save((drawn, data), buffer)
            beside = place.with_name(f"{place.name}.{os.getpid()}")
            beside.write_bytes(buffer.getbuffer())
            os.replace(beside, place)  # another replay may read at any time
            self.saved_seconds += seconds
            self._bytes += buffer.tell()
            self.on = self._bytes < MAX_BYTES and time.perf_counter() - begun < WORTH * seconds

    @guarded
    def _read(self, place: Path, before: GlobalRandom) -> tuple[Any] | None:
        """A kept batch, with the random numbers as loading leaves them; None where it was made with others."""
        try:
            drawn, data = torch.load(place, weights_only=False)  # our own file, in a folder of our own
        except (OSError, RuntimeError, EOFError, AttributeError, ImportError, pickle.UnpicklingError):
            return None
        if drawn is not None:
            digest, after = drawn
            if digest != _digest_of(before):
                return None
            set_global_random(after)
        return (data,)

    @guarded
    def _states(self) -> GlobalRandom | None:
        return global_random()


class _Fetcher:
    """Asks the store first; for all else it is the loader's own."""

    def __init__(self, store: BatchStore, own: _MapDatasetFetcher) -> None:
        self._store, self._own = store, own

    def fetch(self, index: Any) -> Any:
        return self._store.fetch(self._own, index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def _digest_of(states: GlobalRandom) -> str:
    python, torchs, numpys = states
    numbers = None if numpys is None else (numpys[0], numpys[1].tobytes(), *numpys[2:])
    return _digest((python, torchs.numpy().tobytes(), numbers))


def _digest(value: object) -> str:
    return hashlib.sha1(repr(value).encode(), usedforsecurity=False).hexdigest()
