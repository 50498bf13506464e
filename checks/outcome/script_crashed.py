"""script-crashed: an exception ended the script; the known ones are explained."""

from __future__ import annotations

import re

from sgd_doctor.check import Check
from sgd_doctor.crash_edits import crash_edits
from sgd_doctor.crashes import LOST_PEER, explain
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Crash, Recording


class ScriptCrashed(Check):
    """An exception ended the script.

    ## What it means
    The script raised; the line is the innermost one of your own code. Common exceptions are translated.

    ## Why it hurts
    Nothing after that line ran.

    ## How it is proven
    It happened.

    ## How to fix it
    The report says what the exception usually means at such a line, and what to change.

    ## Example
    Bad:

        nn.Linear(64, 9)          # ten classes: IndexError: Target 9 is out of bounds.

    Good:

        nn.Linear(64, 10)

    ## Known limits
    An exception that is not in the table is reported as it is.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/faq.html>
    """

    name = "script-crashed"
    family = "outcome"
    summary = "the script raised an exception, explained where it is a known one"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The exception that ended the script, or a process that was killed."""
        crash = recording.facts.crash
        if crash is None:
            return self._killed(recording)
        if crash.kind in ("KeyboardInterrupt",):
            return None
        meaning, advice = explain(crash)
        place = recording.site(crash.site)
        first = crash.message.strip().splitlines()[0][:160] if crash.message.strip() else crash.kind
        tensors = tuple(
            Evidence("tensor", text, "", f"{name}: {text}") for name, text in list(crash.locals.items())[:6]
        )
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{meaning} ({crash.kind}: {first})" if meaning else f"{crash.kind}: {first}",
            rule=Rule.SYMPTOM if _missed_another(recording, crash) else Rule.FACT,
            location=recording.location(crash.site),
            evidence=(
                Evidence("exception", crash.kind, "none", f"{crash.kind} after {crash.step} steps: {first}"),
                *tensors,
            ),
            explains=("missing-step", "missing-backward", "undertrained"),
            advice=advice or "read the traceback above; nothing after this line ran",
            edits=crash_edits(crash, place.line) if place is not None else (),
        )

    def _killed(self, recording: Recording) -> Suspicion | None:
        facts = recording.facts
        if facts.ended != "killed":
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=facts.notes[0] if facts.notes else "the script's process was killed",
            rule=Rule.FACT,
            evidence=(Evidence("exit_code", facts.exit_code, "0", "the process ended without a Python exception"),),
            advice="a crash in native code, or memory ran out: watch the memory, and run with python -X faulthandler",
        )


def _missed_another(recording: Recording, crash: Crash) -> bool:
    """Whether the exception only says that another process was gone."""
    return recording.facts.distributed is not None and re.search(LOST_PEER, crash.message) is not None
