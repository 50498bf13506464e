"""Adding the calls that a training step lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import (
    Statement,
    block_of,
    calls_in,
    delete,
    insert_after,
    only,
    siblings,
    statements_at,
)
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import (
    assigned_name,
    backward_at,
    backward_calls,
    calls_method_of,
    is_scaler,
    optimizer_for,
    stepped,
)
from sgd_doctor.fix.source import Source, called_name

_BETWEEN = {"clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "unscale_", "synchronize"}


def insert_step(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Step the optimizer made at ``args["optimizer_line"]`` after the backward call."""
    backward = backward_at(source, int(args["backward_line"]))
    if backward is None:
        return None
    name = optimizer_for(source, int(args["optimizer_line"]), backward)
    if name is None:
        return None
    block = siblings(source, backward)
    here = block.index(backward)
    if any(calls_method_of(source, item, "step", name) for item in block[here:]):
        return []
    if any(stepped(source, item) for item in block[here + 1 :]):
        # Some optimizer is stepped already; a second one beside it is a guess.
        return None
    elsewhere = _steps_outside(source, backward, name)
    if elsewhere is None:
        return None
    last: cst.CSTNode = backward
    for item in block[here + 1 :]:
        if not any(calls_in(source, item, called) for called in _BETWEEN):
            break
        last = item
    return [*elsewhere, *_steps(source, backward, last, name)]


def _steps_outside(source: Source, backward: Statement, name: str) -> list[Change] | None:
    """Take out a step that stands after the loop of ``backward`` instead of inside it.

    ``None`` where the function steps the optimizer somewhere else, for a reason unknown here.
    """
    function = source.function_of(backward)
    around = function.body if isinstance(function, cst.FunctionDef) else source.module
    found = [
        node
        for node in source.small(around)
        if calls_method_of(source, node, "step", name) and source.function_of(node) is function
    ]
    blocks = [above for above in source.ancestors(backward) if isinstance(above, cst.BaseSuite | cst.Module)]
    if any(not isinstance(node, cst.Expr) or block_of(source, node) not in blocks for node in found):
        return None
    return [delete(source, node) for node in found] if len(found) <= 1 else None


def _steps(source: Source, backward: Statement, last: cst.CSTNode, name: str) -> list[Change]:
    """``step()``, through the gradient scaler where the loss was scaled by one."""
    scaler = _scaler_of(source, backward)
    if scaler is None:
        return [insert_after(source, last, f"{name}.step()")]
    changes = [insert_after(source, last, f"{scaler}.step({name})")]
    if not any(calls_method_of(source, item, "update", scaler) for item in siblings(source, backward)):
        changes.append(insert_after(source, last, f"{scaler}.update()"))
    return changes


def _scaler_of(source: Source, backward: Statement) -> str | None:
    for call in calls_in(source, backward, "scale"):
        if isinstance(call.func, cst.Attribute) and is_scaler(source, call.func.value):
            return source.code(call.func.value)
    return None


def insert_backward(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Add what is missing of ``zero_grad``, ``backward`` and ``step`` after the loss is computed."""
    line = int(args["loss_line"])
    statement = only(statements_at(source, line, lambda node: assigned_name(node) is not None))
    name = assigned_name(statement) if statement is not None else None
    if statement is None or name is None or _is_off(source, statement):
        return None
    optimizer = optimizer_for(source, int(args["optimizer_line"]), statement)
    if optimizer is None:
        return None
    body = _loop_statements(source, statement)
    if any(backward_calls(source, item) for item in body):
        return []
    after = _after_loss(source, statement, name)
    changes: list[Change] = []
    if not any(calls_method_of(source, item, "zero_grad", optimizer) for item in body):
        changes.append(insert_after(source, after, f"{optimizer}.zero_grad()"))
    changes.append(insert_after(source, after, f"{name}.backward()"))
    return _with_step(source, statement, after, optimizer, changes)


def _with_step(
    source: Source, statement: Statement, after: cst.CSTNode, optimizer: str, changes: list[Change]
) -> list[Change] | None:
    steps = [item for item in _loop_statements(source, statement) if stepped(source, item)]
    if not steps:
        return [*changes, insert_after(source, after, f"{optimizer}.step()")]
    block = siblings(source, statement)
    if len(steps) == 1 and steps[0] in block and block.index(steps[0]) > block.index(after):
        return _not_zeroed_between(source, after, steps[0], optimizer, changes)
    # It steps before there is a gradient, or somewhere else altogether.
    return None


def _not_zeroed_between(
    source: Source, after: cst.CSTNode, step: cst.CSTNode, optimizer: str, changes: list[Change]
) -> list[Change] | None:
    """A ``zero_grad`` between loss and step has to stay in front of the new ``backward``."""
    block = siblings(source, after)
    between = block[block.index(after) + 1 : block.index(step)]
    zeroed = [item for item in between if calls_method_of(source, item, "zero_grad", optimizer)]
    if not zeroed:
        return changes
    code = changes[-1].text.strip().removeprefix(";").strip()
    return [insert_after(source, zeroed[-1], code)]


def _after_loss(source: Source, statement: Statement, name: str) -> cst.CSTNode:
    """The last statement in a row that still adds to the loss (``loss = loss + penalty``)."""
    block = siblings(source, statement)
    last: cst.CSTNode = statement
    for item in block[block.index(statement) + 1 :]:
        target = item.target if isinstance(item, cst.AugAssign) else None
        again = isinstance(item, cst.Assign) and assigned_name(item) == name
        if again or (isinstance(target, cst.Name) and target.value == name):
            last = item
    return last


def _loop_statements(source: Source, statement: Statement) -> Sequence[cst.CSTNode]:
    """The body of the innermost loop around ``statement``, or its block."""
    for above in source.ancestors(statement):
        if isinstance(above, cst.FunctionDef | cst.Module):
            break
        if isinstance(above, cst.For | cst.While):
            return _flat(source, above.body)
    return _flat(source, block_of(source, statement))


def _flat(source: Source, block: cst.CSTNode) -> Sequence[cst.CSTNode]:
    return source.small(block)


def _is_off(source: Source, statement: Statement) -> bool:
    """Whether the statement stands where no graph is recorded."""
    for above in source.ancestors(statement):
        if isinstance(above, cst.With) and any(_turns_off(item.item) for item in above.items):
            return True
        if isinstance(above, cst.FunctionDef):
            return any(_turns_off(item.decorator) for item in above.decorators)
    return False


def _turns_off(node: cst.BaseExpression) -> bool:
    return called_name(node) in {"no_grad", "inference_mode"}
