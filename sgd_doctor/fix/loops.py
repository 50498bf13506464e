"""The calls that make up a training step: backward, step, zero_grad."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.blocks import calls_in, only, statements_at
from sgd_doctor.fix.names import (
    binding,
    bindings,
    call_sites,
    class_of_method,
    origin,
    parameter_names,
    passed,
)
from sgd_doctor.fix.source import Source, called_name, last_name, normalised, root_name

_BACKWARD = ("backward", "manual_backward")


def backward_calls(source: Source, node: cst.CSTNode) -> list[cst.Call]:
    """The calls inside ``node`` that differentiate a loss."""
    return [call for name in _BACKWARD for call in calls_in(source, node, name)]


def backward_at(source: Source, line: int) -> cst.BaseSmallStatement | None:
    """The statement at ``line`` that calls ``backward``."""
    return only(statements_at(source, line, lambda node: bool(backward_calls(source, node))))


def step_at(source: Source, line: int) -> tuple[cst.BaseSmallStatement, cst.BaseExpression] | None:
    """The statement at ``line`` that steps an optimizer, and that optimizer."""
    statement = only(statements_at(source, line, lambda node: bool(stepped(source, node))))
    found = stepped(source, statement) if statement is not None else []
    return (statement, found[0]) if statement is not None and len(found) == 1 else None


def stepped(source: Source, node: cst.CSTNode) -> list[cst.BaseExpression]:
    """The optimizers that ``node`` steps, also through a gradient scaler."""
    found: list[cst.BaseExpression] = []
    for call in calls_in(source, node, "step"):
        if not isinstance(call.func, cst.Attribute) or is_scheduler(source, call.func.value):
            continue
        scaled = is_scaler(source, call.func.value) and call.args
        found.append(call.args[0].value if scaled else call.func.value)
    return found


def is_scaler(source: Source, node: cst.BaseExpression) -> bool:
    """Whether ``node`` is a gradient scaler, by what it was made of or by its name."""
    return called_name(origin(source, node)) == "GradScaler" or "scaler" in last_name(node).lower()


def is_scheduler(source: Source, node: cst.BaseExpression) -> bool:
    """Whether ``node`` is a learning-rate scheduler, by what it was made of or by its name."""
    made, name = called_name(origin(source, node)), last_name(node).lower()
    return made.endswith("LR") or "sched" in made.lower() or made == "ReduceLROnPlateau" or "sched" in name


def calls_method_of(source: Source, node: cst.CSTNode, method: str, owner: str) -> list[cst.Call]:
    """The calls ``owner.method(...)`` inside ``node``."""
    return [
        call
        for call in calls_in(source, node, method)
        if isinstance(call.func, cst.Attribute) and normalised(source.code(call.func.value)) == normalised(owner)
    ]


def optimizer_for(source: Source, line: int, place: cst.CSTNode) -> str | None:
    """The expression that gives, at ``place``, the optimizer made at ``line``.

    ``None`` where no name for it can be seen there.
    """
    target = _target_at(source, line)
    if target is None:
        return None
    if isinstance(target, cst.Attribute):
        same = source.enclosing(target, cst.ClassDef) is source.enclosing(place, cst.ClassDef)
        plain = root_name(target) == "self" and _knows_self(source, place)
        return source.code(target) if same and plain else None
    return _visible(source, target, place)


def _knows_self(source: Source, place: cst.CSTNode) -> bool:
    scope = source.scope(place)
    return scope is not None and bool(scope["self"])


def _target_at(source: Source, line: int) -> cst.Name | cst.Attribute | None:
    """What the statement at ``line`` assigns the optimizer to; a factory's ``return`` leads to its caller."""
    statement = only(statements_at(source, line, _assigns_or_returns))
    if isinstance(statement, cst.Return):
        function = source.function_of(statement)
        calls = call_sites(source, function) if isinstance(function, cst.FunctionDef) else []
        statement = next(
            (n for n in source.ancestors(calls[0]) if isinstance(n, cst.Assign)) if len(calls) == 1 else iter(()),
            None,
        )
        if isinstance(statement, cst.Assign) and statement.value is not calls[0]:
            return None
    if isinstance(statement, cst.Assign | cst.AnnAssign) and not isinstance(statement.value, cst.Call):
        return None
    if isinstance(statement, cst.AnnAssign):
        return statement.target if isinstance(statement.target, cst.Name | cst.Attribute) else None
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0].target
    return target if isinstance(target, cst.Name | cst.Attribute) else None


def _assigns_or_returns(node: cst.BaseSmallStatement) -> bool:
    return isinstance(node, cst.Assign | cst.AnnAssign | cst.Return)


def _visible(source: Source, target: cst.Name, place: cst.CSTNode) -> str | None:
    """The name under which the variable ``target`` is known at ``place``."""
    function = source.function_of(place)
    if isinstance(function, cst.FunctionDef):
        passed_as = _parameter_for(source, target, function)
        if passed_as is not None:
            return passed_as
    defined_in = source.function_of(target)
    if defined_in is function or _is_around(source, defined_in, function):
        scope = source.scope(place)
        nodes = [item.node for item in bindings(source, target)]
        seen = [getattr(item, "node", None) for item in scope[target.value]] if scope is not None else []
        if any(node is other for node in nodes for other in seen):
            return target.value
    return None


def _is_around(source: Source, outer: cst.CSTNode | None, inner: cst.CSTNode | None) -> bool:
    if outer is None:
        return True
    return inner is not None and any(above is outer for above in source.ancestors(inner))


def _parameter_for(source: Source, target: cst.Name, function: cst.FunctionDef) -> str | None:
    """The parameter of ``function`` through which its only caller passes ``target``."""
    calls = call_sites(source, function)
    if len(calls) != 1 or (class_of_method(source, function) is not None and function.name.value != "__init__"):
        return None
    for name in parameter_names(source, function):
        arg = passed(source, calls[0], function, name)
        if arg is not None and isinstance(arg.value, cst.Name) and binding(source, arg.value) is target:
            return name
    return None


def assigned_name(statement: cst.BaseSmallStatement) -> str | None:
    """``loss`` of ``loss = ...``; ``None`` where the statement gives no single plain name."""
    if isinstance(statement, cst.AnnAssign):
        target: cst.BaseExpression = statement.target
    elif isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
    else:
        return None
    return target.value if isinstance(target, cst.Name) else None
