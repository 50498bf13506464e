"""Numbers of every optimizer step: gradients, updates, hyperparameters, stale gradients."""

from __future__ import annotations

import math
import time
import weakref
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.observe.tensors import foreach_norms, plain, sample_view, total
from sgd_doctor.recording import OptimizerFacts

ALWAYS = 24
"""The first steps are measured in full: most faults show there."""
EVERY = 10
"""Later, at least every tenth step."""
COLUMNS = (
    "loss",
    "task_loss",
    "accuracy",
    "balanced_error",
    "grad_norm",
    "weight_norm",
    "update_ratio",
    "lr",
    "momentum",
    "weight_decay",
    "decay_ratio",
    "stale",
    "empty_grads",
    "backwards",
    "optimizer",
    "seconds",
)
HYPERPARAMETERS = ("lr", "momentum", "weight_decay", "dampening", "nesterov", "betas", "maximize")


@dataclass
class OptimizerState:
    """What is remembered of one optimizer between its steps."""

    reference: weakref.ref[Optimizer]
    number: int
    kind: str
    site: int
    created_at: int
    groups: tuple[dict[str, float | bool | None], ...]
    parameters: list[Tensor] = field(default_factory=list)
    size: int = 0
    steps: int = 0
    after: list[tuple[int, float]] | None = None
    """Identity and norm of every gradient right after the last step."""
    stale: list[bool] | None = None
    views: list[Tensor] | None = None
    before: list[Tensor] | None = None


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


