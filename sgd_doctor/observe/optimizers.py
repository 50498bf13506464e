"""What is remembered of an optimizer between its steps."""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.observe.reuse import Reuse
from sgd_doctor.observe.tensors import plain, sample_view, uniform
from sgd_doctor.recording import OptimizerFacts

HYPERPARAMETERS = ("lr", "momentum", "weight_decay", "dampening", "nesterov", "betas", "maximize")
MAX_MEASURED = 2048
"""Parameters whose change in a step is measured: the objects of thousands more alone take longer than a small step."""
FIRST_MEASURED = 256
"""So many of the first are among them, which are those that the tables show; the others are evenly spread."""
MAX_NAMES = 512
"""Parameters of an optimizer whose names are recorded."""


def hyperparameters(group: dict[str, Any]) -> dict[str, float | bool | None]:
    """lr, momentum (or the first beta), weight decay and so on of a parameter group, as plain numbers."""
    found: dict[str, float | bool | None] = {}
    for name in HYPERPARAMETERS:
        value = group.get(name)
        if name == "betas" and isinstance(value, (tuple, list)) and value:
            found.setdefault("momentum", _number(value[0]))
        elif name in group and name != "betas":
            found[name] = value if isinstance(value, bool) else _number(value)
    return found


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def settings(group: dict[str, Any]) -> dict[str, float]:
    """lr, momentum (or the first beta) and weight decay of a parameter group; NaN where it has none."""
    momentum = group.get("momentum")
    if momentum is None:
        betas = group.get("betas")
        momentum = betas[0] if isinstance(betas, (tuple, list)) and betas else None
    found: dict[str, Any] = {"lr": group.get("lr"), "momentum": momentum, "weight_decay": group.get("weight_decay")}
    for name, value in found.items():
        if type(value) is not float:
            number = _number(value)
            found[name] = math.nan if number is None else number
    return found


class OptimizerState:
    """One optimizer: how it was built, its parameters, and samples of these before a step."""

    def __init__(self, optimizer: Optimizer, number: int, site: int, created_at: int) -> None:
        self.reference = weakref.ref(optimizer)
        self.number, self.site, self.created_at = number, site, created_at
        self.kind = type(optimizer).__name__
        self.groups = tuple(hyperparameters(g) for g in optimizer.param_groups)
        self.sizes = tuple(len(g["params"]) for g in optimizer.param_groups)
        self.parameters: list[Tensor] = []
        self.size = self.steps = 0
        self.reuse = Reuse()
        self.before: list[Tensor] | None = None
        """Copies of :attr:`views` before a step that is measured in full; None before any other."""
        self.views: list[Tensor] = []
        self.scale: list[float] = []
        """Factor from the norm of each view to what it stands for in that of all parameters."""
        self._measured: list[Tensor] | None = None
        self._pointers: list[int] = []
        self._share = 1.0
        self._labels: tuple[int, list[str]] = (-1, [])
        self._uniform: tuple[int, bool] = (-1, False)

    def refresh(self, optimizer: Optimizer) -> None:
        """Take note of parameters that were added or exchanged."""
        groups = optimizer.param_groups
        found = groups[0]["params"] if len(groups) == 1 else [p for group in groups for p in group["params"]]
        if len(found) != len(self.parameters) or any(map(operator.is_not, found, self.parameters)):
            self.parameters = list(found)
            self.size = sum(p.numel() for p in found)
            self.reuse = Reuse()
            self._measured, self._labels, self._uniform = None, (-1, []), (-1, False)

    def is_uniform(self, grads: Sequence[Tensor]) -> bool:
        """Whether the gradients are of one kind; looked at anew when their number changes."""
        if self._uniform[0] != len(grads):
            self._uniform = len(grads), uniform(grads)
        return self._uniform[1]

    def look(self) -> list[Tensor]:
        """Current views of samples of the parameters; tensors that were given other memory get new ones."""
        if self._measured is None:
            every = [p for p in self.parameters if plain(p) and p.is_floating_point()]
            self._measured = _spread(every)
            elements = sum(p.numel() for p in self._measured)
            self._share = math.sqrt(sum(p.numel() for p in every) / max(1, elements))
            self._pointers = []
        pointers = [p.data_ptr() for p in self._measured]
        if pointers != self._pointers:
            self._pointers = pointers
            self.views = [sample_view(p) for p in self._measured]
            self.scale = [
                self._share * math.sqrt(p.numel() / max(1, v.numel()))
                for p, v in zip(self._measured, self.views, strict=True)
            ]
        return self.views

    def labels(self, names: dict[int, str]) -> list[str]:
        """Names of the parameters that :meth:`look` shows."""
        if self._labels[0] != len(names):
            self._labels = len(names), [names.get(id(p), f"parameter {i}") for i, p in enumerate(self._measured or ())]
        return self._labels[1]

    def facts(self, names: dict[int, str]) -> OptimizerFacts:
        """As it goes into a recording."""
        return OptimizerFacts(
            kind=self.kind,
            site=self.site,
            created_at_step=self.created_at,
            parameters=self.size,
            groups=self.groups,
            steps=self.steps,
            sizes=self.sizes,
            names=tuple(names.get(id(p), "") for p in self.parameters[:MAX_NAMES]),
        )


def _spread(tensors: list[Tensor]) -> list[Tensor]:
    """At most :data:`MAX_MEASURED` of them, the first and an even choice of the rest."""
    if len(tensors) <= MAX_MEASURED:
        return tensors
    first, rest = tensors[:FIRST_MEASURED], tensors[FIRST_MEASURED:]
    return first + rest[:: -(-len(rest) // max(1, MAX_MEASURED - len(first)))]
