"""Clipping gradients before a step."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import calls_in, insert_before, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.front import spelled_nn
from sgd_doctor.fix.literals import literal
from sgd_doctor.fix.loops import is_scaler, step_at
from sgd_doctor.fix.names import origin
from sgd_doctor.fix.source import Source, called_name, keyword, positional

_CLIPS = ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")


def insert_clip(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Clip the gradients to the norm ``args["max_norm"]`` before the step at ``args["step_line"]``."""
    found = step_at(source, int(args["step_line"]))
    prefix, limit = spelled_nn(source), literal(float(args["max_norm"]))
    if found is None or prefix is None or limit is None:
        return None
    statement, optimizer = found
    if any(calls_in(source, item, name) for item in siblings(source, statement) for name in _CLIPS):
        return []
    if any(is_scaler(source, call.func.value) for call in _method_calls(source, statement)):
        return None
    parameters = _parameters(source, optimizer, statement)
    return [insert_before(source, statement, f"{prefix}.utils.clip_grad_norm_({parameters}, {limit})")]


def _method_calls(source: Source, statement: cst.CSTNode) -> list[Any]:
    return [call for call in source.all(cst.Call, statement) if isinstance(call.func, cst.Attribute)]


def _parameters(source: Source, optimizer: cst.BaseExpression, place: cst.CSTNode) -> str:
    """``model.parameters()``, where ``place`` knows the model; else what the optimizer holds."""
    made = origin(source, optimizer)
    given = (positional(made, 0) or keyword(made, "params")) if isinstance(made, cst.Call) else None
    asked = given.value if given is not None else None
    if isinstance(asked, cst.Call) and called_name(asked) == "parameters" and isinstance(asked.func, cst.Attribute):
        model, here = asked.func.value, source.scope(place)
        if isinstance(model, cst.Name) and source.scope(asked) is here:
            return source.code(asked)
    return f'[p for group in {source.code(optimizer)}.param_groups for p in group["params"]]'
