"""Letting parameters learn again that were frozen."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import only, statements_at
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, last_name


def unfreeze(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``p.requires_grad = True`` for what the statement at ``args["line"]`` switches off."""
    statement = only(statements_at(source, int(args["line"]), lambda node: _frozen(node) is not None))
    value = _frozen(statement) if statement is not None else None
    if value is None:
        return None
    if last_name(value) == "True":
        return []
    return [Change(*source.outer_span(value), "True")]


def _frozen(node: cst.BaseSmallStatement) -> cst.BaseExpression | None:
    """What ``requires_grad`` is set to."""
    if isinstance(node, cst.Assign) and len(node.targets) == 1:
        return node.value if last_name(node.targets[0].target) == "requires_grad" else None
    call = node.value if isinstance(node, cst.Expr) else None
    if isinstance(call, cst.Call) and called_name(call) == "requires_grad_" and len(call.args) == 1:
        return call.args[0].value
    return None
