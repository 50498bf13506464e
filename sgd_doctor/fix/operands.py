"""Changing one operand of a call or an operator: casts, transposes, guards, factors."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.names import enclosing_class, self_assignments
from sgd_doctor.fix.source import (
    Source,
    called_name,
    is_primary,
    keyword,
    last_name,
    normalised,
    positional,
    root_name,
)
from sgd_doctor.fix.target import loss_operand

LOSS, MODULE = "loss", "module"
"""In the place of a function's name: the loss of the line, by its name or what it was made of; the layer or model."""
NAMESPACES = {"F", "torch", "nn", "functional", "special", "np", "numpy", "math"}
_OPERATORS: dict[str, tuple[type[cst.BaseBinaryOp], ...]] = {
    "div": (cst.Divide,),
    "pow": (cst.Power,),
    "sub": (cst.Subtract,),
}


def change_operand(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Put ``args["how"]``, where ``{}`` stands for what is there, in the place of an operand at ``args["line"]``.

    ``function`` is the last name of what is called (or ``div``, ``pow`` of an operator), :data:`LOSS` or
    :data:`MODULE`; ``operand`` the number of the argument, the tensor before the dot of a method being number 0, or
    the name of a keyword argument; for a loss ``input`` or ``target``.  With ``all`` every such call is changed,
    otherwise there has to be one alone.
    """
    found = _found(source, args)
    if not found or (len(found) > 1 and not args.get("all")):
        return None
    return [change for node in found for change in rewritten(source, node, str(args["how"]))]


def _found(source: Source, args: dict[str, Any]) -> list[cst.BaseExpression]:
    line, function, operand = int(args["line"]), str(args["function"]), args["operand"]
    if function == LOSS:
        node = loss_operand(source, args, str(operand))
        return [node] if node is not None else []
    if function == MODULE:
        calls = [call for call in source.at(cst.Call, line) if is_layer(source, call)]
        inner = [c for c in calls if not any(o is not c and c in source.ancestors(o) for o in calls)]
    else:
        inner = [call for call in source.at(cst.Call, line) if called_name(call).strip("_") == function.strip("_")]
    found = [node for call in inner if (node := operand_of(call, operand)) is not None]
    kinds = _OPERATORS.get(function, ())
    binary = [node for node in source.at(cst.BinaryOperation, line) if isinstance(node.operator, kinds)]
    return found + [node.right if operand == 1 else node.left for node in binary]


def is_layer(source: Source, call: cst.Call) -> bool:
    """Whether ``call`` runs a model, or a layer that the class around it has assigned to ``self``."""
    if is_forward(source, call):
        return True
    owner = enclosing_class(source, call)
    func = call.func
    if owner is None or not isinstance(func, cst.Attribute) or last_name(func.value) != "self":
        return False
    return bool(self_assignments(source, owner, func.attr.value)) and bool(call.args)


def operand_of(call: cst.Call, operand: int | str) -> cst.BaseExpression | None:
    """Argument ``operand`` of ``call``, by number or by name."""
    if isinstance(operand, str):
        named = keyword(call, operand)
        return named.value if named is not None else None
    func = call.func
    plain = isinstance(func, cst.Attribute) and (root_name(func) not in NAMESPACES or not _is_chain(func.value))
    if plain and isinstance(func, cst.Attribute) and last_name(func.value) != "self":
        if operand == 0:
            return func.value
        operand -= 1
    given = positional(call, operand)
    return given.value if given is not None else None


def _is_chain(node: cst.BaseExpression) -> bool:
    """``a.b.c`` and nothing else: what could be a module of Python."""
    return isinstance(node, cst.Name) or (isinstance(node, cst.Attribute) and _is_chain(node.value))


def rewritten(source: Source, node: cst.BaseExpression, how: str) -> list[Change]:
    """``how`` with the code of ``node`` for ``{}``; nothing where it stands there already."""
    before, after = how.split("{}")
    code = normalised(source.code(node))
    if _has(code, how):
        return []
    binds = (before + after).strip() and not (after.startswith(".") and not before)
    if not is_primary(node) and not before.endswith("("):
        before, after = before + "(", ")" + after
    start, end = source.outer_span(node)
    if binds and not _closed(how) and not _stands_alone(source, node):
        before, after = "(" + before, after + ")"
    return [Change(start, start, before), Change(end, end, after)]


def _has(code: str, how: str) -> bool:
    """Whether ``code`` is what ``how`` makes of something."""
    mark = "mark_of_the_operand"
    before, after = normalised(how.replace("{}", mark)).split(mark)
    return len(code) > len(before) + len(after) and code.startswith(before) and code.endswith(after)


def _closed(how: str) -> bool:
    """Whether what ``how`` makes can be called, subscripted or multiplied as it is."""
    body = ast.parse(how.replace("{}", "x"), mode="eval").body
    return isinstance(body, ast.Call | ast.Attribute | ast.Subscript | ast.Name)


def _stands_alone(source: Source, node: cst.BaseExpression) -> bool:
    parent = source.parent(node)
    return isinstance(parent, cst.Arg | cst.Assign | cst.AnnAssign | cst.Return | cst.Element)
