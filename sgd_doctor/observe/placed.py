"""Warnings of torch's Python functions keep the place in the user's code that a plain run gives them.

``warnings.warn(..., stacklevel=2)`` counts frames, and a traced call has more of them: ours, the dispatch in
``torch.overrides``, and the function's own frame a second time.  Warnings that torch raises from C++ take the innermost
Python frame and cannot be moved that way.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from types import CodeType
from typing import Any

import torch.overrides

OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
DISPATCH = torch.overrides.__file__


def placed(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``func(*args, **kwargs)``, with what it warns of placed as without us."""
    original = warnings.warn

    def warn(message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **more: Any) -> None:
        # One more for this function, which counts as the caller of the original.
        original(message, category, _level(stacklevel) + 1, source, **more)

    warnings.warn = warn
    try:
        return func(*args, **kwargs)
    finally:
        warnings.warn = original


def _level(wanted: int) -> int:
    """The level, from the caller of ``warn`` on, of the frame that would be number ``wanted`` without us."""
    frame, level, counted = sys._getframe(2), 1, 0
    inner: CodeType | None = None
    skipped = False
    while True:
        code = frame.f_code
        ours = code.co_filename.startswith(OWN) or code.co_filename == DISPATCH
        if not ours:
            counted += not (skipped and code is inner)
            inner, skipped = code, False
        skipped |= ours
        if counted == wanted or frame.f_back is None:
            return level
        frame, level = frame.f_back, level + 1
