"""Moving axes where a view only renamed them."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, is_primary, positional, root_name

_VIEWS = {"view", "reshape"}
_NAMESPACES = {"torch"}


def move_axes(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """``x.transpose(1, 2)``, or what else ``args["how"]`` says, for the view at ``args["line"]``."""
    how = str(args["how"])
    calls = [call for call in source.at(cst.Call, int(args["line"])) if called_name(call) in _VIEWS]
    if len(calls) != 1:
        return [] if how in source.text and not calls else None
    call = calls[0]
    if not isinstance(call.func, cst.Attribute):
        return None
    given = positional(call, 0)
    base = call.func.value if root_name(call.func) not in _NAMESPACES else given.value if given is not None else None
    if base is None:
        return None
    code = source.code(base)
    start, end = source.outer_span(call)
    if code.endswith(how):  # moved there and back
        return [Change(start, end, code.removesuffix(how))]
    return [Change(start, end, f"{code if is_primary(base) else f'({code})'}{how}")]
