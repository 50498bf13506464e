"""Standardising the inputs of a model where the data set is made."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import block_of, insert_after, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.front import standardise_in_front
from sgd_doctor.fix.kinds import kind_of
from sgd_doctor.fix.names import assigned_value, bindings
from sgd_doctor.fix.own_dataset import standardise_own_dataset
from sgd_doctor.fix.placing import Data, batch_is_only_fed, placed
from sgd_doctor.fix.source import Source, last_name, normalised, positional
from sgd_doctor.fix.tracing import Tracer


def standardise_inputs(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Standardise the data behind the forward call at ``args["forward_line"]``.

    All other data that reaches the same model gets the same statistics. Where it is not plain to see what that is,
    a layer in front of the model does it, if ``args`` tell the number of ``features`` and the first ``layer``.
    """
    call = _forward_at(source, int(args["forward_line"]))
    if call is None:
        return None
    found = _standardised_data(source, call)
    return standardise_in_front(source, call, args) if found is None else found


def _standardised_data(source: Source, call: cst.Call) -> list[Change] | None:
    """Changes where the data are made; ``None`` where that is not plain to see."""
    data = _data_of(source, call)
    if data is None:
        return standardise_own_dataset(source, call)
    if _is_standardised(source, data):
        return []
    others = _others(source, call, data)
    if others is None or _is_taken(source, data):
        return None
    found = [placed(source, item, lambda call: is_forward(source, call)) for item in (data, *others)]
    ready = [item for item in found if item is not None]
    if len(ready) != len(found):
        return None
    scaled = [change for other in ready[1:] for change in _scaled(source, other, ready[0])]
    return [*_statistics(source, ready[0]), *scaled]


def _forward_at(source: Source, line: int) -> cst.Call | None:
    """The only model that is called there, or of several nested ones the innermost."""
    calls = [call for call in source.at(cst.Call, line) if is_forward(source, call)]
    inner = [c for c in calls if not any(other is not c and _within(source, other, c) for other in calls)]
    return inner[0] if len(inner) == 1 else None


def _within(source: Source, inner: cst.Call, outer: cst.Call) -> bool:
    return any(above is outer for above in source.ancestors(inner))


def _data_of(source: Source, call: cst.Call) -> Data | None:
    given = positional(call, 0)
    name = Tracer(source).data(given.value) if given is not None else None
    data = _as_data(source, name) if name is not None else None
    if given is None or data is None:
        return None
    plain = batch_is_only_fed(source, given.value, data, lambda call: is_forward(source, call))
    return data if plain else None


def _as_data(source: Source, name: cst.Name) -> Data | None:
    """The variable, where its last assignment is a plain statement outside any branch or loop."""
    found = bindings(source, name)
    targets = [item.node for item in found]
    if not targets or len({id(item.scope) for item in found}) != 1:
        return None
    statement = source.statement_of(targets[-1])
    if not isinstance(statement, cst.Assign | cst.AnnAssign):
        return None
    block = block_of(source, statement)
    above = source.parent(block)
    in_function = isinstance(above, cst.FunctionDef)
    guarded = isinstance(above, cst.If) and "__main__" in source.code(above.test)
    kind = kind_of(source, name)
    if kind is None or not (isinstance(block, cst.Module) or in_function or guarded):
        return None
    return Data(name.value, name, statement, kind)


def _is_standardised(source: Source, data: Data) -> bool:
    """Whether the last assignment already divides by a spread, as this edit would write it."""
    value = data.statement.value if isinstance(data.statement, cst.Assign) else None
    if value is None or not isinstance(value, cst.BinaryOperation | cst.Call):
        return False
    code = normalised(source.code(value))
    return f"{data.name}_std" in code or ".std(" in code or "fit_transform(" in code


def _is_taken(source: Source, data: Data) -> bool:
    names = {node.value for node in source.all(cst.Name)}
    return bool({f"{data.name}_mean", f"{data.name}_std"} & names)


def _others(source: Source, call: cst.Call, data: Data) -> list[Data] | None:
    """The other variables that reach the same model and do not come from ``data`` itself."""
    model = last_name(call.func)
    found: dict[str, Data] = {}
    for other in source.all(cst.Call):
        if other is call or last_name(other.func) != model or not is_forward(source, other):
            continue
        reached = _data_of(source, other)
        if reached is None:
            return None
        if reached.name == data.name or _derives_from(source, reached, data):
            continue
        if reached.kind != data.kind or block_of(source, reached.statement) is not block_of(source, data.statement):
            return None
        found[reached.name] = reached
    return list(found.values())


def _derives_from(source: Source, other: Data, data: Data) -> bool:
    """Whether ``other`` is a part of ``data`` that is taken after ``data`` has its last value."""
    if source.span(other.statement)[0] <= source.span(data.statement)[0]:
        return False
    value = assigned_value(source, bindings(source, other.node)[-1].node)
    if value is None and isinstance(other.statement, cst.Assign):
        value = other.statement.value
    return value is not None and any(node.value == data.name for node in source.all(cst.Name, value))


def _statistics(source: Source, data: Data) -> list[Change]:
    name = data.name
    lines = [
        f"{name}_mean, {name}_std = {name}.mean(0), {name}.std(0)",
        f"{name}_std[{name}_std < 1e-8] = 1.0  # a constant feature stays at 0",
        f"{name} = ({name} - {name}_mean) / {name}_std",
    ]
    return [insert_after(source, data.statement, line) for line in lines]


def _scaled(source: Source, other: Data, data: Data) -> list[Change]:
    """The statement that gives ``other`` the statistics of ``data``, once both exist."""
    block = siblings(source, data.statement)
    later = max((data.statement, other.statement), key=block.index)
    line = f"{other.name} = ({other.name} - {data.name}_mean) / {data.name}_std"
    return [insert_after(source, later, line)]
