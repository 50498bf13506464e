"""The state of objects that train, kept and put back exactly: same objects, same storage, same bits."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

Restore = Callable[[], Any]


class Snapshot:
    """What some objects hold now.

    Modules and optimizers are kept with everything in their attributes: parameters, buffers, gradients,
    optimizer state and groups, training flags, counters.  Of loaders only what draws random numbers is
    kept.  The global random numbers of torch (all devices in use), numpy and ``random`` are kept as well.

    Args:
        modules: models and losses.
        optimizers: optimizers.
        loaders: loaders; a generator may be on the loader, its samplers or its data set.
    """

    def __init__(
        self, modules: Iterable[nn.Module], optimizers: Iterable[Optimizer], loaders: Iterable[object] = ()
    ) -> None:
        self._memo: dict[int, Restore] = {}
        self._alive: list[Any] = []
        self._restores: list[Restore] = []
        for module in modules:
            self._restores += [self._keep(vars(child)) for child in module.modules()]
        self._restores += [self._keep(vars(optimizer)) for optimizer in optimizers]
        self._restores += [r for loader in loaders for r in map(_keep_source, _sources(loader))]
        self._restores += _keep_global_random_numbers()

    def restore(self) -> None:
        """Put everything back.  May be called again and again."""
        with torch.no_grad():
            for restore in self._restores:
                restore()

    def _keep(self, value: Any) -> Restore:
        """A function that gives ``value`` back its content and returns it."""
        found = self._memo.get(id(value))
        if found is not None:
            return found
        if isinstance(value, Tensor):
            return self._remember(value, self._tensor)
        if isinstance(value, dict):
            return self._remember(value, self._mapping)
        if isinstance(value, (list, deque, set)):
            return self._remember(value, self._collection)
        if type(value) is tuple:
            parts = [self._keep(item) for item in value]
            return lambda: (tuple([part() for part in parts]), value)[1]
        return lambda: value

    def _remember(self, value: Any, make: Callable[[Any], Restore]) -> Restore:
        # An id is only good while its object lives, and an object may hold itself.
        self._alive.append(value)
        self._memo[id(value)] = lambda: value
        restore = self._memo[id(value)] = make(value)
        return restore

    def _tensor(self, value: Tensor) -> Restore:
        if value.layout is not torch.strided or is_lazy(value):
            return lambda: value
        overlapping = any(size > 1 and not step for size, step in zip(value.shape, value.stride(), strict=True))
        if overlapping:
            return lambda: value
        storage, content, wanted = value.data, value.detach().clone(), value.requires_grad
        grad = self._keep(value.grad) if value.is_leaf and value.grad is not None else lambda: None

        def restore() -> Tensor:
            if value.data_ptr() != storage.data_ptr() or value.shape != storage.shape:
                value.data = storage
            storage.copy_(content)
            if value.is_leaf:
                value.requires_grad_(wanted)
                value.grad = grad()
            return value

        return restore

    def _mapping(self, value: dict[Any, Any]) -> Restore:
        content = {key: self._keep(item) for key, item in value.items()}

        def restore() -> dict[Any, Any]:
            now = {key: item() for key, item in content.items()}
            value.clear()
            value.update(now)
            return value

        return restore

    def _collection(self, value: Any) -> Restore:
        content = [self._keep(item) for item in value]
        add = value.update if isinstance(value, set) else value.extend

        def restore() -> Any:
            now = [item() for item in content]
            value.clear()
            add(now)
            return value

        return restore


def _sources(loader: object) -> list[Any]:
    """Generators of random numbers on a loader, its samplers and its data set."""
    batches = getattr(loader, "batch_sampler", None)
    holders = [loader, getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None)]
    holders.append(getattr(loader, "dataset", None))
    numpy = sys.modules.get("numpy")
    kinds: tuple[type, ...] = (torch.Generator, random.Random)
    if numpy is not None:
        kinds += (numpy.random.Generator, numpy.random.RandomState)
    found = [v for h in holders for v in getattr(h, "__dict__", {}).values() if isinstance(v, kinds)]
    return list({id(v): v for v in found}.values())


def _keep_source(source: Any) -> Restore:
    if isinstance(source, random.Random):
        state = source.getstate()
        return lambda: source.setstate(state)
    if hasattr(source, "bit_generator"):
        bits, saved = source.bit_generator, source.bit_generator.state
        return lambda: setattr(bits, "state", saved)
    kept = source.get_state()
    return lambda: source.set_state(kept)


GlobalRandom = tuple[Any, Tensor, Any]
"""States of ``random``, of torch on the CPU, and of numpy (None where it is not imported)."""


def global_random() -> GlobalRandom:
    """The global random numbers of the CPU as they are."""
    numpy = sys.modules.get("numpy")
    return random.getstate(), torch.get_rng_state(), numpy.random.get_state() if numpy is not None else None


def set_global_random(states: GlobalRandom) -> None:
    """Put back what :func:`global_random` gave."""
    python, torchs, numpys = states
    random.setstate(python)
    torch.set_rng_state(torchs)
    if numpys is not None:
        sys.modules["numpy"].random.set_state(numpys)


def _keep_global_random_numbers() -> list[Restore]:
    states = global_random()
    restores: list[Restore] = [lambda: set_global_random(states)]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        devices = torch.cuda.get_rng_state_all()
        restores.append(lambda: torch.cuda.set_rng_state_all(devices))
    if torch.backends.mps.is_available():
        metal = torch.mps.get_rng_state()
        restores.append(lambda: torch.mps.set_rng_state(metal))
    return restores
