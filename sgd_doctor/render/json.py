"""The report as JSON: for continuous integration, editors and assistants."""

from __future__ import annotations

from typing import Any

import msgspec

from sgd_doctor.report import Report


def text(report: Report) -> str:
    """The report as JSON text, as described by ``report.schema.json``.

    Text that no UTF-8 can hold (a file name that is not UTF-8) is written as ``\\udc80``; NaN is null.
    """
    try:
        return report.to_json() + "\n"
    except UnicodeEncodeError:
        return msgspec.convert(encodable(msgspec.to_builtins(report)), Report).to_json() + "\n"


def encodable(node: Any) -> Any:
    """``node`` with lone surrogates written out in every text."""
    if isinstance(node, str):
        return node.encode("utf-8", "backslashreplace").decode()
    if isinstance(node, dict):
        return {encodable(key): encodable(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [encodable(item) for item in node]
    return node
