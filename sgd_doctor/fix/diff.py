"""Unified diffs that ``patch -p1`` and ``git apply`` take."""

from __future__ import annotations

import difflib
import re
from pathlib import PurePath

_NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_diff(path: str, before: str, after: str) -> str:
    """The diff from ``before`` to ``after`` with ``a/`` and ``b/`` headers; empty where they are equal.

    A carriage return belongs to its line, so a file with CRLF keeps it.
    """
    name = PurePath(path).as_posix().lstrip("/")
    # Without a tab behind it a name with a space ends at that space.
    tail = "\t" if " " in name else ""
    lines = difflib.unified_diff(_lines(before), _lines(after), fromfile=f"a/{name}{tail}", tofile=f"b/{name}{tail}")
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)


def _lines(text: str) -> list[str]:
    # str.splitlines also breaks at form feeds and Unicode separators, which patch does not.
    return re.findall(r"[^\n]*\n|[^\n]+", text)
