"""Where an object was built that existed before the watching began."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterable


def construction(kind: str, paths: Iterable[str]) -> tuple[str, int] | None:
    """Path and line of the call that builds a ``kind``, where the sources leave no doubt.

    Args:
        kind: name of the class.
        paths: files of the user's; where one is a cell of a notebook, the cells run latest are asked first.
    """
    files, cells = list(dict.fromkeys(paths)), executed_cells()
    if any(path in cells for path in files):
        files = [path for path in files if path not in cells]
        for cell in sorted(cells, key=lambda name: -cells[name]):
            lines = _calls(cell, kind)
            if lines:
                return (cell, lines[0]) if len(lines) == 1 else None
    found = [(path, line) for path in files for line in _calls(path, kind)]
    return found[0] if len(found) == 1 else None


def executed_cells() -> dict[str, int]:
    """File names of the cells that this process's notebook has run, with their numbers."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    numbers = getattr(getattr(interactive, "compile", None), "_filename_map", None)
    return dict(numbers) if isinstance(numbers, dict) else {}


def _calls(path: str, kind: str) -> list[int]:
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError):
        return []
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node.lineno for node in calls if getattr(node.func, "attr", getattr(node.func, "id", "")) == kind]
