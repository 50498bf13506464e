"""Setting a keyword argument of a call."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.arguments import append_keyword
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.literals import equal, known_value, literal
from sgd_doctor.fix.source import Source, called_name, keyword, positional

_ORDERS = {
    "DataLoader": "dataset batch_size shuffle sampler batch_sampler num_workers collate_fn",
    "ReduceLROnPlateau": "optimizer mode factor patience threshold threshold_mode cooldown min_lr eps",
    "StepLR": "optimizer step_size gamma last_epoch",
    "MultiStepLR": "optimizer milestones gamma last_epoch",
    "ExponentialLR": "optimizer gamma last_epoch",
    "CrossEntropyLoss": "weight size_average ignore_index reduce reduction label_smoothing",
    "NLLLoss": "weight size_average ignore_index reduce reduction",
    "BCEWithLogitsLoss": "weight size_average reduce reduction pos_weight",
    "BCELoss": "weight size_average reduce reduction",
    "MSELoss": "size_average reduce reduction",
    "L1Loss": "size_average reduce reduction",
    "SmoothL1Loss": "size_average reduce reduction beta",
    "KLDivLoss": "size_average reduce reduction log_target",
    "cross_entropy": "input target weight size_average ignore_index reduce reduction label_smoothing",
    "mse_loss": "input target size_average reduce reduction",
    "clip_grad_norm_": "parameters max_norm norm_type",
    "clip_grad_value_": "parameters clip_value",
    "softmax": "input dim",
    "log_softmax": "input dim",
    "Softmax": "dim",
    "LogSoftmax": "dim",
}
"""Positional order of calls whose arguments are also given without their names."""

_EXCLUDED = {"shuffle": ("sampler", "batch_sampler"), "reduction": ("reduce", "size_average")}


def set_call_arg(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Give ``args["arg"]`` of the call of ``args["function"]`` at ``args["line"]`` the value wanted."""
    name, function = str(args["arg"]), str(args["function"])
    text = literal(args["value"], source.quote)
    calls = [call for call in source.at(cst.Call, int(args["line"])) if called_name(call) == function]
    if text is None or len(calls) != 1:
        return None
    call = calls[0]
    order = _ORDERS.get(function, "").split()
    given = keyword(call, name) or (positional(call, order.index(name)) if name in order else None)
    if given is None:
        return None if _may_hide(call, name) else append_keyword(source, call, name, text)
    known = known_value(given.value, source.code(given.value))
    if known is not None and equal(known[0], args["value"]):
        return []
    start, end = source.outer_span(given.value)
    if isinstance(given.value, cst.SimpleString):
        text = literal(args["value"], given.value.quote) or text
    return [Change(start, end, text)]


def _may_hide(call: cst.Call, name: str) -> bool:
    """Whether the argument may come in through ``*args`` or excludes one that is already there."""
    if any(arg.star for arg in call.args):
        return True
    return any(keyword(call, other) is not None for other in _EXCLUDED.get(name, ()))
