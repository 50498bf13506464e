"""Standardising the targets where they are made, if everything that reads them goes on making sense."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import insert_after
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import bindings
from sgd_doctor.fix.source import Source, called_name, normalised
from sgd_doctor.fix.target import is_loss, loss_operand
from sgd_doctor.fix.tracing import Tracer

_RATIOS = {"var", "std", "mean", "r2_score"}
"""What stands beside a loss in R² and the like, which do not depend on the unit."""
_ABOUT = {"shape", "size", "dtype", "ndim", "len"}
_PASSED = {"TensorDataset", "DataLoader", "Subset", "random_split", "train_test_split", "split", "float", "unsqueeze"}


def standardise_targets(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Train on ``(y - y.mean()) / y.std()`` for the targets of the loss at ``args["line"]``.

    Only where the file reads them for losses, for their own variance and for nothing that has a unit: what is printed
    would otherwise be in another unit than before.
    """
    operand = loss_operand(source, args, "target")
    name = Tracer(source).data(operand) if operand is not None else None
    found = bindings(source, name) if name is not None else []
    statement = source.statement_of(found[-1].node) if found else None
    if name is None or not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    if not isinstance(statement.targets[0].target, cst.Name):
        return None
    line = f"{name.value} = ({name.value} - {name.value}.mean()) / {name.value}.std()"
    if normalised(source.code(statement)) == normalised(line):
        return []
    begin = source.span(statement)[1]
    reads = {access.node for item in found for access in item.references if source.span(access.node)[0] > begin}
    if not reads or not all(_has_no_unit(source, node) for node in reads):
        return None
    return [insert_after(source, statement, line)]


def _has_no_unit(source: Source, node: cst.CSTNode) -> bool:
    for above in source.ancestors(node):
        if isinstance(above, cst.Call):
            name = called_name(above)
            if is_loss(source, above) or name in _RATIOS | _ABOUT | _PASSED:
                return True
        if isinstance(above, cst.Attribute) and above.attr.value in _ABOUT:
            return True
        if isinstance(above, cst.Return):
            return True
        if isinstance(above, cst.BaseSmallStatement | cst.BinaryOperation | cst.Comparison):
            return False
    return False
