"""Replacements of stretches of text, the common currency of all edits.

An edit reads the syntax tree but hands back text replacements at offsets of the *original*
source.  What it does not name stays as it was, byte for byte, and several edits may refer to the
same original lines because none of them sees the result of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Change(NamedTuple):
    """Put ``text`` in the place of ``source[start:end]``; ``start == end`` inserts."""

    start: int
    end: int
    text: str


def apply_changes(source: str, changes: Iterable[Change]) -> str | None:
    """``source`` with all ``changes`` made, or ``None`` where two of them collide.

    Equal changes are made once: two edits may both want the same statement.  Insertions at one
    place keep their order.
    """
    # Python's sort is stable, so insertions at one offset stay in the order they were asked for
    # and stand before a deletion that begins there.
    ordered = sorted(dict.fromkeys(changes), key=lambda change: (change.start, change.end))
    pieces: list[str] = []
    position = 0
    for change in ordered:
        if change.start < position:
            return None
        pieces += [source[position : change.start], change.text]
        position = change.end
    pieces.append(source[position:])
    return "".join(pieces)
