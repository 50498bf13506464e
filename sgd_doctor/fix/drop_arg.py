"""Taking an argument out of calls, so that the default holds."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.activation import without_item
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, keyword


def drop_call_arg(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take the keyword ``args["arg"]`` out of every call of one of ``args["functions"]``."""
    functions, name = set(args["functions"]), str(args["arg"])
    calls = [call for call in source.all(cst.Call) if called_name(call) in functions]
    given = [(call, arg) for call in calls if (arg := keyword(call, name)) is not None]
    if not calls or any(arg.star for call in calls for arg in call.args):
        return None
    changes: list[Change] = []
    for call, arg in given:
        taken = without_item(source, arg, call.args)
        if taken is None:
            return None
        changes += taken
    return changes
