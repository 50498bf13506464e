"""Initialisations of the user's that keep a network from learning."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.front import spelled_nn
from sgd_doctor.fix.source import Source, called_name, last_name, normalised, positional

_CONSTANT = {"constant_", "zeros_", "ones_", "fill_", "zero_"}
_RANDOM = {"normal_", "uniform_", "trunc_normal_"}
_BETTER = {"weight": "xavier_uniform_", "bias": "zeros_"}
_INIT = "init"


def reset_init(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Give the ``args["what"]`` (``weight`` or ``bias``) that the file fills by hand a scale that learns.

    Only where the file fills them in one way: weights then get Xavier's initialisation, biases 0.
    """
    what = str(args["what"])
    functions = _CONSTANT | _RANDOM if what == "weight" else _CONSTANT
    prefix = spelled_nn(source)
    found = [(call, filled) for call in source.all(cst.Call) if (filled := _filled(call, functions)) is not None]
    found = [(call, filled) for call, filled in found if filled.attr.value == what]
    ways = {_way(source, call) for call, _ in found}
    if not found or len(ways) != 1 or prefix is None:
        return None
    changes: list[Change] = []
    for call, filled in found:
        start, end = source.outer_span(call)
        by_function = isinstance(call.func, cst.Attribute) and last_name(call.func.value) == _INIT
        spelled = source.code(call.func.value) if by_function and isinstance(call.func, cst.Attribute) else ""
        changes.append(Change(start, end, f"{spelled or f'{prefix}.init'}.{_BETTER[what]}({source.code(filled)})"))
    return [c for c in changes if source.text[c.start : c.end] != c.text]


def _filled(call: cst.Call, functions: set[str]) -> cst.Attribute | None:
    """``layer.weight`` of ``nn.init.normal_(layer.weight, ...)`` and of ``layer.weight.data.normal_(...)``."""
    if called_name(call) not in functions:
        return None
    given = positional(call, 0)
    node: cst.BaseExpression | None = call.func.value if isinstance(call.func, cst.Attribute) else None
    if node is None or last_name(node) == _INIT or isinstance(call.func, cst.Name):
        node = given.value if given is not None else None
    if isinstance(node, cst.Attribute) and node.attr.value == "data":
        node = node.value
    return node if isinstance(node, cst.Attribute) and isinstance(node.attr, cst.Name) else None


def _way(source: Source, call: cst.Call) -> str:
    """What is done, whatever it is done to."""
    plain = [arg for arg in call.args if last_name(arg.value) not in ("weight", "bias", "data")]
    return called_name(call) + ", ".join(normalised(source.code(arg.value)) for arg in plain)
