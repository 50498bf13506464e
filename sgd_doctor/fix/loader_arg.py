"""Setting an argument of the loader that the training loop goes through."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.arguments import append_keyword
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.literals import literal
from sgd_doctor.fix.loops import backward_calls
from sgd_doctor.fix.source import Source, called_name, has_stars, keyword, last_name
from sgd_doctor.fix.tracing import Tracer

_PASSING = {"enumerate", "tqdm", "track"}


def set_loader_arg(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Give ``args["arg"]`` of the only ``DataLoader`` that feeds a loop with a backward call its ``value``."""
    name, text = str(args["arg"]), literal(args["value"])
    loaders = training_loaders(source)
    if text is None or len(loaders) != 1 or has_stars(loaders[0]):
        return None
    given = keyword(loaders[0], name)
    if given is None:
        return append_keyword(source, loaders[0], name, text)
    return _replaced(source, given.value, text)


def borrow_collate(source: Source, _args: dict[str, Any]) -> list[Change] | None:
    """Give the training loader the collate function that all other loaders of the file have."""
    loaders = training_loaders(source)
    others = [call for call in source.all(cst.Call) if called_name(call) == "DataLoader" and call not in loaders]
    used = {source.code(arg.value) for call in others if (arg := keyword(call, "collate_fn")) is not None}
    if len(loaders) != 1 or len(used) != 1 or has_stars(loaders[0]):
        return None
    if keyword(loaders[0], "collate_fn") is not None:
        return []
    return append_keyword(source, loaders[0], "collate_fn", used.pop())


def training_loaders(source: Source) -> list[cst.Call]:
    """The calls of ``DataLoader`` whose batches a loop trains on, as far as the file shows."""
    found: list[cst.Call] = []
    for loop in source.all(cst.For):
        if not backward_calls(source, loop.body):
            continue
        iterated = loop.iter
        while isinstance(iterated, cst.Call) and called_name(iterated) in _PASSING and iterated.args:
            iterated = iterated.args[0].value
        made = Tracer(source).made(iterated, 8)
        if made is not None and called_name(made) == "DataLoader" and made not in found:
            found.append(made)
    return found


def _replaced(source: Source, node: cst.BaseExpression, text: str) -> list[Change]:
    if last_name(node) == text or source.code(node) == text:
        return []
    return [Change(*source.outer_span(node), text)]
