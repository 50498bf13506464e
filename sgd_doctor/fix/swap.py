"""Another function in the place of one that takes the same arguments."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.activation import drop_activation, without_item
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, last_name

CLASSES = {
    "nll_loss": "NLLLoss",
    "cross_entropy": "CrossEntropyLoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "binary_cross_entropy": "BCELoss",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid",
    "mse_loss": "MSELoss",
}
"""The module that does the same as a function."""
ALIKE = ({"nll_loss", "cross_entropy"}, {"softmax", "log_softmax"}, {"view", "reshape"})
"""Functions with the same options; between others only calls without options are changed."""
ELEMENTWISE = {"Sigmoid", "sigmoid"}
"""What works on each element and takes no dimension."""


def swap_function(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Call ``args["to"]`` instead of ``args["function"]`` at ``args["line"]``, or build its module instead.

    Names are those of functions (``nll_loss``).  Where the line calls a module, the only place of the file that
    builds one of that kind is changed.
    """
    old, new, line = str(args["function"]), str(args["to"]), int(args["line"])
    direct = [call for call in source.at(cst.Call, line) if called_name(call) == old]
    bare = not any({old, new} <= alike for alike in ALIKE)
    if direct:
        return _renamed(source, direct, new, 2 if bare else None)
    built = [call for call in source.all(cst.Call) if called_name(call) == CLASSES.get(old)]
    if built:
        return _renamed(source, built, CLASSES[new], 0 if bare else None)
    done = [call for call in source.all(cst.Call) if called_name(call) in (new, CLASSES.get(new))]
    return [] if done else None


def one_sigmoid(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take the sigmoid at ``args["line"]`` out; where other code wants its probabilities, compute the loss at
    ``args["loss_line"]`` from them as they are."""
    changes = drop_activation(source, {"line": args["line"], "name": "sigmoid"})
    there = any(called_name(call).strip("_") in ELEMENTWISE for call in source.at(cst.Call, int(args["line"])))
    if changes is not None or not there or "loss_line" not in args:
        return changes
    losses = {"function": "binary_cross_entropy_with_logits", "to": "binary_cross_entropy"}
    return swap_function(source, losses | {"line": args["loss_line"]})


def _renamed(source: Source, calls: list[cst.Call], name: str, most: int | None) -> list[Change] | None:
    """``nn.NLLLoss(...)`` becomes ``nn.CrossEntropyLoss(...)``; a name that was imported by itself stays.

    ``most`` is how many arguments the call may have where the options differ.
    """
    if len(calls) != 1 or not isinstance(calls[0].func, cst.Attribute):
        return None
    if most is not None and len(calls[0].args) > most and name not in ELEMENTWISE:
        return None
    start, end = source.span(calls[0].func.attr)
    return [Change(start, end, name), *(_without_dim(source, calls[0]) if name in ELEMENTWISE else [])]


def _without_dim(source: Source, call: cst.Call) -> list[Change]:
    """Take the dimension out of ``softmax(x, dim=1)``, ``softmax(x, 1)`` and ``Softmax(dim=1)``."""
    dims = [
        arg for arg in call.args if last_name(arg.keyword or arg.value) == "dim" or isinstance(arg.value, cst.Integer)
    ]
    return [change for arg in dims for change in without_item(source, arg, call.args) or []]
