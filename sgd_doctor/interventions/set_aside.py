"""Samples that a rerun does not train on, and what its model makes of them at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from sgd_doctor.findings import finite
from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.pool import Kept, evaluated
from sgd_doctor.observe.tensors import plain, tensors_in
from sgd_doctor.recording import HeldOut

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

EVERY = 5
"""Every fifth sample is set aside."""
LEAST = 50
"""Samples that a data set has to have."""
MOST = 256
"""Samples that are evaluated at the end."""


@dataclass(frozen=True)
class _Recipe:
    """How a tensor is made of a member of a batch: another dtype, another shape of each sample."""

    member: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    def cook(self, members: list[Tensor]) -> Tensor:
        source = members[self.member]
        return source.to(self.dtype).reshape(len(source), *self.shape)


class SetAside(Applier):
    """Where a map-style data set would give a sample that is set aside, it gives the one before.

    Sizes and order of the batches and the random numbers stay as they are.  Nothing is evaluated where a batch is
    computed with before it reaches the model, or where another change acts inside the forward pass.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._fetcher: Any = None
        self._batch: list[Tensor] = []
        self._made: tuple[nn.Module, list[_Recipe], _Recipe, str] | None = None

    def bind(self, observer: Observer) -> None:
        super().bind(observer)
        fetch: Callable[[Any, Any], Any] = _MapDatasetFetcher.fetch

        def fetched(fetcher: Any, wanted: Any) -> Any:
            usable = isinstance(wanted, list) and all(type(i) is int for i in wanted) and torch.is_grad_enabled()
            if observer.finished or not usable or not len(fetcher.dataset) >= LEAST:
                return fetch(fetcher, wanted)
            found = fetch(fetcher, [i - 1 if i % EVERY == EVERY - 1 else i for i in wanted])
            self._fetcher, self._batch = fetcher, list(tensors_in(found))
            self.applied += 1
            return found

        _MapDatasetFetcher.fetch = fetched  # type: ignore[method-assign]

    def meets(self, root: nn.Module, args: tuple[Any, ...], target: Tensor, name: str) -> None:
        if self._made is not None or not self._batch or not all(isinstance(a, Tensor) for a in args):
            return
        recipes = [_recipe(a, self._batch) for a in args]
        wanted = _recipe(target, self._batch)
        known = [r for r in recipes if r is not None]
        if wanted is not None and known and len(known) == len(recipes):
            self._made = (root, known, wanted, name)

    def held_out(self) -> HeldOut | None:
        if self._made is None or any(_inside(a) for a in self.observer.appliers):
            return None
        root, recipes, wanted, name = self._made
        data = self._fetcher.dataset
        chosen = list(range(EVERY - 1, len(data), EVERY))
        chosen = chosen[:: max(1, len(chosen) // MOST)][:MOST]
        members = list(tensors_in(self._fetcher.collate_fn([data[i] for i in chosen])))
        args = tuple(r.cook(members) for r in recipes)
        pairs = evaluated([Kept(root, args, wanted.cook(members), name)])
        if not pairs:
            return None  # the model takes more than its positional arguments
        steps = self.observer.steps.count
        return HeldOut(-1, (steps,), (finite(pairs[0].loss),), (pairs[0].accuracy,), len(chosen))


def _recipe(tensor: Tensor, members: list[Tensor]) -> _Recipe | None:
    """How ``tensor`` was made of one of ``members``, value for value; None where it was not."""
    if not plain(tensor) or not tensor.dim():
        return None
    flat = tensor.detach().reshape(-1).cpu()
    for index, member in enumerate(members):
        same = member.dim() and len(member) == len(tensor) and member.numel() == tensor.numel() and plain(member)
        if same and torch.equal(member.detach().reshape(-1).cpu().to(flat.dtype), flat):
            return _Recipe(index, tensor.dtype, tuple(tensor.shape[1:]))
    return None


def _inside(applier: Applier) -> bool:
    """Whether a change acts inside the forward pass, which an evaluation beside the loop does not go through."""
    kind = type(applier)
    return kind.before_forward is not Applier.before_forward or kind.rewrite is not Applier.rewrite
