"""Where a line of the original stands in an edited text."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from sgd_doctor.findings import Edit


def follow_line(before: str, after: str, line: int) -> int:
    """The line of ``after`` that is line ``line`` of ``before``: unmoved, moved as a whole, or else at the same place.

    Lines count from 1.
    """
    old, new = before.splitlines(), after.splitlines()
    if not 1 <= line <= len(old):
        return line
    at = line - 1
    changed: list[int] = []
    near = at
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal" and i1 <= at < i2:
            return j1 + at - i1 + 1
        if tag != "equal":
            changed += range(j1, j2)
            if i1 <= at < i2:
                near = min(j1 + at - i1, max(j2 - 1, j1))
    moved = [j for j in changed if new[j].strip() == old[at].strip()]
    return (min(moved, key=lambda j: abs(j - near)) if moved else near) + 1


def moved(edit: Edit, before: str, after: str) -> Edit:
    """``edit``, whose lines are those of ``before``, for ``after``."""

    def place(key: str, value: Any) -> Any:
        is_line = key.endswith("line") and isinstance(value, int)
        return follow_line(before, after, value) if is_line else value

    return Edit(edit.kind, {key: place(key, value) for key, value in edit.args.items()})
