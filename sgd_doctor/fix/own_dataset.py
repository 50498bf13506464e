"""Standardising inside a data set class of the user's."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.blocks import block_of, insert_after
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.forward import is_forward
from sgd_doctor.fix.kinds import kind_of
from sgd_doctor.fix.names import (
    assigned_value,
    bindings,
    call_sites,
    definition,
    is_stored,
    parameter,
    passed,
    self_assignments,
)
from sgd_doctor.fix.placing import Data, batch_is_only_fed
from sgd_doctor.fix.reads import is_about
from sgd_doctor.fix.source import Source, called_name, last_name, positional
from sgd_doctor.fix.tracing import Tracer, unwrapped


def standardise_own_dataset(source: Source, call: cst.Call) -> list[Change] | None:
    """Standardise ``self.x`` where the only data set of the file stores it.

    With a second one (for validation) its own statistics would differ, so then nothing is done.
    """
    member = _member(source, call)
    made = definition(source, member[0].func) if member is not None else None
    if member is None or not isinstance(made, cst.ClassDef):
        return None
    same_class = [other for other in source.all(cst.Call) if called_name(other) == made.name.value]
    models = [other for other in source.all(cst.Call) if is_forward(source, other)]
    reached = [_member(source, other) for other in models if last_name(other.func) == last_name(call.func)]
    if len(same_class) != 1 or any(item is None or item != member for item in reached):
        return None
    attribute = _stored_as(source, made, member[1])
    targets = self_assignments(source, made, attribute) if attribute is not None else []
    if attribute is None or len(targets) != 1 or not _only_served(source, made, attribute, targets[0]):
        return None
    return _standardised(source, attribute, targets[0])


def _member(source: Source, call: cst.Call) -> tuple[cst.Call, int] | None:
    """The call that makes the data set behind a forward call, and the member of its items."""
    given = positional(call, 0)
    tracer = Tracer(source)
    if given is None or tracer.data(given.value) is not None or tracer.own is None:
        return None
    nowhere = Data("", cst.Name("_"), call, "")
    only_fed = batch_is_only_fed(source, given.value, nowhere, lambda other: is_forward(source, other))
    return tracer.own if only_fed else None


def _stored_as(source: Source, made: cst.ClassDef, index: int) -> str | None:
    """``x`` where ``__getitem__`` returns ``self.x[i]`` as member ``index``."""
    methods = [item for item in made.body.body if isinstance(item, cst.FunctionDef)]
    getters = [item for item in methods if item.name.value == "__getitem__"]
    found = source.all(cst.Return, getters[0].body) if len(getters) == 1 else []
    value = found[0].value if len(found) == 1 else None
    if not isinstance(value, cst.Tuple) or index >= len(value.elements):
        return None
    node = unwrapped(value.elements[index].value)
    holder = node.value if isinstance(node, cst.Subscript) else None
    plain = isinstance(holder, cst.Attribute) and last_name(holder.value) == "self"
    return last_name(holder) if holder is not None and plain else None


def _only_served(source: Source, made: cst.ClassDef, attribute: str, target: cst.Attribute) -> bool:
    """Whether the stored inputs are only handed out and measured, by anybody in the file."""
    for node in source.all(cst.Attribute):
        if node.attr.value != attribute or node is target:
            continue
        if is_stored(source, node) or source.enclosing(node, cst.ClassDef) is not made:
            return False
        method = source.function_of(node)
        served = isinstance(method, cst.FunctionDef) and method.name.value == "__getitem__"
        if not served and not is_about(source, node):
            return False
    return True


def _standardised(source: Source, attribute: str, target: cst.Attribute) -> list[Change] | None:
    statement = source.statement_of(target)
    value = assigned_value(source, target)
    function = source.function_of(target)
    if statement is None or value is None or not isinstance(function, cst.FunctionDef):
        return None
    direct = function.name.value == "__init__" and block_of(source, statement) is function.body
    if not direct or _kind(source, value) is None or f"{attribute}_std" in source.text:
        return None
    lines = [
        f"{attribute}_mean, {attribute}_std = self.{attribute}.mean(0), self.{attribute}.std(0)",
        f"{attribute}_std[{attribute}_std < 1e-8] = 1.0  # a constant feature stays at 0",
        f"self.{attribute} = (self.{attribute} - {attribute}_mean) / {attribute}_std",
    ]
    return [insert_after(source, statement, line) for line in lines]


def _kind(source: Source, value: cst.BaseExpression) -> str | None:
    """Tensor or array, also where the only caller passes it in."""
    found = bindings(source, value) if isinstance(value, cst.Name) else []
    declared = parameter(source, found[0].node) if len(found) == 1 else None
    if declared is None or not isinstance(declared[0], cst.FunctionDef):
        return kind_of(source, value)
    calls = call_sites(source, declared[0])
    arg = passed(source, calls[0], declared[0], declared[1].name.value) if len(calls) == 1 else None
    return kind_of(source, arg.value) if arg is not None else None
