"""Source diffs for proven causes: made, run, and offered with what that run measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from sgd_doctor import stats
from sgd_doctor.assemble import shown_path
from sgd_doctor.errors import MissingExtra
from sgd_doctor.findings import Edit, Fix, Severity
from sgd_doctor.fix import edit_source, read_source, unified_diff
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


def add_fixes(
    diagnosis: Diagnosis, harness: Replays, lab: Lab, deadline: float, say: Callable[[str], None]
) -> dict[str, str]:
    """Add diffs to the findings that have a safe edit.

    Returns:
        The repaired text of each edited file, all verified edits together.
    """
    kept: list[tuple[str, Edit]] = []
    if not harness.editable:
        return {}
    for proven in diagnosis.proven:
        if proven.finding.severity is Severity.ADVICE or not proven.edits or proven.finding.location is None:
            continue
        path = proven.finding.location.path
        edits = [complete(edit, proven) for edit in proven.edits]
        try:
            fix = _fix(proven, path, edits, kept, harness, lab, deadline, say)
        except MissingExtra as error:
            diagnosis.notes.append(str(error))
            return {}
        if fix is None:
            continue
        proven.finding = msgspec.structs.replace(proven.finding, fix=fix)
        kept.extend((path, edit) for edit in edits)
    return _patched(kept)


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


def _patched(kept: Sequence[tuple[str, Edit]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in dict.fromkeys(p for p, _ in kept):
        text = edit_source(read_source(Path(path)), [e for p, e in kept if p == path])
        if text is not None:
            found[path] = text
    return found


def _fix(
    proven: Proven,
    path: str,
    edits: Sequence[Edit],
    before: Sequence[tuple[str, Edit]],
    harness: Replays,
    lab: Lab,
    deadline: float,
    say: Callable[[str], None],
) -> Fix | None:
    """The fix with its diff, or None where no safe edit exists or the edited script did no better."""
    text = proven.finding.fix.text
    try:
        source = read_source(Path(path))
    except (OSError, UnicodeError):
        return None
    after = edit_source(source, edits)
    if after is None:
        return None
    diff = unified_diff(shown_path(path) or path, source, after)
    if not harness.patchable or (harness.replay == "none" and proven.finding.check != "missing-backward"):
        return Fix(text, diff)
    if deadline - time.monotonic() < LEAST_SECONDS:
        return Fix(text, diff, measured="there was no time left to run the edited script")
    say(f"{proven.finding.check}: running the edited script")
    together = _patched([*before, *((path, e) for e in edits)])
    measured = run_edited(proven, together, harness, lab, deadline)
    return Fix(text, diff, verified=True, measured=measured) if measured else None


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
