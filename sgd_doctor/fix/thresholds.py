"""What reads the probabilities that an activation made, once it is gone.

``sigmoid(z) > 0.5`` means ``z > 0``: without this change a script that now trains well would print a
wrong accuracy.
"""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.names import assigned_value, bindings
from sgd_doctor.fix.source import Source, called_name
from sgd_doctor.fix.tracing import unwrapped

_DEPTH = 6
_ABOVE = (cst.GreaterThan, cst.GreaterThanEqual)


def adapted(source: Source, dropped: cst.Call, name: str) -> list[Change] | None:
    """The changes of what compares or rounds the output of ``dropped``.

    ``None`` where such a use has no counterpart for raw outputs.
    """
    if name not in ("sigmoid", "softmax"):
        return []
    changes: list[Change] = []
    for node in source.all(cst.Comparison):
        if _of_output(source, node.left, dropped):
            change = compared_with_zero(source, node) if name == "sigmoid" else None
            if change is None:
                return None
            changes.append(change)
    for call in source.all(cst.Call):
        subject = _rounded(call)
        if subject is not None and _of_output(source, subject, dropped):
            if name != "sigmoid":
                return None
            changes += rounded(source, call)
    return changes


def _of_output(source: Source, node: cst.BaseExpression, dropped: cst.Call, depth: int = _DEPTH) -> bool:
    """Whether ``node`` is what ``dropped`` gave, or what the model gave that ``dropped`` is a part of."""
    node = _bare(node)
    if node is dropped:
        return True
    if not depth:
        return False
    if isinstance(node, cst.Call):
        inside = source.enclosing(dropped, cst.ClassDef) is not None or _is_listed(source, dropped)
        return inside and is_forward(source, node)
    if not isinstance(node, cst.Name):
        return False
    values = [assigned_value(source, item.node) for item in bindings(source, node)]
    return any(value is not None and _of_output(source, value, dropped, depth - 1) for value in values)


def _bare(node: cst.BaseExpression) -> cst.BaseExpression:
    while True:
        node = unwrapped(node)
        method = node.func if isinstance(node, cst.Call) and called_name(node) == "numpy" else None
        if isinstance(node, cst.Subscript) or (isinstance(node, cst.Attribute) and node.attr.value == "data"):
            node = node.value
        elif isinstance(method, cst.Attribute):
            node = method.value
        else:
            return node


def _is_listed(source: Source, dropped: cst.Call) -> bool:
    return any(called_name(above) == "Sequential" for above in source.ancestors(dropped))


def compared_with_zero(source: Source, node: cst.Comparison) -> Change | None:
    """``x > 0`` for ``x > 0.5``; ``None`` for any other comparison."""
    if len(node.comparisons) != 1:
        return None
    limit = node.comparisons[0].comparator
    half = isinstance(limit, cst.Float) and float(limit.value) == 0.5
    if not half or not isinstance(node.comparisons[0].operator, (*_ABOVE, cst.LessThan, cst.LessThanEqual)):
        return None
    start, end = source.span(limit)
    return Change(start, end, "0")


def _rounded(call: cst.Call) -> cst.BaseExpression | None:
    """``x`` of ``x.round()`` and ``torch.round(x)``."""
    if called_name(call) != "round" or not isinstance(call.func, cst.Attribute):
        return None
    if len(call.args) == 1 and not isinstance(call.args[0].value, cst.Integer):
        return call.args[0].value
    return call.func.value if not call.args else None


def rounded(source: Source, call: cst.Call) -> list[Change]:
    """``(x > 0).float()`` for ``x.round()``; nothing for any other call."""
    subject = _rounded(call)
    if subject is None:
        return []
    start, end = source.outer_span(call)
    inner_start, inner_end = source.outer_span(subject)
    return [Change(start, inner_start, "("), Change(inner_end, end, " > 0).float()")]
