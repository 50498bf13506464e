"""Source diffs for proven causes: made, run, and offered with what that run measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sgd_doctor import stats
from sgd_doctor.assemble import shown_path
from sgd_doctor.errors import MissingExtra
from sgd_doctor.findings import Edit, Fix, Severity
from sgd_doctor.fix import edit_source, read_source, unified_diff
from sgd_doctor.fix.lines import moved
from sgd_doctor.lab import Lab
from sgd_doctor.proof.case import Diagnosis, Proven
from sgd_doctor.proof.held_out import last_held_out
from sgd_doctor.recording import Recording
from sgd_doctor.run.replays import Replays

SHARE_OF_GAIN = 0.5
"""A diff is offered where the edited script keeps at least this share of what the treated run gained."""
LEAST_SECONDS = 2.0
FALL = 0.95
"""Where the original could not train at all, the edited script's loss has to fall at least to this share."""
FALL_STEPS = 60


@dataclass(frozen=True)
class _Group:
    """The edits of one finding."""

    proven: Proven
    path: str
    edits: tuple[Edit, ...]
    diff: str

    def fix(self, measured: str, *, verified: bool = True) -> None:
        text = self.proven.finding.fix.text
        fix = Fix(text, self.diff, verified=verified, measured=measured)
        self.proven.finding = msgspec.structs.replace(self.proven.finding, fix=fix)


def add_fixes(
    diagnosis: Diagnosis, harness: Replays, lab: Lab, deadline: float, say: Callable[[str], None]
) -> dict[str, str]:
    """Add diffs to the findings that have a safe edit.

    An edit that shows nothing by itself waits for those of the next findings: of two faults the first may have to be
    mended before the second can be seen, but only both together learn.

    Returns:
        The repaired text of each edited file, all offered edits together.
    """
    if not harness.editable:
        return {}
    kept: list[_Group] = []
    waiting: list[_Group] = []
    for proven in diagnosis.proven:
        try:
            group = _group(proven)
        except MissingExtra as error:
            diagnosis.notes.append(str(error))
            return {}
        if group is None:
            continue
        if not harness.patchable or (harness.replay == "none" and proven.finding.check != "missing-backward"):
            group.fix("", verified=False)
        elif deadline - time.monotonic() < LEAST_SECONDS:
            group.fix("there was no time left to run the edited script", verified=False)
        else:
            say(f"{proven.finding.check}: running the edited script")
            tried = _try(group, kept, waiting, harness, lab, deadline)
            if tried is None:
                waiting.append(group)
                continue
            kept.extend(tried)
            waiting = [g for g in waiting if g not in tried]
            continue
        kept.append(group)
    return _patched(kept) or {}


def _group(proven: Proven) -> _Group | None:
    """What would be edited; None where there is nothing to mend or no safe edit."""
    place = proven.finding.location
    if proven.finding.severity is Severity.ADVICE or not proven.edits or place is None:
        return None
    edits = tuple(complete(edit, proven) for edit in proven.edits)
    try:
        source = read_source(Path(place.path))
    except (OSError, UnicodeError):
        return None
    after = edit_source(source, edits)
    if after is None:
        return None
    return _Group(proven, place.path, edits, unified_diff(shown_path(place.path) or place.path, source, after))


def _try(
    group: _Group,
    kept: Sequence[_Group],
    waiting: Sequence[_Group],
    harness: Replays,
    lab: Lab,
    deadline: float,
) -> list[_Group] | None:
    """The groups whose edited script did better, this one last; None where it did not."""
    for together in ([*waiting, group], [group]) if waiting else ([group],):
        patches = _patched([*kept, *together])
        measured = run_edited(group.proven, patches, harness, lab, deadline) if patches else None
        if measured:
            others = ", ".join(g.proven.finding.check for g in together[:-1])
            for other in together[:-1]:
                other.fix(f"together with the fix of {group.proven.finding.check}: {measured}")
            group.fix(f"together with the fix of {others}: {measured}" if others else measured)
            return together
    return None


def complete(edit: Edit, proven: Proven) -> Edit:
    """The edit with the line of the finding where it names none."""
    place = proven.finding.location
    key = "forward_line" if edit.kind == "standardise-inputs" else "line"
    needs = edit.kind in (
        "set-optimizer-arg",
        "set-call-arg",
        "drop-activation",
        "reshape-target",
        "standardise-inputs",
    )
    if place is None or key in edit.args or not needs:
        return edit
    line = proven.optimizer_line if edit.kind == "set-optimizer-arg" else place.line
    args = {key: line or place.line, **edit.args}
    if edit.kind == "set-optimizer-arg" and edit.args["arg"] in proven.hyperparameters:
        args.setdefault("current", proven.hyperparameters[edit.args["arg"]])
    return Edit(edit.kind, args)


def _patched(groups: Sequence[_Group]) -> dict[str, str] | None:
    """The text of every edited file; None where the edits do not go together."""
    found: dict[str, str] = {}
    for path in dict.fromkeys(g.path for g in groups):
        source = read_source(Path(path))
        mine = [g.edits for g in groups if g.path == path]
        text = edit_source(source, [e for edits in mine for e in edits]) or _one_by_one(source, mine)
        if text is None:
            return None
        found[path] = text
    return found


def _one_by_one(source: str, groups: Sequence[Sequence[Edit]]) -> str | None:
    """Edits that touch the same lines, each made on the text that the one before it left."""
    text = source
    for edits in groups:
        after = edit_source(text, [moved(edit, source, text) for edit in edits])
        if after is None:
            return None
        text = after
    return text


def run_edited(proven: Proven, patches: dict[str, str], harness: Replays, lab: Lab, deadline: float) -> str | None:
    """What the edited script measured, in words; None where it did not do better."""
    proof = proven.finding.proof
    steps = proof.steps if proof is not None else FALL_STEPS
    metric = "task_loss" if proof is not None and proof.metric == "held_out_loss" else proof.metric if proof else "loss"
    recording = harness.run_patched(patches, steps, measure_task=metric != "loss", deadline=deadline)
    if recording is None or not recording.steps:
        return None
    if proof is None or proof.treated is None:
        return _fell(recording)
    if proof.metric == "held_out_loss":
        value = last_held_out(recording)
    else:
        scale = lab.scale(metric, steps)
        value = scale.raw(recording, min(steps, recording.steps)) if scale is not None else None
    if value is None or not _keeps(value, proof.baseline, proof.treated):
        return None
    name = proof.metric.replace("_", " ")
    old = "a value that is not finite" if proof.baseline is None else f"{proof.baseline:.3g}"
    return f"the edited script, run for {recording.steps} steps: {name} {value:.3g} instead of {old}"


def _keeps(value: float, baseline: float | None, treated: float) -> bool:
    return baseline is None or baseline - value >= SHARE_OF_GAIN * (baseline - treated)


def _fell(recording: Recording) -> str | None:
    loss = recording.column("loss")
    start, end = stats.finite_mean(loss[:3]), stats.finite_mean(stats.tail(loss))
    if not (math.isfinite(end) and end < FALL * start):
        return None
    return f"the edited script, run for {recording.steps} steps: the loss falls from {start:.3g} to {end:.3g}"
