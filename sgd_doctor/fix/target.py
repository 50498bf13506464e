"""Bringing the two operands of a loss to one shape."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.names import assigned_value, bindings, origin, parameter
from sgd_doctor.fix.source import (
    Source,
    called_name,
    is_primary,
    keyword,
    normalised,
    positional,
)

_METHOD = re.compile(r"(unsqueeze|squeeze)(?:_(?:input|target|prediction))?(?:\((-?\d+)\))?$")
_LOSS_NAME = re.compile(r"loss|crit|entropy|mse|bce|nll|objective|huber|l1|kl_div", re.IGNORECASE)


def reshape_target(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Reshape one operand of the loss at ``args["line"]``.

    ``how`` is ``unsqueeze`` (the target, unless told otherwise) or ``squeeze_input`` /
    ``squeeze``; ``operand`` names ``target`` or ``input``, ``dim`` the dimension (default 1).
    For a difference written by hand ``side`` tells which side of the minus is to be changed.
    """
    how = _METHOD.match(str(args["how"]))
    if how is None:
        return None
    method = f".{how[1]}({how[2] or args.get('dim', 1)})"
    operand = args.get("operand") or _meant(str(args["how"]))
    found = loss_operand(source, args, operand)
    if found is None:
        return None
    other = _other_side(source, found)
    if other is not None and _is_parameter(source, found):
        # A loss function of the user's own may be called elsewhere with shapes that agree already.
        method = f".reshape_as({source.code(other)})"
    return _reshaped(source, found, method)


def _other_side(source: Source, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """What ``node`` is subtracted from, or what is subtracted from it, where that is short."""
    above = source.parent(node)
    if not isinstance(above, cst.BinaryOperation):
        return None
    other = above.right if above.left is node else above.left
    return other if isinstance(other, cst.Name) else None


def _is_parameter(source: Source, node: cst.BaseExpression) -> bool:
    found = bindings(source, node) if isinstance(node, cst.Name) else []
    return len(found) == 1 and parameter(source, found[0].node) is not None


def _meant(how: str) -> str:
    if how.endswith(("_input", "_prediction")):
        return "input"
    return "input" if how.startswith("squeeze") and "target" not in how else "target"


def loss_operand(source: Source, args: dict[str, Any], operand: str) -> cst.BaseExpression | None:
    """What the loss at ``args["line"]`` takes as ``input`` or ``target``; ``None`` where it is not plain which."""
    line = int(args["line"])
    hint = args.get("target_expr_hint")
    calls = [call for call in source.at(cst.Call, line) if is_loss(source, call)]
    if calls:
        return _of_call(source, calls, operand, hint)
    differences = [node for node in source.at(cst.BinaryOperation, line) if _is_difference(node)]
    if hint is not None and len(differences) > 1:
        differences = [node for node in differences if _matches(source, (node.left, node.right), hint)]
    if len(differences) == 1:
        return _of_difference(source, differences[0], operand, args.get("side"), hint)
    calls = [call for call in source.at(cst.Call, line) if _two_plain(call)]
    return _of_call(source, calls, operand, hint) if not differences else None


def is_loss(source: Source, call: cst.Call) -> bool:
    """Whether ``call`` computes a loss from two operands, by its name or by what it was made of."""
    if not _two_plain(call):
        return False
    made = called_name(origin(source, call.func))
    name = called_name(call) or called_name(call.func)
    return bool(_LOSS_NAME.search(name) or made.endswith("Loss") or (name == "sub"))


def _two_plain(call: cst.Call) -> bool:
    given = [positional(call, 0) or keyword(call, "input"), positional(call, 1) or keyword(call, "target")]
    return all(given) and not any(arg.star for arg in call.args)


def _of_call(source: Source, calls: list[cst.Call], operand: str, hint: str | None) -> cst.BaseExpression | None:
    if hint is not None and len(calls) > 1:
        calls = [call for call in calls if _matches(source, [arg.value for arg in call.args], hint)]
    if len(calls) != 1:
        return None
    call = calls[0]
    index = 0 if operand == "input" else 1
    given = keyword(call, operand) or positional(call, index)
    return given.value if given is not None else None


def _matches(source: Source, nodes: Any, hint: str) -> bool:
    return any(normalised(source.code(node)) == normalised(hint) for node in nodes)


def _is_difference(node: cst.BinaryOperation) -> bool:
    return isinstance(node.operator, cst.Subtract) and not any(
        isinstance(side, cst.BaseNumber) for side in (node.left, node.right)
    )


def _of_difference(
    source: Source, node: cst.BinaryOperation, operand: str, side: str | None, hint: str | None
) -> cst.BaseExpression | None:
    if side in ("left", "right"):
        return node.left if side == "left" else node.right
    if hint is None:
        return _beside_output(source, node, operand)
    for target, other in ((node.left, node.right), (node.right, node.left)):
        if _matches(source, [target], hint):
            return target if operand == "target" else other
    return None


def _beside_output(source: Source, node: cst.BinaryOperation, operand: str) -> cst.BaseExpression | None:
    """The side asked for, where one of them alone is what a model gave."""
    outputs = [side for side in (node.left, node.right) if _is_output(source, side)]
    if len(outputs) != 1:
        return None
    other = node.right if outputs[0] is node.left else node.left
    return outputs[0] if operand == "input" else other


def _is_output(source: Source, node: cst.BaseExpression) -> bool:
    """Whether ``node`` calls a model, or is a name that was last given what one returned."""
    if any(is_forward(source, call) for call in source.all(cst.Call, node)):
        return True
    found = bindings(source, node) if isinstance(node, cst.Name) else []
    value = assigned_value(source, found[-1].node) if found else None
    return isinstance(value, cst.Call) and is_forward(source, value)


def _reshaped(source: Source, node: cst.BaseExpression, method: str) -> list[Change]:
    start, end = source.outer_span(node)
    code = normalised(source.code(node))
    if code.endswith(normalised(method)) or ".reshape_as(" in code:
        return []
    if is_primary(node):
        return [Change(end, end, method)]
    return [Change(start, start, "("), Change(end, end, ")" + method)]
