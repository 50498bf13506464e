"""``sgd-doctor diagnose`` in a process that trains beside the one that reports."""

from __future__ import annotations

from sgd_doctor.errors import ExitCode
from sgd_doctor.options import Options
from sgd_doctor.progress import Progress
from sgd_doctor.run.echo import Limited
from sgd_doctor.run.launch import Target
from sgd_doctor.session import attend_target
from sgd_doctor.start import Talk


def attend(kind: str, target: str, arguments: tuple[str, ...], options: Options) -> int:
    """Run the target under observation; what was seen goes to the process that reports.

    Returns:
        The exit code, which is never that of a finding: one process says what was found.
    """
    with Progress() as progress:
        attend_target(Target(kind, target, arguments), options, Talk(echo=Limited(progress.script_output)))
    return ExitCode.OK
