"""Numbers of every optimizer step: gradients, updates, hyperparameters, stale gradients."""

from __future__ import annotations

import math
import time
from array import array

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.observe.optimizers import OptimizerState, settings
from sgd_doctor.observe.tables import SampledTables
from sgd_doctor.observe.tensors import foreach_norms, norms_of, total
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
_UNKNOWN = (math.nan,) * len(COLUMNS)


class StepRecorder:
    """Columns by step, and tables by sampled step and parameter."""

    def __init__(self, overhead: float) -> None:
        self.overhead, self.every = overhead, EVERY
        self.rows = array("d")
        """One value for each of :data:`COLUMNS`, step after step."""
        self.tables = SampledTables()
        self.optimizers: dict[int, OptimizerState] = {}
        self.names: dict[int, str] = {}
        self.own_time = 0.0
        """Seconds spent in watching."""
        self.started = time.perf_counter()
        self.held: list[Tensor] = []
        """Parameters of the current step that have a gradient."""
        self.norms: list[float] = []
        """Norms of these gradients."""
        self.grad_norm = 0.0
        self.count = 0

    def adopt(self, optimizer: Optimizer, site: int) -> OptimizerState:
        """The state of ``optimizer``, made on first sight."""
        state = self.optimizers.get(id(optimizer))
        if state is None or state.reference() is not optimizer:
            state = OptimizerState(optimizer, len(self.optimizers), site, self.count)
            self.optimizers[id(optimizer)] = state
        return state

    def facts(self) -> tuple[OptimizerFacts, ...]:
        """The optimizers in the order in which they were met."""
        return tuple(s.facts(self.names) for s in sorted(self.optimizers.values(), key=lambda s: s.number))

    def before_backward(self) -> None:
        """New gradients are about to be added to what there is."""
        for state in self.optimizers.values():
            state.reuse.before_backward(state.parameters)

    def rich(self) -> bool:
        """Whether this step is measured by parameter."""
        if self.count < ALWAYS or self.count % self.every == 0:
            return True
        return self.own_time < self.overhead * (time.perf_counter() - self.started - self.own_time)

    def before_step(self, optimizer: Optimizer, state: OptimizerState) -> None:
        """Measure the gradients that ``optimizer`` is about to use."""
        state.refresh(optimizer)
        every = state.parameters
        found = [p.grad for p in every]
        grads = [g for g in found if g is not None]
        complete = len(grads) == len(every)
        self.held = every if complete else [p for p, g in zip(every, found, strict=True) if g is not None]
        self.norms = norms_of(grads, state.is_uniform(grads))
        self.grad_norm = total(self.norms)
        if self.rich():
            with torch.no_grad():
                views = state.look()
                state.before = list(torch._foreach_add(views, 0.0)) if views else []

    def after_step(self, optimizer: Optimizer, state: OptimizerState, row: dict[str, float]) -> None:
        """Finish the row of this step; ``row`` brings the loss and what else the observer knows."""
        row["grad_norm"] = self.grad_norm
        row["stale"] = state.reuse.share(state.parameters, self.held, self.norms)
        row["optimizer"] = float(state.number)
        row["empty_grads"] = float(not self.held or self.grad_norm == 0.0)
        if optimizer.param_groups:
            row |= settings(optimizer.param_groups[0])
        if state.before is not None:
            self._update(state, state.before, row)
            state.before = None
        self.append(row)
        state.reuse.step_over(state.parameters, self.held, self.norms)
        state.steps += 1

    def _update(self, state: OptimizerState, before: list[Tensor], row: dict[str, float]) -> None:
        """Ratio of update to weight norm, from the sampled elements."""
        with torch.no_grad():
            views = state.look()
            norms = foreach_norms([*torch._foreach_sub(views, before), *before]) if views else []
        change, weight = norms[: len(views)], norms[len(views) :]
        moved = total([c * s for c, s in zip(change, state.scale, strict=True)])
        norm = total([w * s for w, s in zip(weight, state.scale, strict=True)])
        row["weight_norm"], row["update_ratio"] = norm, moved / norm if norm > 0 else math.nan
        decay = row.get("weight_decay", math.nan)
        if decay and decay == decay:
            decoupled = "AdamW" in state.kind or state.kind in ("Adamax", "NAdamW")
            row["decay_ratio"] = (
                decay * row["lr"] * norm / moved
                if decoupled and moved > 0
                else decay * norm / max(row["grad_norm"], 1e-30)
            )
        ratios = [c / w if w > 0 else math.nan for c, w in zip(change, weight, strict=True)]
        held = [self.names.get(id(p), f"parameter {i}") for i, p in enumerate(self.held)]
        self.tables.add(self.count, held, self.norms, state.labels(self.names), ratios)

    def append(self, row: dict[str, float]) -> None:
        """Add a row; what it does not have is NaN."""
        row.setdefault("seconds", time.perf_counter() - self.started)
        self.rows.extend(map(row.get, COLUMNS, _UNKNOWN))
        self.count += 1
