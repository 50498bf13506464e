"""A call that is made twice where once is right."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import delete, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name


def drop_repeated(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take out the first of the two statements of the file that call ``args["function"]``.

    It has to stand in one block with the other one, or with a call of the function that holds the other one.
    """
    found = [node for node in source.all(cst.Expr) if called_name(node.value) == str(args["function"])]
    if len(found) < 2:
        return []
    if len(found) > 2:
        return None
    for first, second in (found, found[::-1]):
        function = source.function_of(second)
        name = function.name.value if isinstance(function, cst.FunctionDef) else None
        later = siblings(source, first)[siblings(source, first).index(first) + 1 :]
        calls = [call for item in later for call in source.all(cst.Call, item)]
        if second in later or (
            source.function_of(first) is not function and name in [called_name(call) for call in calls]
        ):
            return [delete(source, first)]
    return None
