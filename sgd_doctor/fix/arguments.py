"""Adding a keyword argument to a call in the style of the call."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source


def append_keyword(source: Source, call: cst.Call, name: str, text: str) -> list[Change]:
    """Add ``name=text`` as the last argument; a call with an argument a line gets a line more."""
    added = f"{name}={text}"
    if not call.args:
        # Right before the closing parenthesis, which is the last character of the call.
        end = source.span(call)[1] - 1
        return [Change(end, end, added)]
    last = call.args[-1]
    end = source.span(last)[1]
    comma = last.comma if isinstance(last.comma, cst.Comma) else None
    if comma is None:
        return [Change(end, end, f", {added}")]
    after = source.span(comma)[1]
    start = source.line_start(source.span(last)[0])
    indent = source.text[start : source.span(last)[0]]
    if indent.strip() or source.lines(call)[1] == source.lines(comma)[1]:
        return [Change(end, end, f", {added}")]
    # Behind a comment that belongs to the argument before.
    end = source.line_end(after)
    return [Change(end, end, f"{source.newline}{indent}{added},")]
