"""What ended the script: shown as python shows it, and kept for the report."""

from __future__ import annotations

import contextlib
import sys
import traceback
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.run.script import hide_own_frames

if TYPE_CHECKING:
    from sgd_doctor.run.watching import Run


def show(error: BaseException) -> None:
    """Print what ended the script as python does; a hook of the script's own that fails changes nothing."""
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as second:
        second.__context__ = None
        hide_own_frames(second)
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)


def keep_crash(run: Run, error: BaseException) -> None:
    """Keep what ended the script, with the innermost line of the user's own code."""
    from sgd_doctor.recording import Crash

    sites = run.observer.sites if run.observer is not None else run.early_sites
    site, names = _user_place(sites, error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    run.crash = Crash(
        kind=type(error).__name__,
        message=_text_of(error)[:2000],
        site=site,
        traceback=text[-8000:],
        step=run.observer.steps.count if run.observer is not None else 0,
        locals=names,
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:  # an exception class of the script's own may be broken itself, or try to exit
        return f"(its text cannot be had: {type(second).__name__})"


def _user_place(sites: SiteTable, trace: TracebackType | None) -> tuple[int, dict[str, str]]:
    site = -1
    names: dict[str, str] = {}
    while trace is not None:
        frame = trace.tb_frame
        if sites.is_user(frame.f_code) or site < 0:
            site = sites.place(frame.f_code.co_filename, trace.tb_lineno, frame.f_code.co_name)
            names = {}
            with contextlib.suppress(BaseException):  # what the user's values do when they are looked at is not known
                names = _describe(dict(frame.f_locals))
        trace = trace.tb_next
    return site, names


def _describe(values: dict[str, Any]) -> dict[str, str]:
    """Shapes, types and ranges of the tensors at the raising line; no other values leave the process."""
    found: dict[str, str] = {}
    for name, value in values.items():
        shape = getattr(value, "shape", None)
        if not isinstance(shape, tuple) or not hasattr(value, "dtype") or len(found) >= 12:
            continue
        text = f"{type(value).__name__}{tuple(shape)} {value.dtype}"
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(value, "numel") and 0 < value.numel() <= 1 << 20:
                plain = value.detach()
                text += f" in [{float(plain.min()):.4g}, {float(plain.max()):.4g}]"
        found[name] = text
    return found
