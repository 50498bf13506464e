"""The code of a notebook file, without a Jupyter server."""

from __future__ import annotations

import json
from pathlib import Path

from sgd_doctor.errors import UsageError

TRANSPARENT = ("%%time", "%%capture", "%%sgd_doctor")
"""Magics under which a cell runs as it would without them."""


def source_of(path: str) -> str:
    """All code cells joined; magics (``%``, ``%%``, ``!``) become comments, so that line numbers stay.

    Raises:
        UsageError: the file is no notebook of format 4 in Python.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        cells = [c for c in data["cells"] if c["cell_type"] == "code"]
        sources = ["".join(c["source"]) for c in cells]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a notebook: {type(error).__name__}: {error}") from error
    return "\n".join(f"# cell {number}\n{_plain(text)}" for number, text in enumerate(sources, 1)) + "\n"


def _plain(cell: str) -> str:
    lines = cell.splitlines()
    magic = lines[0].lstrip() if lines else ""
    if magic.startswith("%%") and not magic.startswith(TRANSPARENT):
        return "\n".join(f"# {text}" for text in lines)
    return "\n".join(_without_magic(text) for text in lines)


def _without_magic(text: str) -> str:
    stripped = text.lstrip()
    if not stripped.startswith(("%", "!")) and not (stripped.endswith("?") and " " not in stripped):
        return text
    return f"{text[: len(text) - len(stripped)]}pass  # {stripped}"
