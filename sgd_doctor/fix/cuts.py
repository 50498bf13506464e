"""Taking ``no_grad`` and ``requires_grad = True`` out of the way between a model and its loss."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import delete, indent_of, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import backward_calls
from sgd_doctor.fix.names import bindings
from sgd_doctor.fix.source import Source, called_name, last_name

_OFF = {"no_grad", "inference_mode"}


def drop_no_grad(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take out the ``no_grad`` around ``args["line"]``, a decorator or a ``with``, and what made up for it.

    ``loss.requires_grad = True`` lets ``backward`` run without a graph, and is an error once there is one.
    """
    line = int(args["line"])
    functions = [f for f in source.all(cst.FunctionDef) if source.covers(f, line)]
    for function in reversed(functions):
        for decorator in function.decorators:
            if (called_name(decorator.decorator) or last_name(decorator.decorator)) in _OFF:
                start, end = source.span(decorator)
                return [Change(source.line_start(start), source.next_line(end), ""), *_forced(source)]
    blocks = [w for w in source.all(cst.With) if source.covers(w, line) and _is_off(w)]
    return [*_without_header(source, blocks[-1]), *_forced(source)] if blocks else None


def _is_off(node: cst.With) -> bool:
    return len(node.items) == 1 and called_name(node.items[0].item) in _OFF


def _without_header(source: Source, node: cst.With) -> list[Change]:
    """The lines of the body, as far to the left as the ``with`` stands."""
    start = source.line_start(source.span(node)[0])
    first = source.line_start(source.span(node.body.body[0])[0])
    inner = len(indent_of(source, node.body.body[0])) - len(indent_of(source, node))
    changes = [Change(start, first, "")]
    place, end = first, source.span(node.body.body[-1])[1]
    while place < end:
        if source.text[place : place + inner].strip() == "" and source.line_end(place) > place:
            changes.append(Change(place, place + inner, ""))
        place = source.next_line(place)
    return changes


def _forced(source: Source) -> list[Change]:
    """The statements that ask for the gradient of something computed, in functions that call ``backward``."""
    return [
        delete(source, node)
        for node in source.small()
        if (name := _asked(node)) is not None
        and bindings(source, name)
        and any(backward_calls(source, item) for item in siblings(source, node))
    ]


def _asked(node: cst.BaseSmallStatement) -> cst.Name | None:
    """``x`` of ``x.requires_grad = True`` and ``x.requires_grad_()``."""
    if isinstance(node, cst.Assign) and len(node.targets) == 1:
        target = node.targets[0].target
        if not isinstance(target, cst.Attribute) or target.attr.value != "requires_grad":
            return None
        return target.value if isinstance(target.value, cst.Name) else None
    call = node.value if isinstance(node, cst.Expr) else None
    func = call.func if isinstance(call, cst.Call) and called_name(call) == "requires_grad_" else None
    return func.value if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name) else None
