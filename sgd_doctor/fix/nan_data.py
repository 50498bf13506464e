"""Leaving out samples, or single targets, that are not finite."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import insert_after, insert_before, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.kinds import ARRAY, TENSOR, kind_of
from sgd_doctor.fix.names import bindings
from sgd_doctor.fix.source import Source, called_name, is_primary, normalised, positional
from sgd_doctor.fix.target import loss_operand
from sgd_doctor.fix.tracing import Tracer

_MASKS = ("valid", "is_valid", "valid_targets")
_MODULES = {TENSOR: "torch", ARRAY: "np"}


def drop_nonfinite_rows(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Leave out the rows with NaN of the table that holds both the inputs of the model at ``args["line"]`` and targets.

    Inputs alone are not cut: their targets would no longer stand beside them.
    """
    calls = [call for call in source.at(cst.Call, int(args["line"])) if is_forward(source, call)]
    given = positional(calls[0], 0) if len(calls) == 1 else None
    table = Tracer(source).data(given.value) if given is not None else None
    targets = loss_operand(source, {"line": args["loss_line"]}, "target")
    other = Tracer(source).data(targets) if targets is not None else None
    if table is None or other is None or table.value != other.value:
        return None
    found = bindings(source, table)
    statement = source.statement_of(found[-1].node) if found else None
    module = _MODULES.get(kind_of(source, table) or "")
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1 or module is None:
        return None
    name = table.value
    line = f"{name} = {name}[{module}.isfinite({name}).all(1)]"
    if normalised(source.code(statement)) == normalised(line):
        return []
    return [insert_after(source, statement, line)]


def mask_targets(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Compute the loss at ``args["line"]`` from the targets that are finite alone."""
    output, target = (loss_operand(source, args, which) for which in ("input", "target"))
    statement = source.statement_of(target) if target is not None else None
    names = {node.value for node in source.all(cst.Name)}
    mask = next((name for name in _MASKS if name not in names), None)
    if output is None or target is None or statement is None or mask is None or not isinstance(statement, cst.Assign):
        return None
    if not (is_primary(output) and is_primary(target)) or "\n" in source.code(target):
        return None
    block = siblings(source, statement)
    before = block[max(0, block.index(statement) - 1)]
    if any(called_name(call) == "isfinite" for node in (before, statement) for call in source.all(cst.Call, node)):
        return []
    ends = (source.outer_span(node)[1] for node in (output, target))
    line = f"{mask} = torch.isfinite({source.code(target)})"
    return [insert_before(source, statement, line), *(Change(end, end, f"[{mask}]") for end in ends)]
