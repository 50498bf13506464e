"""Taking an activation out where it is applied, built or listed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import delete, indent_of, siblings
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.names import assigned_value, enclosing_class, origin, self_assignments
from sgd_doctor.fix.source import (
    Source,
    called_name,
    is_primary,
    keyword,
    last_name,
    normalised,
    positional,
    root_name,
)
from sgd_doctor.fix.thresholds import adapted

CLASSES = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "softmin": "Softmin",
    "sigmoid": "Sigmoid",
    "logsigmoid": "LogSigmoid",
    "hardsigmoid": "Hardsigmoid",
    "tanh": "Tanh",
    "hardtanh": "Hardtanh",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "round": "Round",
    "floor": "Floor",
    "ceil": "Ceil",
}
"""Name of the function, and of the module class that applies it (rounding has none, its name cannot come up)."""

_NAMESPACES = {"F", "torch", "nn", "functional", "special", "tf"}


def drop_activation(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Take the activation ``args["name"]`` at ``args["line"]`` out, by function, method or module."""
    name = str(args["name"]).lower()
    if name not in CLASSES or _wanted_elsewhere(source, name, int(args["line"])):
        return None
    calls = source.at(cst.Call, int(args["line"]))
    applied = [call for call in calls if _argument(source, call, name) is not None]
    if applied:
        outer = applied[0]
        if any(not _inside(source, call, outer) for call in applied[1:]):
            return None
        return _with_thresholds(source, outer, name, _drop_applied(source, outer, name))
    built = [call for call in calls if called_name(call) == CLASSES[name]]
    on_line = [call for call in built if source.covers(call, int(args["line"]))]
    if len(on_line) != 1:
        return None
    return _with_thresholds(source, on_line[0], name, _drop_built(source, on_line[0]))


def _wanted_elsewhere(source: Source, name: str, line: int) -> bool:
    """Whether another loss of the file takes probabilities that come from ``line``, as far as can be told."""
    losses = {"binary_cross_entropy", "BCELoss"} if name == "sigmoid" else set()
    return any(
        called_name(call) in losses and not _of_another(source, call, name, line) for call in source.all(cst.Call)
    )


def _of_another(source: Source, loss: cst.Call, name: str, line: int) -> bool:
    """Whether the loss is given what the same activation makes at another line."""
    given = positional(loss, 0)
    made = origin(source, given.value) if given is not None else None
    if not isinstance(made, cst.Call) or called_name(made).strip("_") != name:
        return False
    return not source.covers(made, line)


def _with_thresholds(source: Source, call: cst.Call, name: str, changes: list[Change] | None) -> list[Change] | None:
    more = adapted(source, call, name) if changes is not None else None
    return [*changes, *more] if changes is not None and more is not None else None


