"""Watches the user's own loop through torch's hooks and a few replaced functions.

The observer keeps the numbers untouched: it draws no random numbers, writes into no tensor of the
user's and builds no graph.  A treated run (a probe) is the same observer with appliers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.features import WEIGHT_LAYERS, FeatureStatistics, first_tensor
from sgd_doctor.observe.graph import graph_leaves
from sgd_doctor.observe.heldout import HeldOutRecorder
from sgd_doctor.observe.manual import ManualSteps
from sgd_doctor.observe.nonfinite import locate, name_culprit
from sgd_doctor.observe.origins import construction
from sgd_doctor.observe.pool import Pool
from sgd_doctor.observe.signals import SignalRecorder
from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.steps import StepRecorder
from sgd_doctor.observe.structure import StructureRecorder, drops
from sgd_doctor.observe.tasks import LOSS_FUNCTIONS, Pair, TargetStatistics, measure
from sgd_doctor.observe.tensors import tensors_in
from sgd_doctor.observe.tracer import Tracer
from sgd_doctor.recording import EVENTS, Leaf, NonFinite, Operation, SchedulerFacts

MAX_EVENTS = 20_000
MAX_HELD = 2048
PATIENCE = 8.0
"""A run is watched no longer than this multiple of the wanted time, however few steps it made."""
TRACED_UNITS = 2
"""Backward-to-backward stretches whose operations are recorded."""
STAGE_UNITS, MAX_STAGES = 16, 3
"""A new optimizer that begins after so many stretches starts another stage of the script, traced as well."""
PAIR_UNITS = 6
DIFFERENCES = {"sub", "rsub", "__sub__", "__rsub__"}
TRAINING_PAIRS = LOSS_FUNCTIONS | DIFFERENCES | {
    "mul", "__mul__", "__rmul__", "div", "gather", "__getitem__",
    "cosine_similarity", "pairwise_distance", "cdist", "dist",
}  # fmt: skip
"""Functions in which an output meets its target on the way to a loss."""
EVALUATION_PAIRS = LOSS_FUNCTIONS | DIFFERENCES | {"eq", "__eq__", "ne", "__ne__"}
"""And without gradients: a loss, an error, or predictions compared with labels."""
_KIND = {name: number for number, name in enumerate(EVENTS)}
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Limits:
    """When the observed run ends by itself."""

    max_steps: int
    min_steps: int = 50
    soft_seconds: float = 8.0
    """After ``min_steps`` no longer than this is watched."""
    overhead: float = 0.05

    def over(self, steps: int, seconds: float) -> bool:
        """Whether the time is up; where a step takes seconds, fewer steps have to do."""
        return (
            (steps >= self.min_steps and seconds > self.soft_seconds)
            or (steps >= self.min_steps / 5 and seconds > 4 * self.soft_seconds)
            or (steps >= 2 and seconds > PATIENCE * self.soft_seconds)
        )


@dataclass
class Counts:
    """How often things happened."""

    forwards: int = 0
    backwards: int = 0
    losses: int = 0
    zero_grads: int = 0
    evaluations: int = 0
    grad_calls: int = 0
    optimizer_steps: int = 0
    eval_mode_steps: int = 0


@dataclass
class SchedulerState:
    """What is known of one scheduler so far."""

    kind: str
    site: int
    mode: str | None = None
    steps: int = 0
    step_site: int = -1
    before_first_step: int = 0
    metrics: list[float] = field(default_factory=list)
    metric_steps: list[int] = field(default_factory=list)

    def freeze(self) -> SchedulerFacts:
        return SchedulerFacts(
            kind=self.kind,
            site=self.site,
            steps=self.steps,
            step_site=self.step_site,
            mode=self.mode,
            metrics=tuple(self.metrics),
            metric_steps=tuple(self.metric_steps),
            before_first_step=self.before_first_step,
        )


def guarded(method: _F) -> _F:
    """An error of ours becomes a note in the report, never the end of the user's run.

    What the method itself calls of torch stays out of the trace.
    """

    @wraps(method)
    def safe(self: Observer, *args: Any, **kwargs: Any) -> Any:
        before, self.tracer.paused = self.tracer.paused, True
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            self.fail(f"{method.__name__} failed: {type(error).__name__}: {error}")
            return None
        finally:
            self.tracer.paused = before

    return safe  # type: ignore[return-value]  # same signature, seen through wraps


class Observer:
    """State of one watched run.  :mod:`sgd_doctor.observe.hooks` calls it."""

    def __init__(
        self,
        limits: Limits,
        *,
        on_anchor: Callable[[Observer], None] | None = None,
        on_tick: Callable[[Observer], None] | None = None,
        on_limit: Callable[[Observer, str], None] | None = None,
    ) -> None:
        self.limits = limits
        self.on_anchor, self.on_tick, self.on_limit = on_anchor, on_tick, on_limit
        self.appliers: Sequence[Applier] = ()
        self.measure_task = False
        self.anchored = self.in_backward = self.evaluating = self.finished = False
        self.thread, self.pid = threading.get_ident(), os.getpid()
        self.started = time.perf_counter()
        self.sites = SiteTable()
        self.steps = StepRecorder(limits.overhead)
        self.counts = Counts()
        self.events: list[tuple[int, int, int]] = []
        self.notes: dict[str, None] = {}
        self.stack: list[nn.Module] = []
        self.roots: dict[int, nn.Module] = {}
        self.module_names: dict[int, str] = {}
        self.module_sites: dict[int, int] = {}
        self.held: list[tuple[nn.Module, Any]] = []
        self.root: nn.Module | None = None
        self.root_args: tuple[Any, ...] = ()
        self.first_layer: nn.Module | None = None
        self.features: FeatureStatistics | None = None
        self.want_first = self.want_next = self.want_modes = False
        self.feature_batches = 0
        self.targets = TargetStatistics()
        self.pair: Pair | None = None
        self.pair_is_loss = False
        self.task_kind, self.task_loss, self.task_site = "unknown", "", -1
        self.last_output: Tensor | None = None
        self.held_out = HeldOutRecorder()
        self.losses: list[float] = []
        self.last_loss = float("nan")
        self.pending: dict[str, float] = {}
        self.loss_sites: dict[int, int] = {}
        self.unit = 0
        self.forwards_in_unit = 0
        self.unit_roots: set[int] = set()
        self.traces: list[tuple[int, tuple[Operation, ...], bool, int]] = []
        self.loss_made = -1
        self.leaves: tuple[Leaf, ...] = ()
        self.nonfinite: NonFinite | None = None
        self.schedulers: dict[int, SchedulerState] = {}
        self.constructing_scheduler = self.scheduler_depth = self.step_depth = 0
        self.manual = ManualSteps()
        self.mode_layers: dict[str, None] = {}
        self.own = 0.0
        self.trace_until, self.stages = TRACED_UNITS, 1
        self.tracer = Tracer(self.sites, self.module_path, self.fail)
        self.tracer.layer = self.layer
        self.tracer.on_pair = self.meet
        self.tracer.on_call = self.meet_call
        self.signals, self.pool = SignalRecorder(self), Pool()
        self.tracer.on_activation = self.meet_activation
        self.tracer.on_data_write = self.signals.data_written
        self.structure = StructureRecorder(self.sites, self.steps, self.roots)
        self.structure.module_sites, self.structure.module_names = self.module_sites, self.module_names
        self.root_training = True
        self.on_next_forward: Callable[[], None] | None = None
        """Once the watching is over: called where hooks can be removed."""

    # -- the small things

    def fail(self, note: str) -> None:
        if len(self.notes) < 32:
            self.notes[note] = None

    def here(self) -> bool:
        """Whether this is the thread and process that is watched (not a loader worker)."""
        return threading.get_ident() == self.thread and os.getpid() == self.pid

    def event(self, kind: str, site: int | None = None) -> int:
        site = self.sites.here() if site is None else site
        if len(self.events) < MAX_EVENTS:
            self.events.append((self.steps.count, _KIND[kind], site))
        return site

    def module_path(self) -> str | None:
        return self.module_names.get(id(self.stack[-1])) if self.stack else None

    def layer(self) -> tuple[str, int]:
        """Class of the innermost module that is being called, and the site that built it."""
        if not self.stack:
            return "", -1
        return type(self.stack[-1]).__name__, self.module_sites.get(id(self.stack[-1]), -1)

    def anchor(self) -> None:
        """The first training step begins: replays start from here."""
        if self.anchored or not self.here():
            return
        self.anchored = True
        self.restart_clock()
        self.set_tracer()
        if self.on_anchor is not None:
            self.on_anchor(self)

    def restart_clock(self) -> None:
        self.started = self.steps.started = time.perf_counter()

    def treat(self, appliers: Sequence[Applier], measure_task: bool) -> None:
        """Make this run a probe."""
        self.appliers, self.measure_task = appliers, measure_task
        for applier in appliers:
            applier.bind(self)
        self.tracer.rewrites = [a.rewrite for a in appliers if a.needs_functions]
        self.set_tracer()

    def tick(self) -> None:
        """After every step: is it time to end?"""
        if not self.anchored or self.finished or not self.here():
            return
        if self.on_tick is not None:
            self.on_tick(self)
        done = self.steps.count or max(self.counts.backwards, self.counts.forwards)
        if done >= self.limits.max_steps:
            self.end("step-limit")
        elif self.limits.over(done, time.perf_counter() - self.started):
            self.end("time-limit")

    def end(self, why: str) -> None:
        self.finished = True
        if self.on_limit is not None:
            self.on_limit(self, why)

    # -- traced stretches

    def set_tracer(self) -> None:
        recording = self.unit < self.trace_until and not self.evaluating
        pairs = self.measure_task or self.unit < PAIR_UNITS or self.evaluating or _power_of_two(self.unit)
        self.tracer.recording = recording
        self.tracer.switch(self.anchored and (recording or pairs or bool(self.tracer.rewrites)))
        wanted = self.features is None and recording and not self.roots
        self.tracer.on_weights = self.meet_weights if wanted else None

    def boundary(self) -> None:
        """One backward-to-backward stretch is over."""
        if self.unit < self.trace_until and self.tracer.on:
            self.traces.append((self.steps.count, tuple(self.tracer.operations), self.unit > 0, self.loss_made))
            self.tracer.begin()
        self.unit += 1
        self.signals.unit_ends()
        self.forwards_in_unit = 0
        self.unit_roots.clear()
        self.pair, self.pair_is_loss = None, False
        self.set_tracer()

    @guarded
    def meet(self, output: Tensor, target: Tensor, name: str, site: int) -> None:
        """An output of the model met a tensor that does not depend on it: probably the target."""
        if name not in (EVALUATION_PAIRS if self.evaluating else TRAINING_PAIRS):
            return
        is_loss = name in LOSS_FUNCTIONS
        if self.evaluating:
            self.held_out.meet(output, target, name, self.last_output, self.targets)
            return
        if is_loss or name in DIFFERENCES:
            self.counts.losses += 1
            self.loss_sites[site] = self.loss_sites.get(site, 0) + 1
            self.event("loss", site)
        if self.pair is not None and (self.pair_is_loss or not is_loss):
            return
        pair = measure(output, target, name, self.targets)
        if pair is not None:
            self.pair, self.pair_is_loss = pair, is_loss
            self.task_kind, self.task_loss, self.task_site = pair.kind, name, site
            self.signals.pair(output, target, pair)
            if self.measure_task and self.root is not None:
                self.pool.add(self.root, self.root_args, target, name)

    @guarded
    def meet_call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A function of :data:`~sgd_doctor.observe.tracer.WATCHED`: what its plain arguments say."""
        if "dropout" in name or name == "scaled_dot_product_attention":
            if self.evaluating and not self.root_training and drops(name, args, kwargs):
                self.structure.meet_dropout(name, self.sites.here(), self.module_path())
        elif not self.evaluating:
            key = "pos_weight" if name == "binary_cross_entropy_with_logits" else "weight"
            weight = kwargs.get(key, args[2] if key == "weight" and len(args) > 2 else None)
            if isinstance(weight, Tensor):
                self.structure.meet_weights(weight, self.sites.here())

    @guarded
    def meet_activation(self, name: str, output: Tensor, site: int) -> None:
        self.signals.activation(name, output, self.module_path(), site)

    @guarded
    def meet_weights(self, name: str, data: Tensor, operand: int, site: int) -> None:
        if self.features is None:
            self.features = FeatureStatistics(name, f"the operand of {name}")
            self.features.function, self.features.function_site = name, site
            self.features.operand, self.features.site = operand, site
        if self.features.function_site == site and self.features.function == name:
            self.features.add(data)
            self.signals.first_layer_input(data)

    # -- modules

    def forward_begins(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not self.stack and threading.get_ident() != self.thread:
            return None
        if self.finished:
            if self.on_next_forward is not None:
                self.on_next_forward()
            return None
        if not self.stack and not self.in_backward and next(module.parameters(), None) is not None:
            self.root_begins(module, args)
        self.stack.append(module)
        if self.want_modes and not module._modules:
            self.structure.meet_mode(module, args)
        if id(module) in self.structure.building and not self.in_backward:
            self.structure.meet_fresh(module)
        if self.want_first and isinstance(module, WEIGHT_LAYERS):
            self.meet_first_layer(module, args)
        elif self.want_next and not module._modules:
            self.want_next = False
            if self.features is not None:
                self.features.next_layer = type(module).__name__
        if self.unit < self.trace_until or self.evaluating:
            self.meet_layer(module, args)
        changed = None
        for applier in self.appliers:
            replaced = applier.before_forward(module, args)
            if replaced is not None:
                args = changed = replaced
        return changed

    @guarded
    def meet_layer(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self.evaluating:
            if module is self.first_layer:
                self.signals.eval_layer_input(module, args, self.events[-1][2] if self.events else -1)
        elif isinstance(module, nn.RNNBase):
            self.signals.recurrent_called(module, args)

    @guarded
    def root_begins(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        grad = torch.is_grad_enabled()
        if grad:
            self.anchor()
        self.evaluating = not grad or (not module.training and self.counts.backwards > 0)
        if id(module) not in self.roots:
            self.adopt_root(module)
        site = self.event("evaluate" if self.evaluating else "forward")
        self.root_training = module.training
        self.want_modes = grad and (self.unit < 12 or _power_of_two(self.unit))
        self.structure.root_begins(module, site, grad)
        if self.evaluating:
            self.counts.evaluations += 1
            if module.training:
                self.structure.meet_evaluation(args)
            self.held_out.begin(self.steps.count, self.sites.stack(), site, module)
        else:
            self.held_out.commit()
            self.counts.forwards += 1
            self.forwards_in_unit += 1
            self.unit_roots.add(id(module))
            if self.forwards_in_unit > 64:
                self.boundary()
        self.set_tracer()
        self.tracer.in_forward = True
        self.root, self.root_args = module, args
        self.want_first = not self.evaluating and (self.unit < 12 or _power_of_two(self.unit))
        if self.features is not None and self.features.site < 0:
            self.features.site = site

    def adopt_root(self, module: nn.Module) -> None:
        several = bool(self.roots)
        prefix = f"{type(module).__name__}." if several else ""
        self.roots[id(module)] = module
        for name, child in module.named_modules():
            self.module_names.setdefault(id(child), prefix + name if name else type(module).__name__)
            kind = type(child).__name__
            if kind.startswith(("BatchNorm", "Dropout", "SyncBatchNorm", "AlphaDropout", "InstanceNorm")):
                self.mode_layers[kind] = None
        for name, parameter in module.named_parameters():
            self.steps.names.setdefault(id(parameter), prefix + name)
        self.signals.root_seen(module, prefix)

    @guarded
    def meet_first_layer(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.want_first = False
        tensor = first_tensor(args)
        if tensor is None:
            return
        if self.first_layer is None:
            self.first_layer = module
            name, kind = self.module_names.get(id(module), ""), type(module).__name__
            self.features = FeatureStatistics(kind, f"input of {name} ({kind})" if name else f"input of {kind}")
            self.features.site = self.events[-1][2] if self.events else -1
            self.want_next = True
        if module is self.first_layer and self.features is not None:
            self.features.add(tensor)
            self.signals.first_layer_input(tensor)

    def forward_ends(self, module: nn.Module, output: Any) -> None:
        if not self.stack or self.stack[-1] is not module:
            return
        self.stack.pop()
        if self.in_backward:
            return
        if not module._modules and torch.is_grad_enabled() and not self.evaluating and len(self.held) < MAX_HELD:
            self.held.append((module, output))
        if not self.stack and id(module) in self.roots:
            self.root_ends(module, output)

    @guarded
    def root_ends(self, module: nn.Module, output: Any) -> None:
        outputs = list(tensors_in(output))
        self.last_output = next((t for t in outputs if t.is_floating_point()), None)
        self.tracer.in_forward = False
        self.tracer.model_returned(iter(outputs))
        self.want_first = self.want_next = self.want_modes = False
        if self.evaluating and self.unit_roots and (module.training or id(module) not in self.unit_roots):
            # A teacher or a target network amid a training step: what follows is training again.
            self.held_out.discard()
            self.evaluating = False
            self.set_tracer()
        self.tick()

    # -- backward

    @guarded
    def backward_begins(self, loss: Tensor) -> None:
        self.tracer.stepping = False  # where a step ended by an exception
        self.anchor()
        site = self.event("backward")
        self.counts.backwards += 1
        value = float(loss.detach().item()) if loss.numel() == 1 and not loss.is_complex() else float("nan")
        if loss.numel() == 1 and value - value != 0:
            self.locate_nonfinite(loss, value, site)
        if self.evaluating:
            self.held_out.discard()
            self.evaluating = False
            self.counts.eval_mode_steps += 1
        self.structure.before_backward(self.unit, self.held)
        self.loss_made = self.tracer.made.get(loss, -1) if self.unit < self.trace_until else -1
        if self.unit < self.trace_until or (self.counts.optimizer_steps == 0 and self.manual.possible):
            found = graph_leaves(loss)
            if self.unit < self.trace_until:
                self.leaves = self.name_leaves(found)
                self.structure.meet_leaves(found, self.unit == 0)
            if self.counts.optimizer_steps == 0:
                row = self.manual.compare(found)
                if row is not None:
                    self.manual_step(row)
        for applier in self.appliers:
            applier.before_backward(loss)
        self.signals.backward_begins(loss, self.unit < self.trace_until, _power_of_two(self.unit))
        if self.pair is not None:
            self.pending = {
                "task_loss": self.pair.loss,
                "accuracy": _nan(self.pair.accuracy),
                "balanced_error": _nan(self.pair.balanced_error),
            }
        self.losses.append(value)
        self.steps.before_backward()

    def name_leaves(self, found: Sequence[Tensor]) -> tuple[Leaf, ...]:
        held = {id(p) for s in self.steps.optimizers.values() for p in s.parameters}
        for state in self.steps.optimizers.values():
            optimizer = state.reference()
            held.update(id(p) for g in (optimizer.param_groups if optimizer else ()) for p in g["params"])
        inside = {id(p) for root in self.roots.values() for p in root.parameters()}
        return tuple(
            Leaf(
                name=self.steps.names.get(id(t), f"tensor {tuple(t.shape)}"),
                shape=tuple(t.shape),
                in_optimizer=id(t) in held,
                in_module=id(t) in inside,
            )
            for t in found[:2048]
        )

    @guarded
    def backward_ends(self) -> None:
        self.held.clear()
        self.structure.after_backward(self.unit)
        for applier in self.appliers:
            applier.after_backward()
        if self.counts.optimizer_steps == 0:
            self.manual.after_backward()
        self.boundary()
        if self.counts.optimizer_steps == 0:
            self.tick()

    def manual_step(self, row: dict[str, float]) -> None:
        """Weights moved between two backward calls without any optimizer: the user's own update."""
        row |= {"loss": _mean(self.losses), "backwards": float(len(self.losses)), "stale": 0.0, "empty_grads": 0.0}
        row |= self.pending
        self.pending = {}
        self.losses.clear()
        self.steps.append(self.manual.take() | row)

    def locate_nonfinite(self, loss: Tensor, value: float, site: int) -> None:
        """Name the first thing of this step that is not finite."""
        if self.nonfinite is None:
            self.nonfinite, self.signals.culprit, self.signals.nonfinite_share = locate(self, loss, value, site)

    # -- optimizer

    @guarded
    def state_loaded(self, module: nn.Module, state: Any) -> None:
        self.signals.state_loaded(module, state)

    @guarded
    def drawn(self, iterator: Any) -> None:
        """A loader's iterator gave a batch."""
        sampler = iterator._index_sampler
        size = getattr(sampler, "batch_size", None)
        self.signals.batch_drawn(sampler, getattr(sampler, "sampler", sampler), size)

    @guarded
    def clipped(self, function: str, site: int, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        self.signals.clipped(function, site, args, kwargs, result)

    @guarded
    def step_begins(self, optimizer: Optimizer) -> None:
        self.step_depth += 1
        if self.step_depth > 1 or self.finished or not self.here():
            return
        self.anchor()
        state = self.steps.adopt(optimizer, -1)
        self.event("step")
        if not state.steps and self.unit >= self.trace_until + STAGE_UNITS and self.stages < MAX_STAGES:
            self.stages += 1
            self.trace_until = self.unit + TRACED_UNITS
            self.tracer.begin()
        if state.site < 0 and not state.steps:
            origin = construction(optimizer, self.sites.paths())
            state.site = self.sites.place(*origin, "") if origin is not None else -1
        for applier in self.appliers:
            applier.before_step(optimizer)
        begun = time.perf_counter()
        self.steps.before_step(optimizer, state)
        self.structure.step_made()
        if state.before is not None:
            self.structure.stepped(self.steps._held)
        if self.nonfinite is None:
            self.check_gradients()
        self.steps.own_time += time.perf_counter() - begun

    def check_gradients(self) -> None:
        for parameter, norm in zip(self.steps._held, self.steps._norms, strict=True):
            if norm - norm != 0:
                name = self.steps.names.get(id(parameter), "a parameter")
                self.nonfinite = NonFinite(self.steps.count, "gradient", name, self.events[-1][2])
                found = self.signals.gradients.culprit()
                if found is not None:
                    self.signals.culprit = name_culprit(self, *found, in_gradient=True)
                return

    @guarded
    def step_ends(self, optimizer: Optimizer) -> None:
        self.step_depth -= 1
        if self.step_depth > 0 or self.finished or not self.here():
            return
        begun = time.perf_counter()
        self.counts.optimizer_steps += 1
        # A second optimizer that steps on the same backward has the same loss.
        self.last_loss = _mean(self.losses) if self.losses else self.last_loss
        row = {"loss": self.last_loss, "backwards": float(len(self.losses))} | self.pending
        self.pending = {}
        self.losses.clear()
        self.steps.after_step(optimizer, self.steps.adopt(optimizer, -1), row)
        self.signals.step_ends()
        for applier in self.appliers:
            applier.after_step(optimizer)
        self.steps.own_time += time.perf_counter() - begun
        self.tick()


def _power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
