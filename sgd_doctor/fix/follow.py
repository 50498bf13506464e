"""Where the value of an expression is written down: a constant, a default, a dictionary, argparse."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from sgd_doctor.fix.fields import Fields, Varies
from sgd_doctor.fix.literals import known_value
from sgd_doctor.fix.names import (
    assigned_value,
    bindings,
    call_sites,
    is_loop_variable,
    parameter,
    passed,
    readers,
)
from sgd_doctor.fix.source import Source, called_name, keyword, positional, string_value

__all__ = ["Place", "Varies", "follow"]

_DEPTH = 12
_CONVERSIONS = {"float", "int"}


@dataclass(frozen=True)
class Place:
    """The literal that decides a value, and everything else that reads it on the way."""

    node: cst.BaseExpression
    uses: tuple[cst.CSTNode, ...]


def follow(source: Source, expression: cst.BaseExpression) -> Place | None:
    """The place where the value of ``expression`` is written; ``None`` where that cannot be seen.

    Raises :class:`Varies` where the value differs from run to run or call to call on purpose.
    """
    return _Follower(source).follow(expression, _DEPTH)


@dataclass
class _Follower:
    source: Source
    uses: list[cst.CSTNode] = field(default_factory=list)

    def follow(self, node: cst.BaseExpression, depth: int) -> Place | None:
        if known_value(node, self.source.code(node)) is not None:
            return Place(node, tuple(self.uses))
        following = self._next(node) if depth else None
        return self.follow(following, depth - 1) if following is not None else None

    def _next(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        if isinstance(node, cst.Name):
            return self._name(node)
        if isinstance(node, cst.Call) and called_name(node) in _CONVERSIONS and len(node.args) == 1:
            return node.args[0].value
        found = Fields(self.source).read(node)
        if found is None:
            return None
        self.uses += found.uses
        return found.value

    def _name(self, name: cst.Name) -> cst.BaseExpression | None:
        found = bindings(self.source, name)
        if any(is_loop_variable(self.source, item.node) for item in found):
            raise Varies
        if len(found) != 1:
            return None
        target = found[0].node
        self.uses += readers(self.source, name)
        declared = parameter(self.source, target)
        if declared is not None:
            function, param = declared
            return self._argument(function, param) if isinstance(function, cst.FunctionDef) else None
        holder = self.source.enclosing(target, cst.Assign)
        if holder is not None and len(holder.targets) > 1:
            return None
        return assigned_value(self.source, target)

    def _argument(self, function: cst.FunctionDef, param: cst.Param) -> cst.BaseExpression | None:
        calls = call_sites(self.source, function)
        given = [passed(self.source, call, function, param.name.value) for call in calls]
        arguments = [arg.value for arg in given if arg is not None]
        if not arguments:
            return self._option(function, param) or param.default
        if len(arguments) != len(calls) or len(arguments) > 1:
            raise Varies
        return arguments[0]

    def _option(self, function: cst.FunctionDef, param: cst.Param) -> cst.BaseExpression | None:
        """The default of a ``@click.option("--lr", default=...)``."""
        flag = "--" + param.name.value.replace("_", "-")
        for item in function.decorators:
            call = item.decorator
            if not isinstance(call, cst.Call) or called_name(call) != "option":
                continue
            first = positional(call, 0)
            default = keyword(call, "default")
            spelled = string_value(first.value) if first is not None else None
            if spelled is not None and spelled.replace("_", "-") == flag and default is not None:
                return default.value
        return None
