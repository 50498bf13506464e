"""The notebook that this process runs, if it runs one."""

from __future__ import annotations

import sys


def executed_cells() -> dict[str, int]:
    """File names of the cells that this process's notebook has run, with their numbers."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    numbers = getattr(getattr(interactive, "compile", None), "_filename_map", None)
    return dict(numbers) if isinstance(numbers, dict) else {}
