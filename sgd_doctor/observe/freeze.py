"""The observer's state as a Recording."""

from __future__ import annotations

import math
import platform
import time
from typing import Any

import msgspec
import numpy as np
import torch

from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.steps import COLUMNS
from sgd_doctor.observe.wrappers import class_name
from sgd_doctor.ranks import Distributed
from sgd_doctor.recording import Array, Crash, Facts, Features, HeldOut, Operation, Recording, TaskFacts
from sgd_doctor.signals import Signals
from sgd_doctor.structure import Structure
from sgd_doctor.version import __version__

MAX_STORED_OPERATIONS = 1500
CAME_TO_AN_END = ("finished", "step-limit", "time-limit", "not-finite", "behind")
"""Runs whose model can still be asked something."""


def freeze(o: Observer, ended: str, **more: Any) -> Recording:
    """Everything seen so far; ``more`` are further fields of :class:`Facts`."""
    o.steps.settle()
    names, tables = o.steps.tables.freeze()
    trace, trace_step, complete, made = _trace(o)
    structure = _structure(o)  # before the sites are listed: it may add some
    root = max(o.roots.values(), key=lambda m: sum(p.numel() for p in m.parameters()), default=None)
    facts = Facts(
        ended=ended,
        seconds=time.perf_counter() - o.started if o.anchored else 0.0,
        own_seconds=o.steps.own_time,
        steps=o.steps.count,
        forwards=o.counts.forwards,
        backwards=o.counts.backwards,
        losses=o.counts.losses,
        zero_grads=o.counts.zero_grads,
        evaluations=o.counts.evaluations,
        manual_steps=o.manual.moved,
        unmoved_backwards=o.manual.still,
        grad_calls=o.counts.grad_calls,
        eval_mode_steps=o.counts.eval_mode_steps,
        weights_moved=_weights_moved(o),
        loss_sites=tuple(sorted(o.loss_sites, key=lambda s: -o.loss_sites[s])),
        device=_device(o),
        model=class_name(root) if root is not None else "",
        model_parameters=sum(p.numel() for p in root.parameters()) if root is not None else 0,
        roots=len(o.roots),
        versions=versions(),
        sites=o.sites.sites(),
        optimizers=o.steps.facts(),
        schedulers=tuple(s.freeze() for s in o.schedulers.values()),
        parameters=names,
        module_sites={n: o.module_sites[i] for i, n in o.module_names.items() if i in o.module_sites},
        module_kinds={
            o.module_names[id(m)]: type(m).__name__
            for r in o.roots.values()
            for m in r.modules()
            if id(m) in o.module_names
        },
        trace=trace,
        trace_step=trace_step,
        trace_complete=complete,
        leaves=o.leaves,
        features=_features(o),
        task=_task(o),
        held_out=_held_out(o, ended),
        nonfinite=o.nonfinite,
        mode_layers=tuple(o.mode_layers),
        interventions=tuple(str(a.args.get("label", type(a).__name__)) for a in o.appliers),
        not_applied=tuple(str(a.args.get("label", type(a).__name__)) for a in o.appliers if not a.applied),
        notes=tuple(o.notes),
        loss_operation=made,
        detached_at=_detached(o),
        structure=structure,
        signals=_signals(o),
        distributed=o.ranks.freeze(ended, more.get("crash")),
    )
    facts = _first_crash(o, _with(facts, more))
    return Recording(
        facts=facts,
        columns=_columns(o)
        | mean_loss_column(facts.distributed, facts.steps)
        | held_out_columns(facts.held_out, facts.steps)
        | pool_column(o, ended),
        tables={k: np.asarray(v, dtype=np.float64) for k, v in tables.items()},
        events=np.asarray(o.events, dtype=np.int64).reshape(-1, 3),
    )


def freeze_columns(o: Observer, ended: str, **more: Any) -> Recording:
    """The numbers of the steps alone: plain values that were taken already."""
    o.steps.settle()
    facts = Facts(
        ended=ended,
        seconds=time.perf_counter() - o.started if o.anchored else 0.0,
        own_seconds=o.steps.own_time,
        steps=o.steps.count,
        forwards=o.counts.forwards,
        backwards=o.counts.backwards,
        losses=o.counts.losses,
        zero_grads=o.counts.zero_grads,
        evaluations=o.counts.evaluations,
        versions=versions(),
        sites=o.sites.sites(),
        nonfinite=o.nonfinite,
        notes=tuple(o.notes),
    )
    return Recording(
        facts=_with(facts, more),
        columns=_columns(o),
        events=np.asarray(o.events, dtype=np.int64).reshape(-1, 3),
    )


def _columns(o: Observer) -> dict[str, Array]:
    return {
        name: np.array(column, dtype=np.float64) for name, column in zip(COLUMNS, o.steps.rows.columns(), strict=True)
    }


def _held_out(o: Observer, ended: str) -> tuple[HeldOut, ...]:
    """The evaluation passes of the script, or else what a change set aside for one."""
    found = o.held_out.freeze()
    if found or ended not in CAME_TO_AN_END:
        return found
    try:
        return tuple(h for h in (applier.held_out() for applier in o.appliers) if h is not None)
    except Exception as error:  # the user's data set may not like to be asked once more
        o.fail(f"samples set aside could not be evaluated: {type(error).__name__}: {error}")
        return ()


