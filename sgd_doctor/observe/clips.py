"""Gradient clipping: the limits, what it leaves of the gradients, and where it is called."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.observe.tensors import foreach_norms, storable, total
from sgd_doctor.signals import Clipping

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

MAX_NORMS = 64
"""Calls of one line whose norms are kept."""


@dataclass
class _Clips:
    function: str
    limit: float
    calls: int = 0
    norms: list[float] = field(default_factory=list)
    after_step: int = 0


class ClipRecorder(Part):
    """Called around torch's clipping functions."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.stepped_last = False
        """Whether no backward pass came since the last optimizer step."""
        self._lines: dict[int, _Clips] = {}

    @guarded
    def begins(self, function: str, site: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
        """The norm of the gradients, where the function itself returns none."""
        limit = kwargs.get("max_norm", kwargs.get("clip_value", args[1] if len(args) > 1 else 0.0))
        limit = float(limit) if math.isfinite(float(limit)) else 0.0
        entry = self._lines.setdefault(site, _Clips(function, limit))
        entry.calls += 1
        entry.after_step += self.stepped_last
        return self._norm() if function == "clip_grad_value_" and len(entry.norms) < MAX_NORMS else None

    @guarded
    def ends(self, site: int, before: float | None, result: Any) -> None:
        """What the function returned; of values that were cut, how much the norm shrank by, in units of the limit."""
        entry = self._lines.get(site)
        if entry is None or len(entry.norms) >= MAX_NORMS:
            return
        if before is not None:
            after = self._norm()
            entry.norms.append(entry.limit * before / after if after > 0 else 0.0)
        elif isinstance(result, Tensor) and result.numel() == 1:
            entry.norms.append(float(result.detach()))

    def _norm(self) -> float:
        """Of all gradients that an optimizer holds: the arguments of the call may be good for one reading only."""
        held = [p.grad for state in self.observer.steps.optimizers.values() for p in state.parameters]
        return total(foreach_norms([g for g in held if g is not None]))

    def freeze(self) -> tuple[Clipping, ...]:
        return tuple(
            Clipping(c.function, site, c.limit, c.calls, tuple(map(storable, c.norms)), c.after_step)
            for site, c in self._lines.items()
        )
