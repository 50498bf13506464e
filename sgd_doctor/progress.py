"""What is being tried and why: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status

    from sgd_doctor.run.spec import Note

DIM, RESET = b"\x1b[2m", b"\x1b[0m"


class Progress:
    """Speaks on standard error, so that a report on standard output stays clean; not at all where ``quiet``."""

    def __init__(self, quiet: bool = False) -> None:
        self.started = time.monotonic()
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.status: Status | None = None

    def __enter__(self) -> Progress:
        if self.live:
            from rich.console import Console

            self.status = Console(stderr=True).status("starting")
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self.status.stop()

    def say(self, text: str) -> None:
        """One thing that begins now."""
        if self.quiet:
            return
        if self.status is not None:
            from rich.markup import escape

            self.status.update(f"{escape(text)} [dim]· {time.monotonic() - self.started:.0f} s so far[/dim]")
        else:
            print(f"sgd-doctor: {text}", file=sys.stderr, flush=True)

    def note(self, note: Note) -> None:
        """News of the watched run; only a live line shows every step."""
        if self.status is not None and note.at == "step":
            loss = f", loss {note.loss:.4g}" if note.loss is not None else ""
            self.say(f"watching: step {note.step}{loss}")

    def script_output(self, data: bytes) -> None:
        """What the script printed, dimmed on a terminal; control sequences of its own are taken out."""
        if self.quiet:
            return
        if self.live:
            data = DIM + data.replace(b"\x1b", b"") + RESET
        stream = getattr(sys.stderr, "buffer", None)
        if stream is not None:
            stream.write(data)
        else:  # in a notebook
            sys.stderr.write(data.decode(errors="replace"))
        sys.stderr.flush()