def held_out_columns(groups: tuple[HeldOut, ...], steps: int) -> dict[str, Array]:
    """At every step the last loss on held-out data, of the evaluation pass that ends highest, and the last error."""
    errors = [(g, tuple(None if a is None else 1 - a for a in g.accuracy)) for g in groups]
    measures = {"held_out_loss": [(g, g.loss) for g in groups], "held_out_error": errors}
    found = {}
    for name, by_group in measures.items():
        known = [(g.steps, values) for g, values in by_group if g.steps and values[-1] is not None]
        if not known or not steps:
            continue
        at, values = max(known, key=lambda pair: pair[1][-1] or 0.0)
        found[name] = column = np.full(steps, np.nan)
        for step, value in zip(at, values, strict=True):
            if value is not None:
                column[0 if not np.isfinite(column).any() else min(step, steps - 1) :] = value
    return found


def mean_loss_column(distributed: Distributed | None, steps: int) -> dict[str, Array]:
    """The loss at every step as the mean over all processes, where each of them told all of its own."""
    if distributed is None or len(distributed.ranks) < distributed.world_size:
        return {}
    told = [[math.nan if v is None else v for v in rank.losses] for rank in distributed.ranks]
    if any(len(losses) != steps for losses in told):
        return {}
    return {"loss": np.asarray(told, dtype=np.float64).mean(0)}


def _first_crash(o: Observer, facts: Facts) -> Facts:
    """Of several processes that crashed, the one that did so first: the others mostly miss it."""
    if facts.distributed is None:
        return facts
    crashed = [r for r in facts.distributed.ranks if r.crash is not None]
    if not crashed:
        ended = facts.distributed.ranks[0].ended
        return msgspec.structs.replace(facts, crash=None, ended=ended) if facts.crash is not None else facts
    first = min(crashed, key=lambda r: r.crash.at if r.crash is not None else math.inf)
    if first.crash is None or first.rank == facts.distributed.ranks[0].rank:
        return facts
    told = first.crash
    crash = Crash(
        kind=told.kind,
        message=f"in process {first.rank} of {facts.distributed.world_size}: {told.message}",
        site=o.sites.place(told.path, told.line, "") if told.path else -1,
        traceback="",
        step=first.steps,
    )
    return msgspec.structs.replace(facts, crash=crash, ended="crashed", sites=o.sites.sites())


def pool_column(o: Observer, ended: str) -> dict[str, Array]:
    """At every step the task loss of the final model over batches of the whole replay."""
    if not o.measure_task or ended not in CAME_TO_AN_END:
        return {}
    return {"pool_loss": np.full(o.steps.count, o.pool.loss())}


def _with(facts: Facts, more: dict[str, Any]) -> Facts:
    return msgspec.structs.replace(facts, **more) if more else facts


def _trace(o: Observer) -> tuple[tuple[Operation, ...], int, bool, int]:
    """The last complete trace; else what there is of the running one."""
    for step, operations, complete, made in reversed(o.traces):
        if operations and any(op.phase == "loss" or op.inputs for op in operations):
            cut = max(0, len(operations) - MAX_STORED_OPERATIONS)
            return _shortened(operations), step, complete, max(-1, made - cut)
    return _shortened(tuple(o.tracer.operations)), o.steps.count, False, -1


def _detached(o: Observer) -> int:
    for _, operations, _, _ in o.traces:
        for op in operations:
            first = op.inputs[0] if op.inputs else None
            cuts = op.name in ("detach", "detach_", "data") and op.recorded
            if cuts and first is not None and first.derived and not first.parameter and first.shape:
                return op.site
    return -1


def _features(o: Observer) -> Features | None:
    if o.features is None or not o.features.batches:
        return None
    try:
        return o.features.freeze()
    except Exception as error:  # a strange tensor of the user's must not cost the whole recording
        o.fail(f"the inputs were not recorded: {type(error).__name__}: {error}")
        return None


def _structure(o: Observer) -> Structure | None:
    try:
        return o.structure.freeze(o.targets)
    except Exception as error:  # a strange object of the user's must not cost the whole recording
        o.fail(f"the structure was not recorded: {type(error).__name__}: {error}")
        return None


def _signals(o: Observer) -> Signals:
    try:
        return o.signals.freeze()
    except Exception as error:  # a strange object of the user's must not cost the whole recording
        o.fail(f"signals were not recorded: {type(error).__name__}: {error}")
        return Signals()


def _shortened(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """The last operations (the loss is at the end), with origins that still point at them."""
    cut = max(0, len(operations) - MAX_STORED_OPERATIONS)
    if not cut:
        return operations
    return tuple(
        msgspec.structs.replace(
            op,
            inputs=tuple(
                msgspec.structs.replace(i, origin=max(-1, i.origin - cut), lost=max(-1, i.lost - cut))
                for i in op.inputs
            ),
        )
        for op in operations[cut:]
    )


def _task(o: Observer) -> TaskFacts | None:
    if o.task_kind == "unknown":
        return None
    trivial, std = o.targets.trivial_loss(o.task_kind), o.targets.std()
    return TaskFacts(
        kind=o.task_kind,
        loss_name=o.task_loss,
        loss_site=o.task_site,
        classes=o.targets.classes,
        trivial_loss=trivial if trivial is not None and math.isfinite(trivial) else None,
        target_std=std if std is not None and math.isfinite(std) else None,
    )


def _weights_moved(o: Observer) -> bool:
    if o.manual.moved:
        return True
    return any(r > 0 for r in o.steps.rows.columns(COLUMNS.index("update_ratio"))[0])


def _device(o: Observer) -> str:
    for root in o.roots.values():
        for parameter in root.parameters():
            return str(parameter.device.type)
    return "cpu"


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    return {
        "sgd-doctor": __version__,
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
        "python": platform.python_version(),
        "platform": platform.system(),
    }
