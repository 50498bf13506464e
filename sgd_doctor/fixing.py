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
from sgd_doctor.check import NotChecked, registered
from sgd_doctor.errors import MissingExtra
from sgd_doctor.findings import Edit, Fix, Severity
from sgd_doctor.fix import edit_source, read_source, unified_diff
from sgd_doctor.fix.lines import moved
from sgd_doctor.lab import Lab
from sgd_doctor.proof.case import Diagnosis, Proven
from sgd_doctor.proof.held_out import HELD_OUT
from sgd_doctor.recording import Recording
from sgd_doctor.run.replays import Replays

SHARE_OF_GAIN = 0.5
"""A diff is offered where the edited script keeps at least this share of what the treated run gained."""
LEAST_SECONDS = 2.0
FALL = 0.95
"""Where the original could not train at all, the edited script's loss has to fall at least to this share."""
FALL_STEPS = 60
WHOLE_STEPS = 400
"""So many steps of a script are run again where what is wrong shows at an evaluation only."""


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

    Returns:
        The repaired text of each edited file, all offered edits together.
    """
    if not harness.editable:
        return {}
    fixer = _Fixer(harness, lab, deadline, say)
    try:
        for proven in diagnosis.proven:
            if proven.finding.severity is not Severity.ADVICE:
                fixer.add(proven)
    except MissingExtra as error:
        diagnosis.notes.append(str(error))
    return _patched(fixer.kept) or {}


class _Fixer:
    """Runs the edited script for one finding after the other.

    An edit that shows nothing by itself waits for those of the next findings: of two faults the first may have to be
    mended before the second can be seen, but only both together learn.
    """

    def __init__(self, harness: Replays, lab: Lab, deadline: float, say: Callable[[str], None]) -> None:
        self.harness, self.lab, self.deadline, self.say = harness, lab, deadline, say
        self.kept: list[_Group] = []
        self.waiting: list[_Group] = []
        self.unmended = 0
        """Causes so far that have no edit: what comes after them was proven with them treated."""

    def add(self, proven: Proven) -> None:
        group = _group(proven)
        if group is None:
            self.unmended += 1
        elif not self.harness.patchable or (self.harness.replay == "none" and self.lab.observed.facts.backwards):
            group.fix("", verified=False)
            self.kept.append(group)
        elif self.deadline - time.monotonic() < LEAST_SECONDS:
            group.fix("there was no time left to run the edited script", verified=False)
            self.kept.append(group)
        else:
            self.say(f"{proven.finding.check}: running the edited script")
            tried = self.best_together(group)
            self.kept.extend(tried)
            self.waiting = [g for g in (*self.waiting, group) if g not in tried]

    def best_together(self, group: _Group) -> list[_Group]:
        """The groups whose edited script did better, this one last; none where it did not."""
        for together in ([*self.waiting, group], [group]) if self.waiting else ([group],):
            patches = _patched([*self.kept, *together])
            measured = self.run(group.proven, patches, len(self.waiting) + 1 - len(together)) if patches else None
            if measured:
                others = ", ".join(g.proven.finding.check for g in together[:-1])
                for other in together[:-1]:
                    other.fix(f"together with the fix of {group.proven.finding.check}: {measured}")
                group.fix(f"together with the fix of {others}: {measured}" if others else measured)
                return together
        return []

    def run(self, proven: Proven, patches: dict[str, str], left_out: int) -> str | None:
        """What the edited script measured, in words; None where it did not do better."""
        proof = proven.finding.proof
        steps = proof.steps if proof is not None else self.steps_without_proof(proven)
        metric = proof.metric if proof is not None else "loss"
        task = metric != "loss"
        recording = self.harness.run_patched(patches, self.lab.limit(steps), measure_task=task, deadline=self.deadline)
        if recording is None or not recording.steps or _crashed(recording, self.lab.observed, proven):
            return None
        if proof is None or proof.treated is None:
            return _gone(recording, proven)
        baseline = proof.baseline
        if metric in HELD_OUT:
            value = HELD_OUT[metric](recording)
        else:
            scale = self.lab.scale(metric, steps)
            value = scale.raw(recording, min(steps, recording.steps)) if scale is not None else None
            if scale is not None and self.unmended + left_out:
                # The proof's own control had another cause treated, which this script still has.
                written = scale.raw(self.lab.observed, steps)
                baseline = min((v for v in (baseline, written) if v is not None), default=None)
        if value is None or not _keeps(value, baseline, proof.treated):
            return None
        name = metric.replace("_", " ")
        old = "a value that is not finite" if baseline is None else f"{baseline:.3g}"
        return f"the edited script, run for {recording.steps} steps: {name} {value:.3g} instead of {old}"

    def steps_without_proof(self, proven: Proven) -> int:
        """Steps of an edited script that no treated run stands beside: past a crash, or past an evaluation."""
        observed = self.lab.observed
        crash = observed.facts.crash
        if crash is not None and proven.finding.check == "script-crashed":
            return crash.step + FALL_STEPS
        return max(FALL_STEPS, min(observed.steps, WHOLE_STEPS))


def _group(proven: Proven) -> _Group | None:
    """What would be edited; None where no edit is safe."""
    place = proven.finding.location
    if not proven.edits or place is None:
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


def _keeps(value: float, baseline: float | None, treated: float) -> bool:
    return baseline is None or baseline - value >= SHARE_OF_GAIN * (baseline - treated)


def _crashed(recording: Recording, observed: Recording, proven: Proven) -> bool:
    """Whether the edited script raises, other than where the original does so too and something else was mended."""
    crash, before = recording.facts.crash, observed.facts.crash
    if crash is None or proven.finding.check == "script-crashed" or before is None:
        return crash is not None
    return crash.kind != before.kind


def _gone(recording: Recording, proven: Proven) -> str | None:
    """Where no treated run tells what to expect: the finding is gone, and the loss falls."""
    check = registered().get(proven.finding.check)
    try:
        again = check().suspect(recording) if check is not None else None
    except NotChecked:
        again = None
    loss = recording.column("loss")
    start, end = stats.finite_mean(loss[:3]), stats.finite_mean(stats.tail(loss))
    if again is not None or not (math.isfinite(end) and end < FALL * start):
        return None
    return f"the edited script, run for {recording.steps} steps: the loss falls from {start:.3g} to {end:.3g}"
