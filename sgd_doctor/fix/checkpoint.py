"""Loading a checkpoint whose names have a prefix, or whose state is one level deeper."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.operands import rewritten
from sgd_doctor.fix.source import Source, called_name, positional, string_value


def fit_state(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Rewrite what ``load_state_dict`` at ``args["line"]`` is given so that its names fit.

    ``missing`` and ``unexpected`` are a name of the model and one of the checkpoint.
    """
    calls = [call for call in source.at(cst.Call, int(args["line"])) if called_name(call) == "load_state_dict"]
    given = positional(calls[0], 0) if len(calls) == 1 else None
    how = _how(source, str(args["missing"]), str(args["unexpected"]))
    return rewritten(source, given.value, how) if given is not None and how is not None else None


def _how(source: Source, missing: str, unexpected: str) -> str | None:
    if "." not in unexpected:
        keys = _keys_of_states(source)
        return f"{{}}[{source.quote}{keys.pop()}{source.quote}]" if len(keys) == 1 else None
    prefix = _prefix(missing, unexpected)
    if prefix is None:
        return None
    quoted = f"{source.quote}{prefix}{source.quote}"
    return f"{{name.removeprefix({quoted}): value for name, value in {{}}.items()}}"


def _prefix(missing: str, unexpected: str) -> str | None:
    """``module.`` for ``conv.weight`` and ``module.conv.weight`` or another name as deep."""
    extra = unexpected.count(".") - missing.count(".")
    parts = unexpected.split(".")
    return ".".join(parts[:extra]) + "." if extra > 0 else None


def _keys_of_states(source: Source) -> set[str]:
    """The keys under which the dictionaries of the file keep a ``state_dict()`` of a model."""
    found = set()
    for item in source.all(cst.DictElement):
        key = string_value(item.key)
        if key is not None and called_name(item.value) == "state_dict" and "optim" not in source.code(item.value):
            found.add(key)
    return found
