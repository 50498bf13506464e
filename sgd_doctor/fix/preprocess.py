"""Giving held-out data the scaling of the training data."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import insert_after
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.names import bindings
from sgd_doctor.fix.source import Source, called_name, normalised, positional
from sgd_doctor.fix.tracing import Tracer


def mirror_scaling(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Do to the data evaluated at ``args["eval_line"]`` what the last statement does to those of ``train_line``."""
    train, held = (_data(source, int(args[key])) for key in ("train_line", "eval_line"))
    if train is None or held is None or train.value == held.value:
        return None
    found = bindings(source, train)
    statement = source.statement_of(found[-1].node) if found else None
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    if not isinstance(statement.targets[0].target, cst.Name):
        return None
    code = source.code(statement)
    scaled = _scaling(source, statement.value, train.value, held.value)
    if scaled is None or "\n" in code:
        return None
    line = f"{held.value} = {scaled}"
    if any(normalised(source.code(node)) == normalised(line) for node in source.all(cst.Assign)):
        return []
    return [insert_after(source, statement, line)]


def _data(source: Source, line: int) -> cst.Name | None:
    calls = [call for call in source.at(cst.Call, line) if is_forward(source, call)]
    given = positional(calls[0], 0) if len(calls) == 1 else None
    return Tracer(source).data(given.value) if given is not None else None


def _scaling(source: Source, value: cst.BaseExpression, train: str, held: str) -> str | None:
    """The code of ``value`` for ``held``; ``None`` where it is no scaling of ``train`` by known numbers.

    ``(x - x.mean(0)) / x.std(0)`` would give each part numbers of its own, so ``train`` may be read only once.
    """
    names = [node for node in source.all(cst.Name, value) if node.value == train]
    if len(names) != 1:
        return None
    if isinstance(value, cst.BinaryOperation):
        start, end = source.outer_span(value)
        place = source.span(names[0])
        return source.text[start : place[0]] + held + source.text[place[1] : end]
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute) or len(value.args) != 1:
        return None
    fitted = called_name(value) in ("fit_transform", "transform")
    return f"{source.code(value.func.value)}.transform({held})" if fitted else None
