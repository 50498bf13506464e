"""Values as Python source, written the way people write them."""

from __future__ import annotations

import ast
import math
from typing import Any

import libcst as cst


def literal(value: Any, quote: str = '"') -> str | None:
    """``value`` as source text: ``0.003``, ``1e-5``; ``None`` for what no literal can say."""
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str) and value.isidentifier():
        return f"{quote}{value}{quote}"
    if value is None or isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, list | tuple):
        parts = [literal(item, quote) for item in value]
        known = [part for part in parts if part is not None]
        if len(known) != len(parts):
            return None
        if isinstance(value, list):
            return "[" + ", ".join(known) + "]"
        return "(" + ", ".join(known) + ("," if len(known) == 1 else "") + ")"
    return None


def _float(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    # Twelve digits hide the noise of arithmetic (0.1 * 3), which no recommended value resolves.
    text = repr(float(f"{value:.12g}"))
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else text


def known_value(node: cst.CSTNode, code: str) -> tuple[Any] | None:
    """The value of a literal expression, in a tuple of one; ``None`` where it is none."""
    if not isinstance(node, cst.BaseExpression):
        return None
    try:
        return (ast.literal_eval(code.strip()),)
    except (ValueError, SyntaxError, TypeError):
        return None


def equal(left: Any, right: Any) -> bool:
    """Whether two literal values are the same setting (``0`` and ``0.0`` are, ``0`` and ``False`` not)."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=0.0)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)
