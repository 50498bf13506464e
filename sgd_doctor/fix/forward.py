"""Which calls run a model."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.names import definition, origin
from sgd_doctor.fix.source import Source, called_name, last_name, positional
from sgd_doctor.fix.tracing import unwrapped

_MODEL_NAMES = {"model", "net", "network", "mlp", "cnn", "classifier", "regressor"}
_CONTAINERS = {"Sequential", "Linear"}


def is_forward(source: Source, call: cst.Call) -> bool:
    """Whether ``call`` calls a model, by what that was made of or by its name."""
    if positional(call, 0) is None or not isinstance(call.func, cst.Name | cst.Attribute):
        return False
    if isinstance(call.func, cst.Attribute) and last_name(call.func.value) != "self":
        return False
    if last_name(call.func) in _MODEL_NAMES:
        return True
    made = unwrapped(origin(source, call.func))
    if called_name(made) in _CONTAINERS:
        return True
    owner = definition(source, made.func) if isinstance(made, cst.Call) else None
    return isinstance(owner, cst.ClassDef) and any(last_name(base.value) == "Module" for base in owner.bases)