def _inside(source: Source, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    return any(above is outer for above in source.ancestors(node))


def _argument(source: Source, call: cst.Call, name: str) -> cst.BaseExpression | None:
    """What ``call`` applies the activation to; ``None`` where it does not apply it."""
    callee = call.func
    if isinstance(callee, cst.Call):
        return _first(call) if called_name(callee) == CLASSES[name] else None
    called = last_name(callee)
    if called.rstrip("_") == name or called == f"_{name}":
        if isinstance(callee, cst.Attribute) and _is_method(source, call, callee):
            return callee.value
        return _first(call)
    if isinstance(callee, cst.Name | cst.Attribute) and _made_of(source, callee) == CLASSES[name]:
        return _first(call)
    return None


def _first(call: cst.Call) -> cst.BaseExpression | None:
    given = positional(call, 0) or keyword(call, "input")
    return given.value if given is not None else None


def _is_method(source: Source, call: cst.Call, callee: cst.Attribute) -> bool:
    """Whether ``callee`` is a method of the tensor before the dot, not a function or a module."""
    root = root_name(callee)
    if root in _NAMESPACES and isinstance(callee.value, cst.Name | cst.Attribute):
        return False
    if root == "self" and _made_of(source, callee):
        return False
    first = positional(call, 0)
    if first is None:
        return True
    return isinstance(first.value, cst.Integer | cst.UnaryOperation) or last_name(first.value) == "dim"


def _made_of(source: Source, callee: cst.Name | cst.Attribute) -> str:
    """The class of the module ``self.act`` or ``act``, where that is assigned once."""
    if isinstance(callee, cst.Name):
        return called_name(origin(source, callee))
    owner = enclosing_class(source, callee)
    if owner is None or last_name(callee.value) != "self":
        return ""
    targets = self_assignments(source, owner, callee.attr.value)
    value = assigned_value(source, targets[0]) if len(targets) == 1 else None
    return called_name(value) if value is not None else ""


def _drop_applied(source: Source, call: cst.Call, name: str) -> list[Change] | None:
    argument = _argument(source, call, name)
    if argument is None:
        return None
    statement = source.statement_of(call)
    if isinstance(statement, cst.Assign) and _says_nothing(source, statement, call, argument):
        return [delete(source, statement)] if len(siblings(source, statement)) > 1 else None
    if isinstance(statement, cst.Expr) and statement.value is call:
        # An in-place call that stands alone.
        return [delete(source, statement)] if len(siblings(source, statement)) > 1 else None
    inner = argument
    while isinstance(inner, cst.Call) and (deeper := _argument(source, inner, name)) is not None:
        inner = deeper
    return _unwrapped(source, call, inner)


def _unwrapped(source: Source, call: cst.Call, argument: cst.BaseExpression) -> list[Change]:
    """Leave of ``call`` its argument and the comments inside."""
    start, end = source.outer_span(call)
    inner_start, inner_end = source.outer_span(argument)
    before, after = _comments(source, call, start, inner_start), _comments(source, call, inner_end, end)
    left, right = ("(", ")") if _needs_parentheses(source, call, argument) or before or after else ("", "")
    left += "".join(f"  {comment}{source.newline}{indent_of(source, call)}    " for comment in before)
    right = "".join(f"  {comment}{source.newline}{indent_of(source, call)}" for comment in after) + right
    return [Change(start, inner_start, left), Change(inner_end, end, right)]


def _comments(source: Source, call: cst.Call, start: int, end: int) -> list[str]:
    """The comments of ``call`` between two offsets."""
    found = source.all(cst.Comment, call)
    return [comment.value for comment in found if start <= source.span(comment)[0] < end]


def _says_nothing(source: Source, statement: cst.Assign, call: cst.Call, argument: cst.BaseExpression) -> bool:
    """Whether ``x = F.softmax(x)`` would become ``x = x``."""
    return (
        statement.value is call
        and len(statement.targets) == 1
        and normalised(source.code(statement.targets[0].target)) == normalised(source.code(argument))
    )


def _needs_parentheses(source: Source, call: cst.Call, argument: cst.BaseExpression) -> bool:
    code = source.code(argument)
    try:
        ast.parse(code, mode="eval")
    except SyntaxError:
        return True
    if is_primary(argument):
        return False
    parent = source.parent(call)
    if isinstance(parent, cst.Arg):
        return isinstance(argument, cst.GeneratorExp | cst.Yield)
    plain = isinstance(parent, cst.Assign | cst.AnnAssign | cst.Return | cst.Expr)
    return not plain or isinstance(argument, cst.NamedExpr | cst.Yield)


def _drop_built(source: Source, call: cst.Call) -> list[Change] | None:
    """Take a module out of the list it stands in, or put an identity in its place."""
    if source.enclosing(call, cst.CompFor) is not None or _in_loop(source, call):
        return None
    item = source.parent(call)
    holder = source.parent(item) if item is not None else None
    if isinstance(item, cst.Element) and isinstance(holder, cst.Tuple) and len(holder.elements) == 2:
        pair = source.parent(holder)
        if isinstance(pair, cst.Element) and isinstance(source.parent(pair), cst.List):
            item, holder = pair, source.parent(pair)
    if isinstance(item, cst.Element) and isinstance(holder, cst.List):
        return without_item(source, item, holder.elements)
    if isinstance(item, cst.Arg) and item.keyword is None and called_name(holder or call) == "Sequential":
        return without_item(source, item, holder.args) if isinstance(holder, cst.Call) else None
    return _identity(source, call)


def _in_loop(source: Source, node: cst.CSTNode) -> bool:
    for above in source.ancestors(node):
        if isinstance(above, cst.For | cst.While | cst.ListComp | cst.GeneratorExp | cst.DictComp):
            return True
        if isinstance(above, cst.FunctionDef):
            return False
    return False


def without_item(
    source: Source, item: cst.Element | cst.Arg, items: Sequence[cst.BaseElement | cst.Arg]
) -> list[Change] | None:
    """Take one element out of a list with the comma that belongs to it."""
    index = next(i for i, other in enumerate(items) if other is item)
    before = items[index - 1].comma if index else None
    start, end = source.span(item)
    if isinstance(item, cst.Element):
        start, end = source.outer_span(item.value)
    if isinstance(item.comma, cst.Comma):
        end = source.span(item.comma)[1]
    if not source.text[source.line_start(start) : start].strip():
        rest = source.text[end : source.line_end(end)].strip()
        if not rest or rest.startswith("#"):
            return [Change(source.line_start(start), source.next_line(end), "")]
    if index + 1 < len(items):
        return [Change(start, _begin(source, items[index + 1]), "")]
    comma = source.span(before)[0] if isinstance(before, cst.Comma) else start
    # A comment behind the element before stays, and the comma in front of it does no harm.
    return [Change(start if "#" in source.text[comma:start] else comma, end, "")]


def _begin(source: Source, item: cst.BaseElement | cst.Arg) -> int:
    return source.outer_span(item.value)[0] if isinstance(item, cst.Element) else source.span(item)[0]


def _identity(source: Source, call: cst.Call) -> list[Change] | None:
    """Replace the module by an identity, spelled the same way."""
    if not isinstance(call.func, cst.Attribute):
        return None
    if isinstance(source.parent(call), cst.Assign) and _applied_twice(source, call):
        return None
    start, end = source.outer_span(call)
    return [Change(start, end, f"{source.code(call.func.value)}.Identity()")]


def _applied_twice(source: Source, call: cst.Call) -> bool:
    """Whether the module is used at several places, of which only one is meant."""
    statement = source.parent(call)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return True
    name = last_name(statement.targets[0].target)
    return sum(called_name(other) == name for other in source.all(cst.Call)) > 1
