"""Registering the layers that stand in a plain list or dictionary."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import only, statements_at
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import assigned_value
from sgd_doctor.fix.source import Source, last_name, root_name


def wrap_modulelist(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Wrap the list at ``args["line"]`` into ``nn.ModuleList``, a dictionary into ``nn.ModuleDict``."""
    statement = only(statements_at(source, int(args["line"]), lambda node: isinstance(node, cst.Assign)))
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0].target
    if not isinstance(target, cst.Attribute) or root_name(target) != "self":
        return None
    value = assigned_value(source, target)
    kind = _kind(value)
    prefix = _prefix(source)
    if isinstance(value, cst.Call) and last_name(value.func) in {"ModuleList", "ModuleDict"}:
        return []
    if value is None or kind is None or prefix is None or _does_more(source, target, value):
        return None
    start, end = source.outer_span(value)
    return [Change(start, start, f"{prefix}.{kind}("), Change(end, end, ")")]


def _kind(value: cst.BaseExpression | None) -> str | None:
    if isinstance(value, cst.List | cst.ListComp | cst.Tuple):
        return "ModuleList"
    return "ModuleDict" if isinstance(value, cst.Dict | cst.DictComp) else None


def _prefix(source: Source) -> str | None:
    """``nn`` or ``torch.nn``, as the file imports it."""
    for node in source.all(cst.ImportFrom):
        names = node.names if not isinstance(node.names, cst.ImportStar) else ()
        module = last_name(node.module) if node.module is not None else ""
        if module == "torch" and any(last_name(item.name) == "nn" and not item.asname for item in names):
            return "nn"
    torch = False
    for item in [item for node in source.all(cst.Import) for item in node.names]:
        alias = last_name(item.asname.name) if item.asname is not None else ""
        if source.code(item.name) == "torch.nn" and alias:
            return alias
        torch = torch or (root_name(item.name) == "torch" and not alias)
    return "torch.nn" if torch else None


def _does_more(source: Source, target: cst.Attribute, value: cst.BaseExpression) -> bool:
    """Whether the list is used as only a list can be, or holds something else than modules."""
    if isinstance(value, cst.List | cst.Tuple | cst.Dict):
        literals = (cst.BaseNumber, cst.BaseString, cst.Lambda, cst.List, cst.Dict, cst.Tuple)
        if any(isinstance(item.value, literals) for item in value.elements):
            return True
    same = [
        node
        for node in source.all(cst.Attribute)
        if node is not target and node.attr.value == target.attr.value and last_name(node.value) == "self"
    ]
    return any(_list_only(source, node) for node in same)


_LIST_METHODS = {"remove", "sort", "reverse", "index", "count"}


def _list_only(source: Source, node: cst.Attribute) -> bool:
    parent = source.parent(node)
    if isinstance(parent, cst.BinaryOperation | cst.AugAssign):
        return True
    return isinstance(parent, cst.Attribute) and parent.attr.value in _LIST_METHODS
