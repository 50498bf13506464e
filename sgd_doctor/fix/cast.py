"""Converting data to the numbers that a model computes with, where tensors are made of arrays."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, keyword, last_name, root_name

_CONVERSIONS = {"from_numpy", "as_tensor", "tensor"}
_DONE = {"float", "long", "int", "half", "to", "double", "bool"}


def cast_data(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``.float()`` behind the conversion of an array that gives one of the variables ``args["names"]``."""
    names = set(args["names"])
    found = [
        (call, statement)
        for call in source.all(cst.Call)
        if called_name(call) in _CONVERSIONS
        and root_name(call.func) in ("torch", "")
        and isinstance(statement := source.statement_of(call), cst.Assign)
        and _gives(source, call, statement, names)
    ]
    if not found:
        return None
    ends = [
        source.outer_span(call)[1] for call, _ in found if keyword(call, "dtype") is None and not _cast(source, call)
    ]
    return [Change(end, end, ".float()") for end in ends]


def _gives(source: Source, call: cst.Call, statement: cst.Assign, names: set[str]) -> bool:
    """Whether ``statement`` gives what ``call`` makes to one of ``names``."""
    target = statement.targets[0].target
    if len(statement.targets) == 1 and isinstance(target, cst.Tuple) and isinstance(statement.value, cst.Tuple):
        pairs = zip(target.elements, statement.value.elements, strict=False)
        return any(last_name(a.value) in names and call in source.all(cst.Call, b.value) for a, b in pairs)
    return any(last_name(item.target) in names for item in statement.targets)


def _cast(source: Source, call: cst.Call) -> bool:
    """Whether a conversion follows already."""
    parent = source.parent(call)
    return isinstance(parent, cst.Attribute) and parent.attr.value in _DONE
