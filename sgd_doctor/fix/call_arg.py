"""Setting a keyword argument of a call."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.arguments import append_keyword
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.literals import equal, known_value, literal
from sgd_doctor.fix.names import enclosing_class
from sgd_doctor.fix.operands import rewritten
from sgd_doctor.fix.source import Source, called_name, keyword, last_name, positional

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
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"), "p inplace"),
}
"""Positional order of calls whose arguments are also given without their names."""

_WEIGHTED = {
    *("CrossEntropyLoss", "NLLLoss", "BCEWithLogitsLoss"),
    *("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits"),
}
"""Losses that take weights of classes."""
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


def follow_mode(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``training=self.training`` for the function of dropout that a method of a module calls at ``args["line"]``."""
    calls = [call for call in source.at(cst.Call, int(args["line"])) if called_name(call) == str(args["function"])]
    function = source.function_of(calls[0]) if len(calls) == 1 else None
    owner = enclosing_class(source, calls[0]) if calls else None
    if not isinstance(function, cst.FunctionDef) or owner is None or any(arg.star for arg in calls[0].args):
        return None
    given = keyword(calls[0], "training") or positional(calls[0], 2)
    if given is None:
        return append_keyword(source, calls[0], "training", "self.training")
    known = last_name(given.value)
    if known == "training":
        return []
    return [Change(*source.outer_span(given.value), "self.training")] if known == "True" else None


def invert_weights(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``1 / w`` for the weights of the classes in the only call of the file that is given them as ``args["arg"]``."""
    calls = [call for call in source.all(cst.Call) if called_name(call) in _WEIGHTED]
    found = [given for call in calls if (given := keyword(call, str(args["arg"]))) is not None]
    if len(found) != 1 or last_name(found[0].value) == "None":
        return None
    return rewritten(source, found[0].value, "1 / {}")


def _may_hide(call: cst.Call, name: str) -> bool:
    """Whether the argument may come in through ``*args`` or excludes one that is already there."""
    if any(arg.star for arg in call.args):
        return True
    return any(keyword(call, other) is not None for other in _EXCLUDED.get(name, ()))
