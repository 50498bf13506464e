"""Putting ``zero_grad()`` where it belongs."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import (
    Statement,
    block_of,
    insert_after,
    insert_before,
    move,
    only,
    siblings,
    statements_at,
)
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import backward_at, backward_calls, calls_method_of, step_at, stepped
from sgd_doctor.fix.source import Source, called_name


def insert_zero_grad(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Call ``zero_grad()`` of the optimizer stepped at ``args["step_line"]``.

    It goes before the backward call at ``args["backward_line"]``; where that stands in another block
    than the step (an accumulation, a helper), after the step, which never loses a gradient.
    """
    backward = backward_at(source, int(args["backward_line"]))
    found = step_at(source, int(args["step_line"]))
    if backward is None or found is None:
        return None
    step, optimizer = found
    if not isinstance(optimizer, cst.Name | cst.Attribute):
        return None
    name = source.code(optimizer)
    if block_of(source, backward) is block_of(source, step):
        return _before_backward(source, backward, step, name)
    closure = _is_closure_of(source, backward, step)
    if closure:
        return _before_backward(source, backward, None, name)
    if any(calls_method_of(source, item, "zero_grad", name) for item in _loop_body(source, step)):
        return []
    return [insert_after(source, step, f"{name}.zero_grad()")]


def _before_backward(source: Source, backward: Statement, step: Statement | None, name: str) -> list[Change] | None:
    block = siblings(source, backward)
    here = block.index(backward)
    zeroed = [i for i, item in enumerate(block) if calls_method_of(source, item, "zero_grad", name)]
    if step is not None and any(here < index < block.index(step) for index in zeroed):
        # It stands between backward and step: adding a second one would mend nothing.
        return None
    if zeroed:
        return []
    first = here
    # Several losses may feed one step: all their gradients have to survive until then.
    for index in range(here - 1, -1, -1):
        if stepped(source, block[index]):
            break
        if backward_calls(source, block[index]):
            first = index
    return [insert_before(source, block[first], f"{name}.zero_grad()")]


def _is_closure_of(source: Source, backward: Statement, step: Statement) -> bool:
    """Whether ``backward`` stands in the function that ``step`` passes, as LBFGS wants it."""
    function = source.function_of(backward)
    return isinstance(function, cst.FunctionDef) and any(
        isinstance(arg.value, cst.Name) and arg.value.value == function.name.value
        for call in source.all(cst.Call, step)
        for arg in call.args
    )


def _loop_body(source: Source, step: Statement) -> list[cst.CSTNode]:
    """The statements of the loop around ``step``, or of its block where there is no loop."""
    loop = next((a for a in source.ancestors(step) if isinstance(a, cst.For | cst.While)), None)
    return [loop.body] if loop is not None else siblings(source, step)


def move_zero_grad(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Move the ``zero_grad()`` at ``args["zero_line"]`` to just before the backward call."""
    zero = only(statements_at(source, int(args["zero_line"]), _zeroes))
    backward = backward_at(source, int(args["backward_line"]))
    if zero is None or backward is None or block_of(source, zero) is not block_of(source, backward):
        return None
    block = siblings(source, zero)
    if block.index(zero) < block.index(backward):
        return []
    return move(source, zero, backward, after=False)


def _zeroes(node: Statement) -> bool:
    return isinstance(node, cst.Expr) and called_name(node.value) == "zero_grad"
