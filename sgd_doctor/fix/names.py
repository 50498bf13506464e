"""What a name in the user's source is bound to."""

from __future__ import annotations

import libcst as cst
from libcst.metadata import Assignment

from sgd_doctor.fix.source import Source, called_name, has_stars, keyword, positional, root_name

Function = cst.FunctionDef | cst.Lambda


def bindings(source: Source, name: cst.Name) -> list[Assignment]:
    """Every assignment in the file that ``name`` may refer to; builtins are none."""
    scope = source.scope(name)
    if scope is None:
        return []
    found = [item for item in scope[name.value] if isinstance(item, Assignment)]
    return sorted(found, key=lambda item: source.span(item.node)[0])


def readers(source: Source, name: cst.Name) -> list[cst.CSTNode]:
    """The other places that read what ``name`` refers to."""
    nodes = {access.node for item in bindings(source, name) for access in item.references}
    nodes.discard(name)
    return sorted(nodes, key=lambda node: source.span(node)[0])


def binding(source: Source, name: cst.Name) -> cst.CSTNode | None:
    """The node of the only assignment to ``name``; ``None`` where there are several."""
    found = bindings(source, name)
    return found[0].node if len(found) == 1 else None


def assigned_value(source: Source, target: cst.CSTNode) -> cst.BaseExpression | None:
    """The expression that ``target``, a name or attribute being assigned to, gets.

    ``a, b = x, y`` is taken apart; loops, ``with`` and ``+=`` give no single expression.
    """
    parent = source.parent(target)
    if isinstance(parent, cst.AssignTarget):
        statement = source.parent(parent)
        return statement.value if isinstance(statement, cst.Assign) else None
    if isinstance(parent, cst.AnnAssign | cst.NamedExpr) and parent.target is target:
        return parent.value
    if isinstance(parent, cst.Element):
        return _unpacked(source, parent)
    return None


def _unpacked(source: Source, element: cst.Element) -> cst.BaseExpression | None:
    holder = source.parent(element)
    if not isinstance(holder, cst.Tuple | cst.List):
        return None
    value = assigned_value(source, holder)
    if not isinstance(value, cst.Tuple | cst.List) or len(value.elements) != len(holder.elements):
        return None
    if any(isinstance(item, cst.StarredElement) for item in (*value.elements, *holder.elements)):
        return None
    return value.elements[list(holder.elements).index(element)].value


def parameter(source: Source, node: cst.CSTNode) -> tuple[Function, cst.Param] | None:
    """The function and parameter that ``node``, the target of a binding, declares."""
    param = node if isinstance(node, cst.Param) else source.parent(node)
    if not isinstance(param, cst.Param):
        return None
    function = next(
        (above for above in source.ancestors(param) if isinstance(above, cst.FunctionDef | cst.Lambda)),
        None,
    )
    return (function, param) if function is not None else None


def is_loop_variable(source: Source, node: cst.CSTNode) -> bool:
    """Whether ``node``, the target of a binding, takes another value in every round of a loop."""
    below = node
    for above in source.ancestors(node):
        if isinstance(above, cst.For | cst.CompFor):
            return below is above.target
        if not isinstance(above, cst.Element | cst.Tuple | cst.List):
            return False
        below = above
    return False


def class_of_method(source: Source, function: cst.CSTNode) -> cst.ClassDef | None:
    """The class in whose body ``function`` is defined."""
    block = source.parent(function)
    above = source.parent(block) if block is not None else None
    return above if isinstance(above, cst.ClassDef) else None


def enclosing_class(source: Source, node: cst.CSTNode) -> cst.ClassDef | None:
    """The class whose method holds ``node``."""
    return source.enclosing(node, cst.ClassDef)


def call_sites(source: Source, function: cst.FunctionDef) -> list[cst.Call]:
    """The calls of ``function`` in the file; those of a class where it is its ``__init__``."""
    owner = class_of_method(source, function)
    name = function.name.value
    if owner is not None and name == "__init__":
        name = owner.name.value
    return [
        call
        for call in source.all(cst.Call)
        if called_name(call) == name and (owner is not None or isinstance(call.func, cst.Name))
    ]


def parameter_names(source: Source, function: cst.FunctionDef) -> list[str]:
    """The positional parameters of ``function`` as a caller sees them, without ``self``."""
    params = [param.name.value for param in (*function.params.posonly_params, *function.params.params)]
    static = any(root_name(item.decorator) == "staticmethod" for item in function.decorators)
    return params[1:] if class_of_method(source, function) is not None and not static else params


def passed(source: Source, call: cst.Call, function: cst.FunctionDef, name: str) -> cst.Arg | None:
    """The argument that ``call`` passes for parameter ``name`` of ``function``, if it is plain to see."""
    named = keyword(call, name)
    if named is not None or has_stars(call):
        return named
    names = parameter_names(source, function)
    return positional(call, names.index(name)) if name in names else None


def definition(source: Source, name: cst.CSTNode) -> cst.FunctionDef | cst.ClassDef | None:
    """The function or class of this file that ``name`` refers to."""
    found = binding(source, name) if isinstance(name, cst.Name) else None
    return found if isinstance(found, cst.FunctionDef | cst.ClassDef) else None


def origin(source: Source, node: cst.BaseExpression, depth: int = 8) -> cst.BaseExpression:
    """The expression behind ``node`` after following names to their only assignment."""
    for _ in range(depth):
        target = binding(source, node) if isinstance(node, cst.Name) else None
        value = assigned_value(source, target) if target is not None else None
        if value is None:
            return node
        node = value
    return node


def self_assignments(source: Source, owner: cst.ClassDef, attribute: str) -> list[cst.Attribute]:
    """The targets ``self.attribute`` that the methods of ``owner`` assign to."""
    return [
        node
        for node in source.all(cst.Attribute, owner)
        if node.attr.value == attribute
        and isinstance(node.value, cst.Name)
        and node.value.value == "self"
        and is_stored(source, node)
    ]


def is_stored(source: Source, node: cst.CSTNode) -> bool:
    """Whether ``node`` is assigned to, also by ``+=`` or as a loop variable."""
    parent = source.parent(node)
    while isinstance(parent, cst.Element | cst.Tuple | cst.List | cst.StarredElement):
        node, parent = parent, source.parent(parent)
    if isinstance(parent, cst.AssignTarget):
        return True
    if isinstance(parent, cst.AugAssign | cst.AnnAssign | cst.For | cst.CompFor | cst.NamedExpr):
        return parent.target is node
    return isinstance(parent, cst.Del | cst.AsName)