class StepRecorder:
    """Columns by step, and tables by sampled step and parameter."""

    def __init__(self, overhead: float) -> None:
        self.overhead = overhead
        self.columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self.sampled: list[int] = []
        self.sampled_norms: list[dict[str, float]] = []
        self.sampled_ratios: list[dict[str, float]] = []
        self.optimizers: dict[int, OptimizerState] = {}
        self.names: dict[int, str] = {}
        self.own_time = 0.0
        self.started = time.perf_counter()
        self.norms: list[float] = []
        self.held: list[Tensor] = []
        self.count = 0

    # -- optimizers

    def adopt(self, optimizer: Optimizer, site: int) -> OptimizerState:
        """The state of ``optimizer``, made on first sight."""
        state = self.optimizers.get(id(optimizer))
        if state is None or state.reference() is not optimizer:
            state = OptimizerState(
                reference=weakref.ref(optimizer),
                number=len(self.optimizers),
                kind=type(optimizer).__name__,
                site=site,
                created_at=self.count,
                groups=tuple(hyperparameters(g) for g in optimizer.param_groups),
            )
            self.optimizers[id(optimizer)] = state
        return state

    def refresh(self, state: OptimizerState, optimizer: Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if len(parameters) != len(state.parameters) or any(
            a is not b for a, b in zip(parameters, state.parameters, strict=True)
        ):
            state.parameters = parameters
            state.size = sum(p.numel() for p in parameters)
            state.views, state.after, state.stale = None, None, None

    def facts(self) -> tuple[OptimizerFacts, ...]:
        return tuple(
            OptimizerFacts(
                kind=s.kind,
                site=s.site,
                created_at_step=s.created_at,
                parameters=s.size,
                groups=s.groups,
                steps=s.steps,
                names=tuple(self.names.get(id(p), "") for p in s.parameters[:512]),
            )
            for s in sorted(self.optimizers.values(), key=lambda s: s.number)
        )

    # -- gradients that were used before

    def before_backward(self) -> None:
        """Note gradients that the last step already used and that new ones are about to be added to."""
        for state in self.optimizers.values():
            if state.after is None:
                continue
            if state.stale is None:
                state.stale = self._reused(state)
            elif any(state.stale):
                self._forget_cleared(state)

    def _reused(self, state: OptimizerState) -> list[bool]:
        after = state.after or []
        same = [p.grad is not None and id(p.grad) == old[0] for p, old in zip(state.parameters, after, strict=True)]
        if not any(same):
            return [False] * len(after)
        chosen = [p.grad for p, keep in zip(state.parameters, same, strict=True) if keep and p.grad is not None]
        norms = iter(foreach_norms(chosen))
        return [keep and _equal(next(norms), old[1]) for keep, old in zip(same, after, strict=True)]

    @staticmethod
    def _forget_cleared(state: OptimizerState) -> None:
        flagged = [i for i, old in enumerate(state.stale or ()) if old]
        grads = [state.parameters[i].grad for i in flagged]
        norms = iter(foreach_norms([g for g in grads if g is not None]))
        for index, grad in zip(flagged, grads, strict=True):
            if (grad is None or next(norms) == 0) and state.stale is not None:
                state.stale[index] = False

    # -- one step

    def rich(self) -> bool:
        """Whether this step is measured by parameter."""
        if self.count < ALWAYS or self.count % EVERY == 0:
            return True
        return self.own_time < self.overhead * (time.perf_counter() - self.started - self.own_time)

    def before_step(self, optimizer: Optimizer, state: OptimizerState) -> None:
        self.refresh(state, optimizer)
        self.held = [p for p in state.parameters if p.grad is not None]
        self.norms = foreach_norms([p.grad for p in self.held if p.grad is not None])
        if self.rich():
            if state.views is None:
                state.views = [sample_view(p) for p in state.parameters if plain(p) and p.is_floating_point()]
            with torch.no_grad():
                state.before = list(torch._foreach_add(state.views, 0.0)) if state.views else []

    def stale_share(self, state: OptimizerState) -> float:
        """Share of the parameters with a gradient whose gradient contains an already used one."""
        if state.stale is None or not self.held:
            return 0.0
        live = {id(p): norm for p, norm in zip(self.held, self.norms, strict=True)}
        after = state.after or []
        hits = sum(
            flag and bool(live.get(id(p), 0.0) != 0.0) and p.grad is not None and id(p.grad) == old[0]
            for p, flag, old in zip(state.parameters, state.stale, after, strict=True)
        )
        return hits / len(self.held)

    def after_step(self, optimizer: Optimizer, state: OptimizerState, row: dict[str, float]) -> None:
        """Finish the row of this step; ``row`` brings the loss and what else the observer knows."""
        grad_norm = total(self.norms)
        group = hyperparameters(optimizer.param_groups[0]) if optimizer.param_groups else {}
        row |= {
            "grad_norm": grad_norm,
            "stale": self.stale_share(state),
            "optimizer": float(state.number),
            "empty_grads": float(not self.held or grad_norm == 0.0),
        }
        for name in ("lr", "momentum", "weight_decay"):
            value = group.get(name)
            row[name] = float(value) if value is not None else math.nan
        if state.before is not None and state.views is not None:
            self._update(state, row)
        self.append(row)
        norms = dict(zip(map(id, self.held), self.norms, strict=True))
        state.after = [(id(p.grad), norms.get(id(p), 0.0)) for p in state.parameters]
        state.stale, state.before = None, None
        state.steps += 1

    def _update(self, state: OptimizerState, row: dict[str, float]) -> None:
        """Ratio of update to weight norm, from the sampled elements."""
        views, before = state.views or [], state.before or []
        with torch.no_grad():
            change = foreach_norms(list(torch._foreach_sub(views, before))) if views else []
            weight = foreach_norms(before)
        scale = [
            math.sqrt(p.numel() / max(1, v.numel()))
            for p, v in zip((p for p in state.parameters if plain(p) and p.is_floating_point()), views, strict=False)
        ]
        moved = total([c * s for c, s in zip(change, scale, strict=False)])
        norm = total([w * s for w, s in zip(weight, scale, strict=False)])
        row["weight_norm"], row["update_ratio"] = norm, moved / norm if norm > 0 else math.nan
        decay = row.get("weight_decay", math.nan)
        if decay and decay == decay:
            decoupled = "AdamW" in state.kind or state.kind in ("Adamax", "NAdamW")
            row["decay_ratio"] = (
                decay * row["lr"] * norm / moved
                if decoupled and moved > 0
                else decay * norm / max(row["grad_norm"], 1e-30)
            )
        self.sampled.append(self.count)
        self.sampled_norms.append(
            {
                self.names.get(id(p), f"parameter {i}"): n
                for i, (p, n) in enumerate(zip(self.held, self.norms, strict=True))
            }
        )
        self.sampled_ratios.append(
            {
                self.names.get(id(p), f"parameter {i}"): c / w if w > 0 else math.nan
                for i, (p, c, w) in enumerate(
                    zip(
                        (p for p in state.parameters if plain(p) and p.is_floating_point()),
                        change,
                        weight,
                        strict=False,
                    )
                )
            }
        )

    def append(self, row: dict[str, float]) -> None:
        row.setdefault("seconds", time.perf_counter() - self.started)
        for name in COLUMNS:
            self.columns[name].append(row.get(name, math.nan))
        self.count += 1

    def tables(self, limit: int = 200, parameters: int = 256) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Parameter names, and the tables of at most ``limit`` sampled steps."""
        keep = range(0, len(self.sampled), max(1, math.ceil(len(self.sampled) / limit)))
        names: dict[str, None] = {}
        for index in keep:
            names.update(dict.fromkeys(self.sampled_norms[index]))
        chosen = tuple(names)[:parameters]
        result: dict[str, list[list[float]]] = defaultdict(list)
        for index in keep:
            result["grad_norm"].append([self.sampled_norms[index].get(n, math.nan) for n in chosen])
            result["update_ratio"].append([self.sampled_ratios[index].get(n, math.nan) for n in chosen])
        return chosen, {**result, "sampled_steps": [float(self.sampled[i]) for i in keep]}


def _equal(a: float, b: float) -> bool:
    """The same gradient, by its norm; an all-zero or non-finite one is nobody's."""
    return a == b and 0 < a < math.inf
