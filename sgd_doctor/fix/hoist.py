"""Moving a statement into the batch loop or out of it, and small changes of one expression."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import Statement, dedented, insert_after, only, siblings, statements_at, take_line
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import assigned_name, backward_at, backward_calls, step_at
from sgd_doctor.fix.names import call_sites, is_stored
from sgd_doctor.fix.operands import rewritten
from sgd_doctor.fix.source import Source, called_name

_CUTS = ("detach", "data")


def move_step_inside(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Step after the backward call at ``args["backward_line"]``, not once behind the loop that holds it."""
    found = step_at(source, int(args["step_line"]))
    backward = backward_at(source, int(args["backward_line"]))
    if found is None or backward is None:
        return None
    step = found[0]
    loop = source.enclosing(backward, cst.For)
    if loop is None or loop in source.ancestors(step):
        return None
    taken = take_line(source, step)
    if taken is None or "\n" in taken[1].strip():
        return None
    return [insert_after(source, backward, taken[1].strip()), taken[0]]


def hoist_out_of_loops(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Build what the statement at ``args["line"]`` assigns once, before the outermost loop of its function.

    Where that is a function without a loop around the line, the statement is the only one that calls it.
    """
    statement = only(statements_at(source, int(args["line"]), lambda node: isinstance(node, cst.Assign | cst.Return)))
    loop = _outermost_loop(source, statement) if statement is not None else None
    function = source.function_of(statement) if statement is not None else None
    if loop is None and isinstance(function, cst.FunctionDef):
        calls = call_sites(source, function)
        statement = source.statement_of(calls[0]) if len(calls) == 1 else None
        loop = _outermost_loop(source, statement) if statement is not None else None
    if loop is None or not isinstance(statement, cst.Assign) or _reads_from(source, statement, loop):
        return None
    taken = take_line(source, statement)
    if taken is None:
        return None
    removed, text = taken
    place = source.line_start(source.span(loop)[0])
    return [Change(place, place, dedented(source, text, statement, loop) + source.newline), removed]


def _outermost_loop(source: Source, statement: Statement) -> cst.For | cst.While | None:
    loop: cst.For | cst.While | None = None
    for above in source.ancestors(statement):
        if isinstance(above, cst.FunctionDef | cst.ClassDef):
            break
        if isinstance(above, cst.For | cst.While):
            loop = above
    return loop


def _reads_from(source: Source, statement: Statement, loop: cst.For | cst.While) -> bool:
    """Whether the statement reads something that the loop makes."""
    own = {node.value for node in source.all(cst.Name, statement) if is_stored(source, node)}
    made = {node.value for node in source.all(cst.Name, loop) if is_stored(source, node)} - own
    return any(node.value in made for node in source.all(cst.Name, statement))


def divide_loss(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``(loss / count).backward()`` for ``loss.backward()`` at ``args["line"]``."""
    statement = backward_at(source, int(args["line"]))
    calls = [c for c in source.all(cst.Call, statement) if called_name(c) == "backward"] if statement else []
    func = calls[0].func if len(calls) == 1 else None
    if not isinstance(func, cst.Attribute) or not isinstance(func.value, cst.Name | cst.BinaryOperation):
        return None
    count = int(args["count"])
    if isinstance(func.value, cst.BinaryOperation):
        return [] if isinstance(func.value.operator, cst.Divide) else None
    start, end = source.outer_span(func.value)
    return [Change(start, end, f"({source.text[start:end]} / {count})")]


def drop_cut(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``x`` for ``x.detach()`` or ``x.data``, named by ``args["name"]``, at ``args["line"]``."""
    name, line = str(args["name"]), int(args["line"])
    if name not in _CUTS:
        return None
    found: list[cst.BaseExpression] = [
        node for node in source.at(cst.Attribute, line) if node.attr.value == name and name == "data"
    ]
    found += [call for call in source.at(cst.Call, line) if called_name(call) == name and not call.args]
    if len(found) != 1:
        return None
    attribute = found[0].func if isinstance(found[0], cst.Call) else found[0]
    if not isinstance(attribute, cst.Attribute):
        return None
    return [Change(source.outer_span(attribute.value)[1], source.span(found[0])[1], "")]


def negate_loss(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``loss = -f(...)`` for the last ``loss = f(...)`` before the backward call at ``args["line"]``."""
    statement = backward_at(source, int(args["line"]))
    calls = backward_calls(source, statement) if statement is not None else []
    func = calls[0].func if len(calls) == 1 else None
    if statement is None or not isinstance(func, cst.Attribute):
        return None
    block = siblings(source, statement)
    before = block[: block.index(statement)]
    made = [n for n in before if isinstance(n, cst.Assign) and assigned_name(n) == source.code(func.value)]
    if not isinstance(func.value, cst.Name) or not made:
        return None
    return rewritten(source, made[-1].value, "-{}")


def drop_minus(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``x`` for ``-x`` at ``args["line"]``, where that is the only sign before something that is no number."""
    line = int(args["line"])
    found = [
        node
        for node in source.at(cst.UnaryOperation, line)
        if isinstance(node.operator, cst.Minus) and not isinstance(node.expression, cst.BaseNumber)
    ]
    if len(found) != 1:
        return None
    start, end = source.span(found[0])[0], source.outer_span(found[0].expression)[0]
    return [Change(start, end, "")]
