"""Watches the user's own loop through torch's hooks and a few replaced functions.

The observer keeps the numbers untouched: it draws no random numbers, writes into no tensor of the
user's and builds no graph.  A treated run (a probe) is the same observer with appliers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from sgd_doctor.futility import Rival
from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.backward import BackwardWatch
from sgd_doctor.observe.calls import CallWatch
from sgd_doctor.observe.counts import Counts, SchedulerState
from sgd_doctor.observe.features import FeatureStatistics
from sgd_doctor.observe.forks import leave_forks_alone
from sgd_doctor.observe.forward import WATCHED_UNITS, ForwardWatch
from sgd_doctor.observe.guard import power_of_two
from sgd_doctor.observe.heldout import HeldOutRecorder
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.manual import ManualSteps
from sgd_doctor.observe.pool import Pool
from sgd_doctor.observe.ranks import RankRecorder
from sgd_doctor.observe.scaling import ScalingWatch
from sgd_doctor.observe.signals import SignalRecorder
from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.stepping import StepWatch
from sgd_doctor.observe.steps import COLUMNS, StepRecorder
from sgd_doctor.observe.structure import StructureRecorder
from sgd_doctor.observe.tasks import Pair, TargetStatistics
from sgd_doctor.observe.tracer import Tracer
from sgd_doctor.recording import EVENTS, Leaf, NonFinite, Operation

MAX_EVENTS = 20_000
MAX_NOTES = 32
TRACED_UNITS = 2
"""Backward-to-backward stretches whose operations are recorded."""
STAGE_UNITS, MAX_STAGES = 16, 3
"""A new optimizer that begins after so many stretches starts another stage of the script, traced as well."""
PAIR_UNITS = 6
"""And in which outputs are paired with targets each time; later at powers of two."""
_KIND = {name: number for number, name in enumerate(EVENTS)}


class Observer:
    """State of one watched run that its parts share.

    :mod:`sgd_doctor.observe.hooks` calls the parts: ``forward``, ``backward`` and ``stepping``; the
    tracer calls ``calls``.
    """

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
        self.on_next_forward: Callable[[], None] | None = None
        """Once the watching is over: called where hooks can be removed."""
        self.thread, self.away = threading.get_ident(), False
        self.any_thread = True
        """Whether the loop may run in another thread than the one that starts watching."""
        self.started = time.perf_counter()
        self.anchored = self.finished = False
        self.appliers: Sequence[Applier] = ()
        self.measure_task = False
        self.notes: dict[str, None] = {}
        self.events: list[tuple[int, int, int]] = []
        self.counts = Counts()
        self.sites = SiteTable()
        self._model_state()
        self._loss_state()
        self._recorders()
        leave_forks_alone(self)

    def _model_state(self) -> None:
        """The models, and where in them the run is."""
        self.in_backward = self.evaluating = False
        self.stack: list[nn.Module] = []
        self.roots: dict[int, nn.Module] = {}
        self.module_names: dict[int, str] = {}
        self.module_sites: dict[int, int] = {}
        self.held: list[tuple[nn.Module, Any]] = []
        self.root: nn.Module | None = None
        self.root_args: tuple[Any, ...] = ()
        self.root_training, self.root_site = True, -1
        self.trained_in_eval: set[int] = set()
        """Lines that call a model in evaluation mode and whose outputs are differentiated nevertheless."""
        self.first_layer: nn.Module | None = None
        self.features: FeatureStatistics | None = None
        self.mode_layers: dict[str, None] = {}
        self.last_output: Tensor | None = None

    def _loss_state(self) -> None:
        """Losses and targets, and what the current stretch from backward to backward has shown."""
        self.unit = 0
        self.traced = True
        """Whether the operations of this stretch are recorded."""
        self.calm = False
        """Nothing but the exact signals is wanted of this stretch, in a run of one process."""
        self.traces: list[tuple[int, tuple[Operation, ...], bool, int]] = []
        self.targets = TargetStatistics()
        self.pair: Pair | None = None
        self.pair_is_loss = self.pair_inside = False
        self.task_outside = False
        """Whether outputs met their targets outside of the model at a training step."""
        self.task_kind, self.task_loss, self.task_site = "unknown", "", -1
        self.losses: list[float] = []
        self.last_loss = float("nan")
        self.pending: dict[str, float] = {}
        self.loss_sites: dict[int, int] = {}
        self.loss_made = -1
        self.leaves: tuple[Leaf, ...] = ()
        self.nonfinite: NonFinite | None = None

    def _recorders(self) -> None:
        self.schedulers: dict[int, SchedulerState] = {}
        self.constructing_scheduler = self.scheduler_depth = 0
        self.forward, self.backward = ForwardWatch(self), BackwardWatch(self)
        self.stepping, self.calls = StepWatch(self), CallWatch(self)
        self.trace_until, self.stages = TRACED_UNITS, 1
        self.tracer = Tracer(self.sites, self.module_path, self.fail)
        self.tracer.layer = self.layer
        self.tracer.on_pair, self.tracer.on_call = self.calls.meet, self.calls.meet_call
        self.tracer.on_compare = self.calls.meet_comparison
        self.tracer.on_activation = self.calls.meet_activation
        self.steps = StepRecorder(self.limits.overhead)
        self.manual, self.held_out, self.pool = ManualSteps(), HeldOutRecorder(), Pool()
        self.signals, self.ranks = SignalRecorder(self), RankRecorder(self)
        self.scaling = ScalingWatch(self)
        self.tracer.on_data_write = self.signals.data_written
        self.structure = StructureRecorder(self.sites, self.steps, self.roots)
        self.structure.module_sites, self.structure.module_names = self.module_sites, self.module_names

    # -- the small things

    def fail(self, note: str) -> None:
        """Something of ours did not work: say so in the report."""
        if len(self.notes) < MAX_NOTES:
            self.notes[note] = None

    def layer(self) -> tuple[str, int]:
        """Class of the innermost module that is being called, and the site that built it."""
        if not self.stack:
            return "", -1
        return type(self.stack[-1]).__name__, self.module_sites.get(id(self.stack[-1]), -1)

    def stage_begins(self) -> None:
        """A new optimizer takes its first step: where another one was at work for long, trace what follows."""
        if self.unit >= self.trace_until + STAGE_UNITS and self.stages < MAX_STAGES:
            self.stages += 1
            self.trace_until = self.unit + TRACED_UNITS
            self.tracer.begin()
            for root in self.roots.values():
                self.forward.name_parts(root)  # a part may have been replaced since

    def here(self) -> bool:
        """Whether this is the thread and process that is watched (not a loader worker)."""
        return not self.away and threading.get_ident() == self.thread

    def trains_here(self) -> bool:
        """As :meth:`here`, asked where a backward pass begins: the first of them shows which thread trains."""
        if self.any_thread and not self.counts.backwards and not self.away:
            self.thread = threading.get_ident()
        return self.here()

    def event(self, kind: str, site: int | None = None, ours: int = 0) -> int:
        """Note a call of the loop; returns its site.  ``ours``: as :meth:`SiteTable.here` has it."""
        site = self.sites.here(1 + ours) if site is None else site
        if len(self.events) < MAX_EVENTS:
            self.events.append((self.steps.count, _KIND[kind], site))
        return site

    def module_path(self) -> str | None:
        """Name of the module that runs."""
        return self.module_names.get(id(self.stack[-1])) if self.stack else None

    # -- the life of a run

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
        """Count the time from now on."""
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
        if not self.anchored or self.finished:
            return
        if self.on_tick is not None:
            self.on_tick(self)
        done = self.steps.count or max(self.counts.backwards, self.counts.forwards)
        why = self.limits.passed(done, time.perf_counter() - self.started, self.steps.broken)
        if not why and self.limits.rival is not None and self._behind(self.limits.rival):
            why = "behind"
        if self.ranks.world > 1:
            why = self.ranks.agree(done, why)
        if why == "step-limit" and done < self.limits.max_steps:
            self.fail(f"only the first {done:,} steps were watched: more are not kept")
        if why:
            self.end(why)

    def _behind(self, rival: Rival) -> bool:
        """Whether this run is not going to come near ``rival``."""
        rows = self.steps.rows
        return rival.due(rows.count) and rival.has_beaten(rows.columns(COLUMNS.index("loss"))[0])

    def end(self, why: str) -> None:
        """The run was watched long enough."""
        self.finished, self.calm = True, False
        if self.on_limit is not None:
            self.on_limit(self, why)

    # -- stretches from backward to backward

    def set_tracer(self) -> None:
        """Trace the functions of this stretch, or do not."""
        tracer, recording = self.tracer, self.traced and not self.evaluating
        pairs = self.measure_task or self.unit < PAIR_UNITS or self.evaluating or power_of_two(self.unit)
        wanted = self.anchored and (recording or pairs or bool(tracer.rewrites))
        tracer.recording = recording
        if tracer.on is not wanted:
            tracer.switch(wanted)
        wanted = self.features is None and recording and not self.roots
        tracer.on_weights = self.calls.meet_weights if wanted else None

    def looked_at(self) -> bool:
        """Whether modes, inputs and outputs of models are looked at in this stretch."""
        return self.unit < WATCHED_UNITS or power_of_two(self.unit)

    def runs_light(self) -> bool:
        """Whether no function of this stretch is traced, and none is to be."""
        more = self.traced or self.measure_task or self.unit < PAIR_UNITS or self.appliers
        return not (self.tracer.on or more)  # it may still be on: within ``backward`` a mode cannot be taken away

    def boundary(self) -> None:
        """One stretch is over."""
        if self.traced and self.tracer.on:
            self.traces.append((self.steps.count, tuple(self.tracer.operations), self.unit > 0, self.loss_made))
            self.tracer.begin()
        self.unit += 1
        self.traced = self.unit < self.trace_until
        self.signals.unit_ends()
        self.forward.unit_ends()
        self.pair, self.pair_is_loss, self.pair_inside = None, False, False
        if self.calm and not (self.traced or self.tracer.on or power_of_two(self.unit)):
            return
        self.set_tracer()
        self.calm = not self.looked_at() and self.ranks.world == 1 and self.runs_light()

    def take_row(self) -> dict[str, float]:
        """What the backward passes since the last step leave for its row."""
        # Without one, a second optimizer steps on the same backward: it has the same loss and the same error.
        if self.losses and self.steps.late is None:
            self.last_loss = sum(self.losses) / len(self.losses)
        row = {"loss": self.last_loss, "backwards": float(len(self.losses))} | self.pending
        self.losses.clear()
        return row
