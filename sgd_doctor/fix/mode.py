"""Switching a model to training or evaluation mode."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import insert_after, insert_before, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import backward_calls
from sgd_doctor.fix.source import Source, called_name, normalised

_MODES = ("train", "eval")


def set_mode(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Call ``model.train()`` or ``model.eval()`` before the statement at ``args["line"]``.

    ``args["model"]`` is the expression of the model, where it is not plain from the file.  An
    ``eval()`` goes before the whole validation, and is undone after it where nothing else does so.
    """
    mode = str(args["mode"])
    statement = _statement_at(source, int(args["line"]))
    if mode not in _MODES or statement is None:
        return None
    model = str(args["model"]) if "model" in args else _model_name(source, statement)
    if model is None:
        return None
    if mode == "eval":
        statement = _validation(source, statement)
    found = _last_switch(source, statement, model)
    if found is not None:
        return [] if found[0] == mode else _switched(source, found[1], mode)
    changes = [insert_before(source, statement, f"{model}.{mode}()")]
    if mode == "eval" and _trains_again(source, statement, model):
        changes.append(insert_after(source, statement, f"{model}.train()"))
    return changes


def _statement_at(source: Source, line: int) -> cst.CSTNode | None:
    small = [node for node in source.small() if source.covers(node, line)]
    if small:
        return small[0]
    # The header of a loop or a with statement.
    headers = (cst.For, cst.While, cst.With)
    compound = [node for node in source.compound() if source.lines(node)[0] == line]
    return compound[0] if len(compound) == 1 and isinstance(compound[0], headers) else None


def _validation(source: Source, statement: cst.CSTNode) -> cst.CSTNode:
    """The outermost loop or ``with`` around ``statement`` in which nothing is trained."""
    for above in source.ancestors(statement):
        if isinstance(above, cst.FunctionDef | cst.ClassDef) or backward_calls(source, above):
            break
        if isinstance(above, cst.For | cst.While | cst.With):
            statement = above
    return statement


def _last_switch(source: Source, statement: cst.CSTNode, model: str) -> tuple[str, cst.Call] | None:
    """The switch of ``model`` that is in force at ``statement``, as far as its block shows."""
    block = siblings(source, statement)
    here = next(index for index, item in enumerate(block) if item is statement)
    for item in reversed(block[: here + 1]):
        found = _switch(source, item, model)
        if found is not None:
            return found
        if isinstance(item, cst.BaseCompoundStatement) and item is not statement:
            # What happens inside may have switched the mode.
            return None
    return None


def _switch(source: Source, item: cst.CSTNode, model: str) -> tuple[str, cst.Call] | None:
    """The mode that the statement ``model.train()`` sets, and its call."""
    call = item.value if isinstance(item, cst.Expr) else None
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute) or call.args:
        return None
    name = called_name(call)
    same = normalised(source.code(call.func.value)) == normalised(model)
    return (name, call) if name in _MODES and same else None


def _switched(source: Source, call: cst.Call, mode: str) -> list[Change] | None:
    if not isinstance(call.func, cst.Attribute):
        return None
    start, end = source.span(call.func.attr)
    return [Change(start, end, mode)]


def _trains_again(source: Source, statement: cst.CSTNode, model: str) -> bool:
    """Whether training goes on after ``statement`` in a mode that nothing else sets."""
    looped = any(isinstance(above, cst.For | cst.While) for above in source.ancestors(statement))
    if not looped and source.function_of(statement) is None:
        return False
    switches = [_switch(source, item, model) for item in source.all(cst.Expr)]
    in_loop = [source.enclosing(found[1], cst.For) for found in switches if found is not None and found[0] == "train"]
    return not any(in_loop)


def _model_name(source: Source, statement: cst.CSTNode) -> str | None:
    """The model that the file switches elsewhere, or the only name ``model`` or ``net`` known here."""
    named = {
        source.code(call.func.value)
        for call in source.all(cst.Call)
        if isinstance(call.func, cst.Attribute) and called_name(call) in _MODES and not call.args
    }
    scope = source.scope(statement)
    if len(named) > 1 or scope is None:
        return None
    for name in [*named, "model", "net", "self.model", "self.net"]:
        if name.isidentifier() and scope[name]:
            return name
        if name.startswith("self.") and scope["self"] and (name in named or name in source.text):
            return name
    return None
