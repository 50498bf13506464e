"""From a recording and a diagnosis to the Report."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from sgd_doctor import stats
from sgd_doctor.findings import Finding, Location, Severity, finite
from sgd_doctor.lab import Lab
from sgd_doctor.notebooks import executed_cells
from sgd_doctor.proof.case import Diagnosis
from sgd_doctor.recording import EVENTS, Array, Recording
from sgd_doctor.report import (
    ActivationCurve,
    Curves,
    FeatureScales,
    Histogram,
    LayerCurve,
    Report,
    RunInfo,
    Series,
    TargetInfo,
    TargetScales,
    TimelineEntry,
)

CURVE_POINTS = 1000
MAX_LAYERS = 64
MAX_FEATURES = 512
LARGEST = 1e300
"""Larger statistics of features stand for values that are not finite."""
LEAST_STEPS = 3
"""With fewer optimizer steps and no finding nothing is said about the health of a run."""
TIMELINE_STEP = 2


def report_of(recording: Recording, diagnosis: Diagnosis, lab: Lab, *, replay: str, command: str | None) -> Report:
    """The report of one diagnosis."""
    facts = recording.facts
    findings = tuple(relative(p.finding) for p in diagnosis.proven)
    verdict = verdict_of(recording, findings, diagnosis.undecided)
    return Report(
        target=TargetInfo(kind=facts.kind, path=shown_path(facts.path), argv=facts.argv),
        verdict=verdict,
        summary=summary_of(recording, verdict, findings, diagnosis.undecided),
        findings=findings,
        run=RunInfo(
            steps=recording.steps,
            seconds=round(facts.seconds, 3),
            probes=tuple(lab.infos),
            ended=facts.ended,
            device=facts.device,
            overhead=overhead(recording),
            versions=facts.versions,
            command=command,
            replay=replay,
        ),
        curves=curves(recording),
        ruled_out=tuple(diagnosis.ruled_out),
        not_checked=tuple(diagnosis.not_checked),
        passed=tuple(diagnosis.passed),
        notes=(*facts.notes, *diagnosis.notes),
        layers=layers(recording),
        features=features(recording),
        timeline=timeline(recording),
        activations=activations(recording),
        targets=targets(recording),
        suggested_lr=diagnosis.suggested_lr,
    )


def verdict_of(recording: Recording, findings: Sequence[Finding], undecided: str) -> str:
    """healthy, unhealthy or inconclusive."""
    if any(f.severity is not Severity.ADVICE for f in findings):
        return "unhealthy"
    return "inconclusive" if recording.steps < LEAST_STEPS or undecided else "healthy"


def summary_of(recording: Recording, verdict: str, findings: Sequence[Finding], undecided: str) -> str:
    """The verdict in one or two sentences."""
    steps = f"{recording.steps} optimizer step{'' if recording.steps == 1 else 's'}"
    if verdict == "unhealthy":
        problems = [f for f in findings if f.severity is not Severity.ADVICE]
        more = f" ({len(problems) - 1} more below)" if len(problems) > 1 else ""
        return f"{problems[0].title}{more}."
    if verdict == "healthy":
        stage = stats.last_stage(recording.column("optimizer"))
        loss = recording.column("loss")[stage:]
        start, end = stats.finite_median(loss[:3]), stats.finite_mean(stats.tail(loss))
        late = f" from step {stage} on" * (stage > 0)
        fell = (
            f"; the loss went from {start:.3g} to {end:.3g}{late}"
            if math.isfinite(start) and math.isfinite(end)
            else ""
        )
        return f"{steps} were watched and nothing harmful was found{fell}."
    if undecided:
        return f"{undecided[0].upper()}{undecided[1:]}. No cause was found."
    if recording.facts.notes and not recording.steps:
        return f"No training step was seen: {recording.facts.notes[0]}."
    return f"Only {steps} made: too few to say whether the loop learns."


def relative(finding: Finding) -> Finding:
    """The finding with its path as the user would write it."""
    place = finding.location
    if place is None:
        return finding
    shown = shown_path(place.path) or place.path
    return msgspec.structs.replace(finding, location=Location(shown, place.line, place.end_line, place.code))


def shown_path(path: str | None) -> str | None:
    """``path`` relative to the working directory where it lies inside it; of a notebook's cell, its name there."""
    if path is None or not os.path.isabs(path):
        return path
    cell = executed_cells().get(path)
    if cell is not None:
        return f"In[{cell}]"
    relative_path = os.path.relpath(path)
    return path if relative_path.startswith("..") else relative_path


def overhead(recording: Recording) -> float | None:
    """Run time with recording over the time without, from the time spent in recording."""
    own, whole = recording.facts.own_seconds, recording.facts.seconds
    return round(whole / (whole - own), 3) if whole > own > 0 else None


