"""Comparisons of predictions with labels that cannot give an accuracy."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.arguments import append_keyword
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import assigned_value, bindings
from sgd_doctor.fix.operands import rewritten
from sgd_doctor.fix.source import Source, called_name, keyword, positional
from sgd_doctor.fix.thresholds import compared_with_zero, rounded

_CHOICES = {"argmax", "max"}


def mend_comparison(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Mend the comparison at ``args["line"]``.

    ``kind``: ``single`` (an argmax over the whole batch gets ``dim=1``), ``outer`` (``side``, which has a dimension of
    size 1 too many, is squeezed) or ``threshold`` (raw outputs are compared with 0).
    """
    line, kind = int(args["line"]), str(args["kind"])
    if kind == "threshold":
        return _thresholds(source, line)
    sides = _sides(source, line)
    if sides is None:
        return None
    if kind == "outer":
        return rewritten(source, sides[0 if args["side"] == "predictions" else 1], "{}.squeeze(1)")
    calls = {id(call): call for side in sides for call in _choices(source, side)}
    if len(calls) != 1:
        return None
    call = next(iter(calls.values()))
    return [] if keyword(call, "dim") is not None else append_keyword(source, call, "dim", "1")


def _sides(source: Source, line: int) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """Both sides of the only ``==`` or ``eq`` at ``line``."""
    found = [
        (node.left, node.comparisons[0].comparator)
        for node in source.at(cst.Comparison, line)
        if len(node.comparisons) == 1 and isinstance(node.comparisons[0].operator, cst.Equal)
    ]
    for call in source.at(cst.Call, line):
        given = positional(call, 0)
        if called_name(call) == "eq" and isinstance(call.func, cst.Attribute) and given is not None:
            found.append((call.func.value, given.value))
    return found[0] if len(found) == 1 else None


def _choices(source: Source, node: cst.BaseExpression) -> list[cst.Call]:
    """The argmax without a dimension that ``node`` is, or that its name was last given."""
    calls = [call for call in source.all(cst.Call, node) if _is_choice(call)]
    for name in source.all(cst.Name, node):
        values = [assigned_value(source, item.node) for item in bindings(source, name)]
        calls += [
            call for value in values if value is not None for call in source.all(cst.Call, value) if _is_choice(call)
        ]
    return calls


def _is_choice(call: cst.Call) -> bool:
    method = not (
        isinstance(call.func, cst.Attribute)
        and isinstance(call.func.value, cst.Name)
        and call.func.value.value == "torch"
    )
    return called_name(call) in _CHOICES and len(call.args) == (0 if method else 1)


def _thresholds(source: Source, line: int) -> list[Change] | None:
    changes: list[Change] = []
    for node in source.at(cst.Comparison, line):
        change = compared_with_zero(source, node)
        changes += [change] if change is not None else []
    for call in source.at(cst.Call, line):
        changes += rounded(source, call)
    return changes or None
