"""Another function in the place of one that takes the same arguments."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name

CLASSES = {
    "nll_loss": "NLLLoss",
    "cross_entropy": "CrossEntropyLoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}
"""The module that does the same as a function."""
BARE = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
"""What takes other options than what it stands in for: only calls without options are changed."""


def swap_function(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Call ``args["to"]`` instead of ``args["function"]`` at ``args["line"]``, or build its module instead.

    Names are those of functions (``nll_loss``).  Where the line calls a module, the only place of the file that
    builds one of that kind is changed.
    """
    old, new, line = str(args["function"]), str(args["to"]), int(args["line"])
    direct = [call for call in source.at(cst.Call, line) if called_name(call) == old]
    if direct:
        return _renamed(source, direct, new, 2)
    built = [call for call in source.all(cst.Call) if called_name(call) == CLASSES.get(old)]
    if built:
        return _renamed(source, built, CLASSES[new], 0)
    done = [call for call in source.all(cst.Call) if called_name(call) in (new, CLASSES.get(new))]
    return [] if done else None


def _renamed(source: Source, calls: list[cst.Call], name: str, plain: int) -> list[Change] | None:
    """``nn.NLLLoss(...)`` becomes ``nn.CrossEntropyLoss(...)``; a name that was imported by itself stays."""
    if len(calls) != 1 or not isinstance(calls[0].func, cst.Attribute):
        return None
    if name in BARE and len(calls[0].args) > plain:
        return None
    start, end = source.span(calls[0].func.attr)
    return [Change(start, end, name)]