def series(values: Array) -> Series:
    """Values for the report: six digits, None where not finite."""
    return tuple(finite(float(f"{v:.6g}")) if math.isfinite(v) else None for v in values.tolist())


def curves(recording: Recording) -> Curves:
    """Loss, gradient norm and hyperparameters, thinned to :data:`CURVE_POINTS`."""
    stride = max(1, math.ceil(recording.steps / CURVE_POINTS))
    return Curves(
        loss=series(recording.column("loss")[::stride]),
        grad_norm=series(recording.column("grad_norm")[::stride]),
        lr=series(recording.column("lr")[::stride]),
        step=tuple(range(0, recording.steps, stride)),
        momentum=series(recording.column("momentum")[::stride]),
        weight_decay=series(recording.column("weight_decay")[::stride]),
    )


def layers(recording: Recording) -> tuple[LayerCurve, ...]:
    """Gradient norm and update ratio of each parameter at the sampled steps."""
    norms, ratios = recording.tables.get("grad_norm"), recording.tables.get("update_ratio")
    steps = recording.tables.get("sampled_steps")
    if norms is None or ratios is None or steps is None or norms.ndim != 2 or not len(steps):
        return ()
    names = recording.facts.parameters[: norms.shape[1]]
    whole = tuple(int(s) for s in steps)
    return tuple(
        LayerCurve(name=name, steps=whole, grad_norm=series(norms[:, i]), update_ratio=series(ratios[:, i]))
        for i, name in enumerate(names[:MAX_LAYERS])
    )


def features(recording: Recording) -> FeatureScales | None:
    """Scales of the features that reach the first weight layer."""
    found = recording.facts.features
    if found is None or not found.mean:
        return None
    stride = max(1, math.ceil(len(found.mean) / MAX_FEATURES))
    parts = (np.asarray(v)[::stride] for v in (found.mean, found.std, found.minimum, found.maximum))
    mean, std, low, high = (tuple(finite(float(x)) if abs(x) < LARGEST else None for x in part) for part in parts)
    histograms = []
    for number, counts in zip(found.sampled, found.histograms, strict=False):
        if (histogram := _histogram(found.minimum[number], found.maximum[number], counts, number)) is not None:
            histograms.append(histogram)
    return FeatureScales(found.source, mean, std, low, high, stride, tuple(histograms))


def _histogram(low: float | None, high: float | None, counts: tuple[int, ...], feature: int = 0) -> Histogram | None:
    """A histogram for the report; None where nothing finite was counted."""
    if low is None or high is None or not max(abs(low), abs(high)) < LARGEST or not any(counts):
        return None
    return Histogram(low, high, counts, feature)


def activations(recording: Recording) -> tuple[ActivationCurve, ...]:
    """Dead and saturated shares of each activation."""
    found = []
    items = recording.facts.signals.activations[:MAX_LAYERS]
    modules = Counter(item.module for item in items)
    for item in items:
        place = _shown(recording, item.site)
        where = f"{item.function} {place.path}:{place.line}" if place is not None else item.function
        # A module that calls several functions does not tell them apart.
        name = item.module if item.module and modules[item.module] == 1 else where
        dead, saturated = (series(np.asarray(values, dtype=np.float64)) for values in (item.dead, item.saturated))
        found.append(ActivationCurve(name, item.function, item.steps, dead, saturated))
    return tuple(found)


def targets(recording: Recording) -> TargetScales | None:
    """What the loss was asked to predict."""
    seen, task = recording.facts.signals.targets, recording.facts.task
    mean, std, low, high = (None if v is None else finite(v) for v in (seen.mean, seen.std, seen.minimum, seen.maximum))
    if not seen.counts and all(value is None for value in (mean, std, low, high)):
        return None
    counts = dict(list(seen.counts.items())[:MAX_FEATURES])
    histogram = None if counts else _histogram(low, high, seen.histogram)
    return TargetScales(task.kind if task is not None else "unknown", counts, mean, std, low, high, histogram)


def timeline(recording: Recording) -> tuple[TimelineEntry, ...]:
    """The events of one typical step, repeated ones once."""
    events = recording.events
    if not len(events):
        return ()
    step = min(TIMELINE_STEP, int(events[:, 0].max()))
    entries: list[TimelineEntry] = []
    for _, kind, site in events[events[:, 0] == step].tolist():
        entry = TimelineEntry(EVENTS[kind], _shown(recording, site))
        if entry not in entries[-4:] and len(entries) < 24:
            entries.append(entry)
    return tuple(entries)


def _shown(recording: Recording, site: int) -> Location | None:
    place = recording.location(site)
    if place is None:
        return None
    return Location(shown_path(place.path) or place.path, place.line, place.end_line, place.code)
