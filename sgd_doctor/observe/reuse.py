"""Gradients that a step has used and that new ones are added to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from sgd_doctor.observe.tensors import foreach_norms


class Reuse:
    """Follows the gradients of one optimizer's parameters from one step to the next."""

    def __init__(self) -> None:
        # Numbers and no pairs: thousands of small objects a step would keep the garbage collector busy.
        self._ids: list[int] | None = None
        """Identity of every gradient right after the last step."""
        self._norms: list[float] = []
        """Their norms."""
        self._versions: list[int] | None = None
        """Where the norms are read later: how often each had been written to."""
        self._step = -1
        """The step whose norms are still to come."""
        self._stale: list[bool] | None = None
        """Which gradients held, when the first backward call after it began, what it had used; empty: none."""

    def before_backward(self, parameters: Sequence[Tensor]) -> None:
        """Note gradients that the last step already used and that new ones are about to be added to."""
        if self._ids is None:
            return
        if self._stale is None:
            self._stale = self._reused([p.grad for p in parameters], self._ids)
        elif any(self._stale):
            self._forget_cleared(parameters, self._stale)

    def _reused(self, grads: list[Tensor | None], ids: list[int]) -> list[bool]:
        for grad in grads:
            if grad is not None:
                break
        else:
            return []
        same = [g is not None and id(g) == old for g, old in zip(grads, ids, strict=True)]
        if self._versions is not None:
            written = zip(same, grads, self._versions, strict=True)
            same = [keep and g is not None and g._version == version for keep, g, version in written]
        norms = iter(foreach_norms([g for g, keep in zip(grads, same, strict=True) if keep and g is not None]))
        return [keep and _equal(next(norms), old) for keep, old in zip(same, self._norms, strict=True)]

    @staticmethod
    def _forget_cleared(parameters: Sequence[Tensor], stale: list[bool]) -> None:
        flagged = [i for i, old in enumerate(stale) if old]
        grads = [parameters[i].grad for i in flagged]
        norms = iter(foreach_norms([g for g in grads if g is not None]))
        for index, grad in zip(flagged, grads, strict=True):
            if grad is None or next(norms) == 0:
                stale[index] = False

    def share(self, parameters: Sequence[Tensor], held: Sequence[Tensor], norms: Sequence[float]) -> float:
        """Share of the parameters with a gradient other than zero whose gradient contains an already used one.

        Args:
            parameters: all parameters of the optimizer.
            held: those that have a gradient.
            norms: of these gradients.
        """
        if not self._stale or not held or not any(self._stale):
            return 0.0
        live = {id(p): norm for p, norm in zip(held, norms, strict=True)}
        hits = sum(
            flag and live.get(id(p), 0.0) != 0.0 and p.grad is not None and id(p.grad) == old
            for p, flag, old in zip(parameters, self._stale, self._ids or (), strict=True)
        )
        return hits / max(1, sum(norm != 0.0 for norm in norms))

    def step_over(self, parameters: Sequence[Tensor], held: Sequence[Tensor], norms: list[float]) -> None:
        """A step has used the gradients; arguments as of :meth:`share`."""
        if held is not parameters:
            live = dict(zip(map(id, held), norms, strict=True))
            norms = [live.get(id(p), 0.0) for p in parameters]
        self._ids, self._norms = [id(p.grad) for p in parameters], norms
        self._stale = self._versions = None

    def flagged(self) -> bool:
        """Whether any gradient holds what a step has used already."""
        return bool(self._stale) and any(self._stale or ())

    def step_over_unread(self, parameters: Sequence[Tensor], step: int) -> None:
        """A step has used the gradients, and :meth:`norms_of_step` will be called for it."""
        grads = [p.grad for p in parameters]
        self._ids, self._norms, self._stale, self._step = [id(g) for g in grads], [], None, step
        self._versions = [g._version if g is not None else -1 for g in grads]

    def norms_of_step(
        self, parameters: Sequence[Tensor], held: Sequence[Tensor], norms: Sequence[float], step: int
    ) -> None:
        """The norms of the gradients that a step used; those of earlier steps are no longer asked for."""
        if step == self._step:
            live = dict(zip(map(id, held), norms, strict=True))
            self._norms = [live.get(id(p), 0.0) for p in parameters]

    def untouched(self, parameters: Sequence[Tensor]) -> bool:
        """Whether a gradient was not written to since a step used it, as far as torch has counted."""
        if self._versions is None or self._stale is not None or self._ids is None:
            return False
        known = zip((p.grad for p in parameters), self._ids, self._versions, strict=True)
        return any(g is not None and id(g) == i and g._version == v for g, i, v in known)


def _equal(a: float, b: float) -> bool:
    """The same gradient, by its norm; an all-zero or non-finite one is nobody's."""
    return a == b and 0 < a < math.inf
