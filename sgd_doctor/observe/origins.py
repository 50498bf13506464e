"""Where an object was built that existed before the watching began."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterable
from types import FrameType

from sgd_doctor.notebooks import executed_cells


def construction(thing: object, paths: Iterable[str]) -> tuple[str, int] | None:
    """Path and line of the assignment that built ``thing``, where the sources leave no doubt.

    Args:
        thing: an object that a function on the stack knows under some name.
        paths: files of the user's; in a notebook all its cells are read as well.
    """
    names, kind = _names_of(thing, sys._getframe(1)), type(thing).__name__
    files, cells = list(dict.fromkeys(paths)), executed_cells()
    found = [(path, line) for path in files if path not in cells for line in _assignments(path, names, kind)]
    if found:
        return found[0] if len(found) == 1 else None
    for cell in sorted(cells, key=lambda name: -cells[name]):
        lines = _assignments(cell, names, kind)
        if lines:
            return cell, lines[-1]  # what ran last is what the name stands for
    return None


def _names_of(thing: object, frame: FrameType | None) -> set[str]:
    found: set[str] = set()
    seen: set[int] = set()
    while frame is not None:
        spaces = [frame.f_locals] if id(frame.f_globals) in seen else [frame.f_locals, frame.f_globals]
        seen.add(id(frame.f_globals))
        found.update(name for space in spaces for name, value in list(space.items()) if value is thing)
        frame = frame.f_back
    return found


def _assignments(path: str, names: set[str], kind: str) -> list[int]:
    """Lines of the calls of ``kind`` whose result gets one of the names."""
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError):
        return []
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            called = getattr(node.value.func, "attr", getattr(node.value.func, "id", ""))
            if called == kind and any(isinstance(t, ast.Name) and t.id in names for t in targets):
                lines.append(node.value.lineno)
    return lines
