"""Training for more epochs."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.follow import Varies, follow
from sgd_doctor.fix.loops import step_at
from sgd_doctor.fix.source import Source, called_name


def more_epochs(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Go ``args["factor"]`` times as often through the outermost ``for _ in range(n)`` around ``args["step_line"]``.

    ``args["rounds"]`` is how often it was gone through: what the source says otherwise was overridden.
    """
    found = step_at(source, int(args["step_line"]))
    if found is None:
        return None
    loops = [above for above in source.ancestors(found[0]) if isinstance(above, cst.For)]
    for loop in reversed(loops):
        called = loop.iter if isinstance(loop.iter, cst.Call) else None
        if called is None or called_name(called) not in ("range", "trange") or len(called.args) != 1:
            continue
        try:
            place = follow(source, called.args[0].value)
        except Varies:
            return None
        if place is None or not isinstance(place.node, cst.Integer):
            return None
        count = int(place.node.value)
        return [Change(*source.outer_span(place.node), str(count * int(args["factor"])))]
    return None
