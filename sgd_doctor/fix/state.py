"""Cutting the graph of what a loop carries from step to step."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import Statement, block_of, insert_after, siblings, statements_of
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.loops import backward_at, backward_calls, stepped
from sgd_doctor.fix.source import Source, called_name, keyword, last_name

_PAIRS = {"LSTM", "LSTMCell"}
"""Recurrent layers whose state is a pair of tensors."""


def detach_state(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Detach the state that the loop around the backward call at ``args["line"]`` carries on.

    A ``state.detach()`` whose result is dropped is given back its name instead.  ``retain_graph=True``, which hides
    the fault, goes.
    """
    backward = backward_at(source, int(args["line"]))
    if backward is None:
        return None
    dropped = [node for node in source.all(cst.Expr) if _is_dropped(node)]
    if dropped:
        return [_named(source, node) for node in dropped] + _without_retaining(source, backward)
    loop = next((a for a in source.ancestors(backward) if isinstance(a, cst.For | cst.While)), None)
    states = _carried(source, loop) if loop is not None else []
    if not states or block_of(source, backward) is not (loop.body if loop is not None else None):
        return None
    last = _end_of_step(source, backward)
    lines = [f"{state} = {_detached(source, state)}" for state in states]
    done = [source.code(item) for item in siblings(source, backward)]
    changes = [insert_after(source, last, line) for line in lines if line not in done]
    return changes + _without_retaining(source, backward)


def _is_dropped(node: cst.Expr) -> bool:
    call = node.value
    return (
        isinstance(call, cst.Call)
        and called_name(call) == "detach"
        and not call.args
        and isinstance(call.func, cst.Attribute)
        and isinstance(call.func.value, cst.Name)
    )


def _named(source: Source, node: cst.Expr) -> Change:
    start = source.span(node)[0]
    func = node.value.func if isinstance(node.value, cst.Call) else node.value
    return Change(start, start, f"{source.code(func.value)} = " if isinstance(func, cst.Attribute) else "")


def _carried(source: Source, loop: cst.For | cst.While) -> list[str]:
    """The variables that a statement of ``loop`` computes, through a model, from their own last value."""
    found: list[str] = []
    for item in statements_of(loop.body):
        if not isinstance(item, cst.Assign) or not any(is_forward(source, c) for c in source.all(cst.Call, item.value)):
            continue
        read = {node.value for node in source.all(cst.Name, item.value)}
        stored = {node.value for target in item.targets for node in source.all(cst.Name, target)}
        found += sorted(read & stored - set(found))
    return found


def _end_of_step(source: Source, backward: Statement) -> cst.CSTNode:
    """The step behind ``backward`` in its block, or ``backward`` itself."""
    block = siblings(source, backward)
    later = block[block.index(backward) :]
    return next((item for item in reversed(later) if stepped(source, item)), backward)


def _detached(source: Source, state: str) -> str:
    pairs = any(called_name(call) in _PAIRS for call in source.all(cst.Call))
    return f"tuple(part.detach() for part in {state})" if pairs else f"{state}.detach()"


def _without_retaining(source: Source, backward: Statement) -> list[Change]:
    changes = []
    for call in backward_calls(source, backward):
        kept = keyword(call, "retain_graph")
        if kept is not None and len(call.args) == 1 and last_name(kept.value) == "True":
            start, end = source.span(kept)
            changes.append(Change(start, end, ""))
    return changes
