"""The faces of a report: text, JSON, HTML, PNG, SARIF and GitHub annotations.

Each face is one module that reads only a :class:`~sgd_doctor.report.Report`.  They are imported
when asked for: matplotlib, Jinja2 and rich cost time that ``--help`` must not pay.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from sgd_doctor.errors import UsageError
from sgd_doctor.report import Report

__all__ = ["FORMATS", "render", "write_report"]

_FACES = {
    "text": ("terminal", "plain_text"),
    "json": ("json", "text"),
    "html": ("html", "page"),
    "png": ("figure", "page"),
    "sarif": ("sarif", "text"),
    "github": ("github", "text"),
}
FORMATS = tuple(_FACES)
"""Names that :func:`render` knows."""

_SUFFIXES = {
    ".txt": "text",
    ".json": "json",
    ".html": "html",
    ".htm": "html",
    ".png": "png",
    ".sarif": "sarif",
}


def render(report: Report, fmt: str) -> str | bytes:
    """The report in one form: bytes for ``png``, text for all others.

    Raises:
        UsageError: ``fmt`` is not one of :data:`FORMATS`.
    """
    if fmt not in _FACES:
        raise UsageError(f"unknown report format {fmt!r}; known formats: {', '.join(FORMATS)}")
    module, function = _FACES[fmt]
    face: Callable[[Report], str | bytes] = getattr(import_module(f"{__name__}.{module}"), function)
    return face(report)


def write_report(report: Report, path: Path, fmt: str | None = None, *, content: str | bytes | None = None) -> None:
    """Write the report to ``path`` whole, or leave what was there untouched.

    Args:
        report: what to write.
        path: where.
        fmt: one of :data:`FORMATS`; None: what the suffix of ``path`` says.
        content: the report in this form, where it was rendered already.

    Raises:
        UsageError: the form is unknown, or the file cannot be written.
    """
    if content is None:
        content = render(report, fmt if fmt is not None else _format_of(path))
    data = content if isinstance(content, bytes) else content.encode()
    try:
        _replace(path, data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _format_of(path: Path) -> str:
    """The form that goes with a file's suffix."""
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = " ".join(_SUFFIXES)
        raise UsageError(
            f"cannot tell the report format of {path}: known suffixes are {known}; or name the format"
        ) from None


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside ``path``, then move it there in one step."""
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # /dev/stdout or a pipe: replacing it would destroy it
        return
    path = path.resolve()  # a link is written through, not replaced
    beside = path.with_name(f".sgd-doctor-{uuid.uuid4().hex}.tmp")
    try:
        beside.write_bytes(data)
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o7777)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
