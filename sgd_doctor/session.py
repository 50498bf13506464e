"""observe → diagnose → Report: what the command line and the notebook both call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sgd_doctor.assemble import report_of
from sgd_doctor.check import Check
from sgd_doctor.diagnosis import Examiner
from sgd_doctor.findings import Intervention
from sgd_doctor.fix import import_editing
from sgd_doctor.fixing import add_fixes
from sgd_doctor.lab import Lab
from sgd_doctor.options import Options, chosen_checks
from sgd_doctor.proof.case import Diagnosis
from sgd_doctor.proof.suggest import LrSuggester
from sgd_doctor.recording import Recording, load
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Harness, Target
from sgd_doctor.run.replays import Replays
from sgd_doctor.silenced import drop_silenced
from sgd_doctor.start import Talk, started

HOW_REPLAYED = {
    "process": "probes ran in fresh processes",
    "snapshot": "probes ran in this process, from the same state each time",
    "none": "nothing could be rerun",
}
"""Where the watched process was not forked."""


@dataclass(frozen=True)
class Outcome:
    """A finished diagnosis.  ``patched`` maps the user's files to their repaired text."""

    report: Report
    recording: Recording
    patched: dict[str, str]
    interrupted: bool = False


def diagnose_target(
    target: Target, options: Options, talk: Talk, command: str | None = None, executor: Executor | None = None
) -> Outcome:
    """Diagnose a script, module or notebook in a child process; an ``executor`` makes the replays elsewhere."""
    with closing(started(target, options, talk, executor)) as harness:
        return diagnose_started(harness, options, talk, command)


def diagnose_started(harness: Harness, options: Options, talk: Talk, command: str | None = None) -> Outcome:
    """The same for a target that is running already."""
    deadline = time.monotonic() + options.time_limit
    checks, notes = chosen_checks(options)
    import_editing()
    return conclude(harness.observe(deadline), harness, checks, options, talk, notes, command)


def attend_target(target: Target, options: Options, talk: Talk) -> None:
    """Run a target beside the process that reports: it is watched, and tells that one what it saw."""
    with closing(started(target, options, talk)) as harness:
        harness.observe(time.monotonic() + options.time_limit)


def conclude(
    recording: Recording,
    harness: Replays,
    checks: Sequence[Check],
    options: Options,
    talk: Talk,
    notes: Sequence[str] = (),
    command: str | None = None,
) -> Outcome:
    """Examine what was observed, with replays by ``harness``."""
    deadline = time.monotonic() + options.budget

    def tell(what: str) -> None:
        talk.say(f"{what} (at most {max(0.0, deadline - time.monotonic()):.0f} s left)")

    lab = Lab(recording, harness.probes_until(deadline), tell)
    talk.say(f"watched {recording.steps} steps; looking for causes")
    talk.on_report(report_of(recording, Diagnosis(), lab, replay=harness.replay, command=command))
    examiner = Examiner(
        lab,
        checks,
        seconds_left=lambda: deadline - time.monotonic(),
        probes=options.probes and harness.replay != "none" and not harness.interrupted,
    )
    interrupted = harness.interrupted
    try:
        diagnosis = examiner.examine()
        if "lr" in options.suggest:
            LrSuggester(examiner.case).suggest()
    except KeyboardInterrupt:
        interrupted, diagnosis = True, examiner.result
    drop_silenced(diagnosis, checks)
    diagnosis.notes.extend(notes)
    if interrupted:
        diagnosis.notes.append("interrupted: this is what was known by then")
    if harness.why_not_forked:
        diagnosis.notes.append(f"{HOW_REPLAYED[harness.replay]}: {harness.why_not_forked}")
    patched = {} if interrupted else add_fixes(diagnosis, harness, lab, deadline, tell)
    report = report_of(recording, diagnosis, lab, replay=harness.replay, command=command)
    talk.on_report(report)
    return Outcome(report, recording, patched, interrupted)


def _no_probe(arms: Sequence[tuple[Intervention, ...]], *_: object, **__: object) -> list[Recording | None]:
    return [None] * len(arms)


def diagnose_recording(path: Path, options: Options) -> Outcome:
    """Diagnose a saved recording: everything that needs no replay."""
    recording = load(path)
    checks, notes = chosen_checks(options)
    lab = Lab(recording, _no_probe)
    examiner = Examiner(lab, checks, seconds_left=lambda: 0.0, probes=False)
    diagnosis: Diagnosis = examiner.examine()
    drop_silenced(diagnosis, checks)
    diagnosis.notes.extend((*notes, "diagnosed from a saved recording: nothing could be rerun"))
    return Outcome(report_of(recording, diagnosis, lab, replay="none", command=None), recording, {})
