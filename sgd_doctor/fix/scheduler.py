"""Stepping a learning-rate scheduler after the optimizer, and once an epoch."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import (
    Statement,
    block_of,
    dedented,
    move,
    only,
    siblings,
    statements_at,
    take_line,
)
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import step_at
from sgd_doctor.fix.names import call_sites
from sgd_doctor.fix.source import Source, called_name


def move_scheduler(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Move the scheduler's step to right after the optimizer's."""
    scheduler = _scheduler_at(source, int(args["scheduler_line"]))
    found = step_at(source, int(args["step_line"]))
    if scheduler is None or found is None or block_of(source, scheduler) is not block_of(source, found[0]):
        return None
    block = siblings(source, scheduler)
    if block.index(scheduler) > block.index(found[0]):
        return []
    return move(source, scheduler, _behind_update(block, found[0]), after=True)


def _behind_update(block: list[cst.CSTNode], step: cst.CSTNode) -> cst.CSTNode:
    """``scaler.update()`` belongs to the step before it."""
    index = block.index(step) + 1
    following = block[index] if index < len(block) else None
    is_update = isinstance(following, cst.Expr) and called_name(following.value) == "update"
    return following if following is not None and is_update else step


def dedent_scheduler(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Move the scheduler's step out of the innermost loop, to right after it."""
    scheduler = _scheduler_at(source, int(args["scheduler_line"]))
    loop = source.enclosing(scheduler, cst.For) if scheduler is not None else None
    if scheduler is None or loop is None or block_of(source, scheduler) is not loop.body:
        return None
    if not _repeated(source, loop) or _uses_loop(source, scheduler, loop) or loop.orelse is not None:
        return None
    taken = take_line(source, scheduler)
    if taken is None:
        return None
    removed, text = taken
    moved = dedented(source, text, scheduler, loop)
    if scheduler is siblings(source, scheduler)[-1] and removed.end >= _end(source, loop):
        newline = source.text[removed.start + len(text) : removed.end]
        return [Change(removed.start, removed.end, moved + newline)]
    place = source.line_end(source.span(loop)[1])
    return [removed, Change(place, place, source.newline + moved)]


def _end(source: Source, loop: cst.For) -> int:
    return source.line_end(source.span(loop)[1])


def _scheduler_at(source: Source, line: int) -> Statement | None:
    return only(statements_at(source, line, _steps))


def _steps(node: Statement) -> bool:
    return isinstance(node, cst.Expr) and called_name(node.value) == "step"


def _repeated(source: Source, loop: cst.For) -> bool:
    """Whether another loop, over the epochs, goes round ``loop``, or a function that is one epoch."""
    for above in source.ancestors(loop):
        if isinstance(above, cst.For | cst.While):
            return True
        if isinstance(above, cst.FunctionDef):
            return any(source.enclosing(call, cst.For) is not None for call in call_sites(source, above))
    return False


def _uses_loop(source: Source, scheduler: Statement, loop: cst.For) -> bool:
    """Whether the step is given something that only exists inside the loop."""
    inside = {name.value for name in source.all(cst.Name, loop.target)}
    return any(name.value in inside for name in source.all(cst.Name, scheduler))
