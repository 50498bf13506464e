"""Layers that are built for another number of inputs than they get."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import origin
from sgd_doctor.fix.source import Source, called_name, keyword, positional

_ARITHMETIC: dict[type[cst.BaseBinaryOp], Callable[[int, int], int]] = {
    cst.Add: operator.add,
    cst.Subtract: operator.sub,
    cst.Multiply: operator.mul,
    cst.FloorDivide: operator.floordiv,
    cst.Power: operator.pow,
}
_DEPTH = 8


def set_in_features(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Build the only ``Linear(args["size"], args["out"])`` of the file for ``args["value"]`` inputs."""
    found = [
        first
        for call in source.all(cst.Call)
        if called_name(call) == "Linear"
        and (first := keyword(call, "in_features") or positional(call, 0)) is not None
        and (second := keyword(call, "out_features") or positional(call, 1)) is not None
        and number(source, first.value) == int(args["size"])
        and number(source, second.value) == int(args["out"])
    ]
    if len(found) != 1:
        return None
    return [Change(*source.outer_span(found[0].value), str(int(args["value"])))]


def number(source: Source, node: cst.BaseExpression, depth: int = _DEPTH) -> int | None:
    """The value of an expression of integers and of names that are assigned once."""
    node = origin(source, node)
    if isinstance(node, cst.Integer):
        return int(node.value.replace("_", ""), 0)
    if not isinstance(node, cst.BinaryOperation) or not depth:
        return None
    compute = _ARITHMETIC.get(type(node.operator))
    left, right = number(source, node.left, depth - 1), number(source, node.right, depth - 1)
    if compute is None or left is None or right is None:
        return None
    try:
        return compute(left, right)
    except (ArithmeticError, ValueError):
        return None


def widen_embedding(source: Source, _args: dict[str, Any]) -> list[Change] | None:
    """One row more for the only ``Embedding`` of the file, unless there is one for padding or unknown words already."""
    calls = [call for call in source.all(cst.Call) if called_name(call) == "Embedding"]
    first = keyword(calls[0], "num_embeddings") or positional(calls[0], 0) if len(calls) == 1 else None
    if first is None:
        return None
    if not isinstance(first.value, cst.Name | cst.Attribute | cst.Call):
        return []
    return [Change(source.outer_span(first.value)[1], source.outer_span(first.value)[1], " + 1")]
