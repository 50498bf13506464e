"""observe → diagnose → Report: what the command line and the notebook both call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgd_doctor.assemble import report_of
from sgd_doctor.check import Check
from sgd_doctor.diagnosis import Examiner
from sgd_doctor.findings import Intervention
from sgd_doctor.fixing import add_fixes
from sgd_doctor.lab import Lab
from sgd_doctor.options import DEFAULT_OBSERVE_SECONDS, Options, chosen_checks
from sgd_doctor.proof.case import Diagnosis
from sgd_doctor.proof.suggest import LrSuggester
from sgd_doctor.recording import Recording, load
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Harness, Target
from sgd_doctor.run.replays import ProbeRequest, Replays
from sgd_doctor.run.spec import Note, RunSpec
from sgd_doctor.silenced import drop_silenced

HOW_REPLAYED = {
    "process": "probes ran in fresh processes",
    "snapshot": "probes ran in this process, from the same state each time",
    "none": "nothing could be rerun",
}
"""Where the watched process was not forked."""


EVERY_STEP = 1e9
"""Overhead that is never reached: with a seed, which steps are measured must not hang on the clock."""


@dataclass(frozen=True)
class Outcome:
    """A finished diagnosis.  ``patched`` maps the user's files to their repaired text."""

    report: Report
    recording: Recording
    patched: dict[str, str]
    interrupted: bool = False


@dataclass
class Talk:
    """Where progress and the script's output go."""

    say: Callable[[str], None] = lambda _: None
    echo: Callable[[bytes], None] = lambda _: None
    on_note: Callable[[Note], None] = lambda _: None


def run_spec(options: Options) -> RunSpec:
    """The observed run as the options want it."""
    return RunSpec(
        output="",
        max_steps=options.max_steps,
        min_steps=options.min_steps,
        overhead=options.overhead if options.seed is None else EVERY_STEP,
        soft_seconds=DEFAULT_OBSERVE_SECONDS if options.steps is None else options.time_limit,
    )


def diagnose_target(target: Target, options: Options, talk: Talk, command: str | None = None) -> Outcome:
    """Diagnose a script, module or notebook in a child process."""
    checks, notes = chosen_checks(options)
    harness = Harness(
        target,
        run=run_spec(options),
        shield=not options.allow_writes,
        seed=options.seed,
        echo=talk.echo,
        on_note=talk.on_note,
    )
    try:
        talk.say(f"running {target.name}")
        recording = harness.observe(time.monotonic() + options.time_limit)
        return conclude(recording, harness, checks, options, talk, notes, command)
    finally:
        harness.close()


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

    def probe(arms: Sequence[tuple[Intervention, ...]], steps: int, measure_task: bool) -> list[Recording | None]:
        return harness.probe([ProbeRequest(arm, steps, measure_task) for arm in arms], deadline=deadline)

    def tell(what: str) -> None:
        talk.say(f"{what} (at most {max(0.0, deadline - time.monotonic()):.0f} s left)")

    lab = Lab(recording, probe, tell)
    talk.say(f"watched {recording.steps} steps; looking for causes")
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
    return Outcome(report, recording, patched, interrupted)


def _no_probe(arms: Sequence[tuple[Intervention, ...]], steps: int, measure_task: bool) -> list[Recording | None]:  # noqa: ARG001
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
