"""``x = x + y`` for ``x += y``: what others still need stays as it was."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import enclosing_class
from sgd_doctor.fix.source import Source, is_primary

_AUGMENTED: dict[type[cst.BaseAugOp], str] = {
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
}


def out_of_place(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Compute anew what the function around ``args["line"]`` changes in place.

    Without a line: what the ``forward`` methods of the file change in place.
    """
    if "line" in args:
        functions = [f for f in source.all(cst.FunctionDef) if source.covers(f, int(args["line"]))][-1:]
    else:
        functions = [
            f
            for f in source.all(cst.FunctionDef)
            if f.name.value == "forward" and enclosing_class(source, f) is not None
        ]
    found = [node for f in functions for node in source.all(cst.AugAssign, f.body)]
    found = [node for node in found if type(node.operator) in _AUGMENTED and isinstance(node.target, cst.Name)]
    return [change for node in found for change in _anew(source, node)] if found else None


def _anew(source: Source, node: cst.AugAssign) -> list[Change]:
    name, sign = source.code(node.target), _AUGMENTED[type(node.operator)]
    start, end = source.outer_span(node.value)
    changes = [Change(source.span(node)[0], start, f"{name} = {name} {sign} ")]
    simple = is_primary(node.value) or isinstance(node.value, cst.BaseNumber)
    if not simple:
        changes += [Change(start, start, "("), Change(end, end, ")")]
    return changes
