"""Drawing in a process beside the diagnosis: what was watched is drawn while causes are still looked for."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sgd_doctor.report import Report
from sgd_doctor.run.reaping import die_with_parent

DRAWN = ("html", "png")
"""Forms that take long enough to be begun before the report is finished."""
_PARENT = Path(__file__).resolve().parent.parent
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, {folder!r}); '' in sys.path and sys.path.remove('');"
    " from sgd_doctor.studio import main; main({parent})"
)
LAST_SECONDS = 5.0


class Studio:
    """A process that draws reports.  Where it fails, nothing is drawn ahead, and no more than that.

    It is told one line for each piece of work: the form that is wanted (empty: only get ready for it), and the files
    of the report and of the result.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        """``wanted``: forms of the report; nothing is started where none of them is drawn."""
        self.wanted = bool(set(wanted) & set(DRAWN))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Studio:
        return self

    def begin(self) -> None:
        """Start the process."""
        if self.wanted:
            self.folder = tempfile.TemporaryDirectory(prefix="sgd-doctor-drawn-", ignore_cleanup_errors=True)
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP.format(folder=str(_PARENT), parent=os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def prepare(self, report: Report) -> None:
        """Begin to draw; returns at once."""
        self._ask("", report)

    def render(self, report: Report, form: str) -> bytes | None:
        """The report in one of :data:`DRAWN`; None where it is not one of them, or could not be drawn here."""
        result = self._ask(form, report) if form in DRAWN else None
        with contextlib.suppress(OSError):
            if result is not None and self.process is not None and self.process.stdout is not None:
                return result.read_bytes() if self.process.stdout.readline() else None
        return None

    def _ask(self, form: str, report: Report) -> Path | None:
        if self.process is None or self.process.stdin is None:
            return None
        folder = Path(self.folder.name)
        asked, result, beside = folder / "report.json", folder / f"drawn.{form}", folder / "next.json"
        try:
            beside.write_text(report.to_json(), encoding="utf-8")
            os.replace(beside, asked)
            self.process.stdin.write(f"{form}\t{asked}\t{result}\n".encode())
            self.process.stdin.flush()
        except OSError:
            return None
        return result

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self.process.communicate(timeout=LAST_SECONDS)
            self.folder.cleanup()


def main(parent: int) -> None:
    """Serve until there is no more to do."""
    die_with_parent(parent)
    from sgd_doctor.render import html, words
    from sgd_doctor.render.pictures import Gallery

    gallery = Gallery(os.cpu_count() or 1)
    for line in sys.stdin.buffer:
        form, asked, result = line.decode().rstrip("\n").split("\t")
        report = Report.from_json(Path(asked).read_bytes())
        if form == "html":
            Path(result).write_text(html.page(report, gallery), encoding="utf-8")
        elif form == "png":
            Path(result).write_bytes(gallery.png(words.printable(report)))
        else:
            gallery.prepare(words.printable(report))
        if form:
            print("drawn", flush=True)
