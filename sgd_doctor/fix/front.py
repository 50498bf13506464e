"""A standardising layer in front of a model, where the data themselves are out of reach."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import block_of, insert_after
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import assigned_value, bindings, call_sites, parameter, passed
from sgd_doctor.fix.source import Source, called_name, last_name

LAYERS = {"Linear": "BatchNorm1d", "Conv1d": "BatchNorm1d", "Conv2d": "BatchNorm2d"}
"""First weight layer, and the one that standardises its features."""
_KEPT = {"parameters", "named_parameters", "train", "eval", "to", "cpu", "cuda", "zero_grad", "requires_grad_", "apply"}
"""What a Sequential around the model answers as the model itself does."""
_DEPTH = 4


def standardise_in_front(source: Source, call: cst.Call, args: dict[str, Any]) -> list[Change] | None:
    """``net = nn.Sequential(nn.BatchNorm1d(n, affine=False), net)`` after the statement that makes the model.

    Only where the file uses the model as a function of one argument, and nothing of it but what a Sequential has.
    """
    layer, count = LAYERS.get(str(args.get("layer"))), args.get("features")
    prefix = spelled_nn(source)
    if layer is None or not isinstance(count, int) or prefix is None or not isinstance(call.func, cst.Name):
        return None
    made = _made(source, call.func, _DEPTH)
    if made is None:
        return None
    name, statement, value, names = made
    if f"{layer}({count}, affine=False)" in source.text:
        return []
    if not all(_plain(source, n) for n in names):
        return None
    line = f"{name} = {prefix}.Sequential({prefix}.{layer}({count}, affine=False), {name}){_moved(source, value)}"
    return [insert_after(source, statement, f"{line}  # standardises the features")]


def spelled_nn(source: Source) -> str | None:
    """How the file spells ``torch.nn``."""
    torch = None
    for item in source.all(cst.Import):
        for alias in item.names:
            spelled = source.code(alias.name)
            if spelled == "torch.nn" and alias.asname is not None:
                return source.code(alias.asname.name)
            if spelled in ("torch", "torch.nn") and alias.asname is None:
                torch = "torch.nn"
    for found in source.all(cst.ImportFrom):
        if found.module is None or source.code(found.module) != "torch" or isinstance(found.names, cst.ImportStar):
            continue
        for alias in found.names:
            if source.code(alias.name) == "nn":
                return source.code(alias.asname.name) if alias.asname is not None else "nn"
    return torch


def _made(
    source: Source, name: cst.Name, depth: int
) -> tuple[str, cst.BaseSmallStatement, cst.BaseExpression, set[str]] | None:
    """Variable, statement and value that make the model, and all names that it goes by on the way."""
    found = bindings(source, name)
    if not depth or not found:
        return None
    target = found[-1].node
    declared = parameter(source, target)
    if declared is not None:
        function, param = declared
        calls = call_sites(source, function) if isinstance(function, cst.FunctionDef) else []
        given = [passed(source, c, function, param.name.value) for c in calls if isinstance(function, cst.FunctionDef)]
        values = [arg.value for arg in given if arg is not None]
        first = values[0] if values else None
        if not isinstance(first, cst.Name) or len({source.code(v) for v in values}) != 1:
            return None
        above = _made(source, first, depth - 1)
        return None if above is None else (*above[:3], above[3] | {name.value})
    statement = source.enclosing(target, cst.Assign)
    value = assigned_value(source, target)
    if statement is None or not isinstance(value, cst.Call) or len(statement.targets) != 1:
        return None
    if source.enclosing(statement, cst.For) is not None or source.enclosing(statement, cst.While) is not None:
        return None
    if isinstance(block_of(source, statement), cst.Module | cst.IndentedBlock):
        return name.value, statement, value, {name.value}
    return None


def _plain(source: Source, name: str) -> bool:
    """Whether everything called ``name`` is only called with one argument, or asked for what a Sequential has."""
    for node in source.all(cst.Name):
        if node.value != name:
            continue
        parent = source.parent(node)
        if isinstance(parent, cst.Attribute) and parent.value is node and parent.attr.value not in _KEPT:
            return False
        if isinstance(parent, cst.Subscript) and parent.value is node:
            return False
        if isinstance(parent, cst.Call) and parent.func is node and not _one_argument(parent):
            return False
    return True


def _one_argument(call: cst.Call) -> bool:
    return len(call.args) == 1 and call.args[0].keyword is None and not call.args[0].star


def _moved(source: Source, value: cst.BaseExpression) -> str:
    """``.to(device)`` where the model is made with it."""
    if isinstance(value, cst.Call) and called_name(value) in ("to", "cuda") and last_name(value.func) in ("to", "cuda"):
        given = ", ".join(source.code(arg) for arg in value.args)
        return f".{called_name(value)}({given})"
    return ""
