"""Activations between layers: putting them in, and another one in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from sgd_doctor.fix.activation import CLASSES
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.front import spelled_nn
from sgd_doctor.fix.names import assigned_value, enclosing_class, self_assignments
from sgd_doctor.fix.source import Source, called_name, last_name

_AFFINE = {"Linear", "LazyLinear", "Conv1d", "Conv2d", "Conv3d"}


def insert_relu(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Put a ReLU behind every layer but the last of the ``Sequential``, or the class, that builds one at ``line``."""
    line = int(args["line"])
    built = [call for call in source.all(cst.Call) if called_name(call) in _AFFINE and source.covers(call, line)]
    prefix = spelled_nn(source)
    if not built or prefix is None:
        return None
    for above in source.ancestors(built[0]):
        if isinstance(above, cst.Call) and called_name(above) == "Sequential":
            return _in_sequential(source, above, prefix)
    owner = enclosing_class(source, built[0])
    return _in_forward(source, owner, prefix) if owner is not None else None


def _in_sequential(source: Source, holder: cst.Call, prefix: str) -> list[Change] | None:
    calls = [arg.value for arg in holder.args]
    if any(arg.star or arg.keyword is not None for arg in holder.args):
        return None
    layers = [i for i, call in enumerate(calls) if called_name(call) in _AFFINE]
    ends = [source.outer_span(calls[i])[1] for i in layers[:-1] if called_name(calls[i + 1]) in _AFFINE]
    return [Change(end, end, f", {prefix}.ReLU()") for end in ends]


def _in_forward(source: Source, owner: cst.ClassDef, prefix: str) -> list[Change] | None:
    """Around each call of a layer in ``forward`` whose result another statement or layer takes on."""
    forward = next((f for f in source.all(cst.FunctionDef, owner) if f.name.value == "forward"), None)
    if forward is None:
        return None
    calls = [call for call in source.all(cst.Call, forward) if _is_affine(source, owner, call)]
    inner = [call for call in calls if _goes_on(source, call, calls)]
    if len(inner) != len(calls) - 1:
        return None
    changes: list[Change] = []
    for call in inner:
        start, end = source.outer_span(call)
        changes += [Change(start, start, f"{prefix}.functional.relu("), Change(end, end, ")")]
    return changes


def _is_affine(source: Source, owner: cst.ClassDef, call: cst.Call) -> bool:
    func = call.func
    if not isinstance(func, cst.Attribute) or last_name(func.value) != "self":
        return False
    targets = self_assignments(source, owner, func.attr.value)
    value = assigned_value(source, targets[0]) if len(targets) == 1 else None
    return value is not None and called_name(value) in _AFFINE


def _goes_on(source: Source, call: cst.Call, calls: Sequence[cst.Call]) -> bool:
    """Whether ``call`` is all that a statement assigns, or the argument of another layer."""
    parent = source.parent(call)
    if isinstance(parent, cst.Assign):
        return True
    return isinstance(parent, cst.Arg) and source.parent(parent) in calls


def swap_activation(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``args["to"]`` in the place of the activation ``args["name"]`` at ``args["line"]``."""
    old, new, line = str(args["name"]), str(args["to"]), int(args["line"])
    found = [call for call in source.at(cst.Call, line) if called_name(call) in (old, CLASSES[old])]
    if not found and any(called_name(call) in (new, CLASSES[new]) for call in source.at(cst.Call, line)):
        return []
    names = [call.func.attr for call in found if isinstance(call.func, cst.Attribute)]
    if not found or len(names) != len(found):
        return None
    return [Change(*source.span(name), new if name.value == old else CLASSES[new]) for name in names]
