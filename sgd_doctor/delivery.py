"""A finished report on its way: printed, written, bundled, exported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sgd_doctor.bundle import require_folder, write_bundle
from sgd_doctor.errors import UsageError
from sgd_doctor.report import Report

if TYPE_CHECKING:
    from sgd_doctor.recording import Recording
    from sgd_doctor.studio import Studio

Outputs = list[tuple[str, Path | None]]
"""Forms of the report and the file of each (None: standard output)."""


def require_folders(bundle: str | None, tensorboard: str | None) -> None:
    """The folders of ``--bundle`` and ``--tensorboard`` can be written.

    Raises:
        UsageError: one cannot, or TensorBoard is not installed.
    """
    require_folder("--bundle", bundle)
    require_folder("--tensorboard", tensorboard)
    if tensorboard is not None:
        from sgd_doctor.integrations.tensorboard import require_tensorboard

        require_tensorboard()


def export(
    bundle: str | None, tensorboard: str | None, report: Report, recording: Recording | None, seed: int
) -> list[str]:
    """Write what ``--bundle`` and ``--tensorboard`` ask for, and name it."""
    written = []
    if bundle is not None:
        names = write_bundle(Path(bundle), report, recording, seed)
        written.append(f"{bundle} ({', '.join(names)})")
    if tensorboard is not None:
        from sgd_doctor.integrations.tensorboard import write_events

        write_events(Path(tensorboard), report, recording)
        written.append(tensorboard)
    return written


def deliver(report: Report, outputs: Outputs, studio: Studio, *, asked: bool) -> list[str]:
    """Write every form, and name the files; text on a terminal is printed with colours.

    Args:
        report: what is delivered.
        outputs: its forms; one that cannot be written (a full disk) does not keep the others back.
        studio: where some of the forms may have been drawn by now.
        asked: whether the user named the forms; else a file that cannot be written is told and no error.

    Raises:
        UsageError: a file that was asked for cannot be written.
    """
    from sgd_doctor.render import render, write_report

    studio.prepare(report)
    written: list[str] = []
    failed: list[UsageError] = []
    for form, path in outputs:
        if path is not None:
            try:
                write_report(report, path, form, content=studio.render(report, form))
            except UsageError as error:
                failed.append(error)
            else:
                written.append(str(path))
        elif form == "text":
            _print_text(report)
        else:
            text = render(report, form)
            sys.stdout.write(text if isinstance(text, str) else text.decode())
            sys.stdout.write("\n")
    if failed and asked:
        raise failed[0]
    for failure in failed:
        print(f"sgd-doctor: {failure}", file=sys.stderr)
    return written


def _print_text(report: Report) -> None:
    from rich.console import Console

    from sgd_doctor.render.terminal import print_report

    console = Console(highlight=False, soft_wrap=False)
    print_report(report, console)


def open_page(outputs: Outputs) -> None:
    """Show the HTML report in the browser, where one was written."""
    import webbrowser

    for form, path in outputs:
        if form == "html" and path is not None:
            webbrowser.open(path.resolve().as_uri())
