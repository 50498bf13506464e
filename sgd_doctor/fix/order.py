"""Taking a statement out, or moving it to where it works."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import (
    Statement,
    block_of,
    delete,
    move,
    only,
    siblings,
    statement_in,
    statements_at,
)
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import step_at
from sgd_doctor.fix.source import Source, called_name

_CLIPS = {"clip_grad_norm_", "clip_grad_value_", "clip_grad_norm", "unscale_"}


def remove_statement(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take out the statement at ``args["line"]``; only calls may go, for nothing else uses them.

    ``args["code"]``, if given, is what has to stand there: once it is gone, nothing more is done.
    """
    found = statements_at(source, int(args["line"]), lambda node: isinstance(node, cst.Expr))
    if "code" in args:
        wanted = str(args["code"])
        found = [node for node in found if source.code(node).strip() == wanted.strip()]
        if not found:
            return []
    statement = only(found)
    is_call = isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call)
    return [delete(source, statement)] if statement is not None and is_call else None


def move_optimizer_after(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Build the optimizer of ``args["optimizer_line"]`` after the statement at ``args["after_line"]``.

    Without ``after_line``: after the last statement of its block that assigns the model anew.
    """
    optimizer = only(statements_at(source, int(args["optimizer_line"]), _assigns))
    if optimizer is None or not _reads_parameters(source, optimizer):
        return None
    if "after_line" in args:
        after = _reaching(source, optimizer, int(args["after_line"]))
    else:
        after = _assigning_again(source, optimizer)
    if after is None:
        return None
    block = siblings(source, optimizer)
    start, end = block.index(optimizer), block.index(after)
    if start > end:
        return []
    if any(_reads(source, item, optimizer) for item in block[start + 1 : end + 1]):
        return None
    return move(source, optimizer, after, after=True)


def _assigns(node: Statement) -> bool:
    return isinstance(node, cst.Assign | cst.AnnAssign)


def _reads_parameters(source: Source, optimizer: Statement) -> bool:
    """Whether the statement itself asks the model for its parameters: a list made before stays stale."""
    calls = source.all(cst.Call, optimizer)
    return any(called_name(call) in {"parameters", "named_parameters"} for call in calls)


def _reaching(source: Source, optimizer: Statement, line: int) -> cst.CSTNode | None:
    """The statement of the optimizer's block that covers ``line``, unless it runs again and again."""
    block = block_of(source, optimizer)
    for small in statements_at(source, line, lambda _: True):
        found = statement_in(source, block, small)
        if found is not None and not isinstance(found, cst.FunctionDef | cst.ClassDef | cst.For | cst.While):
            return found
    return None


def _assigning_again(source: Source, optimizer: Statement) -> cst.CSTNode | None:
    """The last later statement of the block that assigns the variable whose parameters the optimizer was given."""
    asked = [c.func for c in source.all(cst.Call, optimizer) if called_name(c) in {"parameters", "named_parameters"}]
    models = {source.code(func.value) for func in asked if isinstance(func, cst.Attribute)}
    block = siblings(source, optimizer)
    later = block[block.index(optimizer) + 1 :]
    found = [
        item
        for item in later
        if any(source.code(t.target) in models for t in source.all(cst.AssignTarget, item))
        and not isinstance(item, cst.FunctionDef | cst.ClassDef | cst.For | cst.While)
    ]
    return found[-1] if found else None


def _reads(source: Source, item: cst.CSTNode, optimizer: Statement) -> bool:
    """Whether ``item`` uses what the statement assigns."""
    if not isinstance(optimizer, cst.Assign | cst.AnnAssign):
        return True
    targets = optimizer.targets if isinstance(optimizer, cst.Assign) else [optimizer]
    wanted = {source.code(target.target) for target in targets}
    found = [*source.all(cst.Name, item), *source.all(cst.Attribute, item)]
    return any(source.code(node) in wanted for node in found)


def move_clip_before_step(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Clip the gradients before the step that uses them."""
    clip = only(statements_at(source, int(args["clip_line"]), lambda node: _clips(source, node)))
    found = step_at(source, int(args["step_line"]))
    if clip is None or found is None or block_of(source, clip) is not block_of(source, found[0]):
        return None
    block = siblings(source, clip)
    if block.index(clip) < block.index(found[0]):
        return []
    return move(source, clip, found[0], after=False)


def _clips(source: Source, node: Statement) -> bool:
    return any(called_name(call) in _CLIPS for call in source.all(cst.Call, node))
