"""The output that a loss was meant to take, where the file computes it and never reads it."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.metadata import ImportAssignment

from sgd_doctor.fix.blocks import siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.loops import assigned_name
from sgd_doctor.fix.names import assigned_value, bindings, readers
from sgd_doctor.fix.source import Source
from sgd_doctor.fix.target import loss_operand


def use_output(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Give the loss at ``args["line"]`` the model's output that stands, unread, before it in its block."""
    operand = loss_operand(source, args, "input")
    statement = source.statement_of(operand) if operand is not None else None
    if operand is None or statement is None:
        return None
    block = siblings(source, statement)
    unread = [name for item in block[: block.index(statement)] if (name := _unread_output(source, item)) is not None]
    names = [node for node in source.all(cst.Name, operand) if _is_variable(source, node)]
    if len(unread) != 1 or len({node.value for node in names}) != 1:
        return None
    return [Change(*source.span(node), unread[0]) for node in names]


def _unread_output(source: Source, item: cst.CSTNode) -> str | None:
    """The name that ``item`` gives to a model's output that nothing reads."""
    name = assigned_name(item) if isinstance(item, cst.BaseSmallStatement) else None
    if name is None or not isinstance(item, cst.Assign) or not isinstance(item.value, cst.Call):
        return None
    target = item.targets[0].target
    if not is_forward(source, item.value) or not isinstance(target, cst.Name):
        return None
    return name if not readers(source, target) else None


def _is_variable(source: Source, node: cst.Name) -> bool:
    """Whether ``node`` reads something that the file computes, and no setting, module or function."""
    found = bindings(source, node)
    parent = source.parent(node)
    if not found or (isinstance(parent, cst.Call) and parent.func is node):
        return False
    if any(
        isinstance(item, ImportAssignment) or isinstance(item.node, cst.FunctionDef | cst.ClassDef) for item in found
    ):
        return False
    values = [assigned_value(source, item.node) for item in found]
    return not any(isinstance(value, cst.BaseNumber | cst.BaseString) for value in values)
