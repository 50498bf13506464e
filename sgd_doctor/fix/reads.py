"""Whether other code may see standardised inputs in the place of the raw ones.

A target computed from the inputs (``y = X @ w``) must go on seeing the raw ones, or the task itself
changes.  Everything that is not known to be harmless counts as such a use.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from sgd_doctor.fix.names import bindings, definition, parameter_names
from sgd_doctor.fix.source import Source, called_name, root_name
from sgd_doctor.fix.tracing import unwrapped

_FEEDING = {"TensorDataset", "DataLoader", "zip", "random_split", "Subset"}
_SHOWING = {"print", "len", "range", "display"}
_PLOTS = {"plt", "ax", "axes", "fig", "sns"}
_ABOUT = {"shape", "size", "ndim", "dtype", "device", "dim", "numel", "nbytes"}
_DEPTH = 6


def is_fed(source: Source, node: cst.CSTNode, is_forward: Callable[[cst.Call], bool]) -> bool:
    """Whether ``node`` is given to the model, to a data set or to a loader."""
    return any(
        isinstance(above, cst.Call) and (called_name(above) in _FEEDING or is_forward(above))
        for above in _in_statement(source, node)
    )


def may_be_scaled(
    source: Source, read: cst.CSTNode, is_forward: Callable[[cst.Call], bool], depth: int = _DEPTH
) -> bool:
    """Whether the place that reads the data works just as well with standardised data."""
    if is_fed(source, read, is_forward):
        return True
    if is_about(source, read):
        return True
    for above in _in_statement(source, read):
        if isinstance(above, cst.Call):
            if called_name(above) in _SHOWING or root_name(above.func) in _PLOTS:
                return True
            if isinstance(definition(source, above.func), cst.FunctionDef):
                return depth > 0 and _in_function(source, above, read, is_forward, depth)
    return depth > 0 and _as_part(source, read, is_forward, depth)


def is_about(source: Source, read: cst.CSTNode) -> bool:
    """Whether only the shape, type or length is read."""
    parent = source.parent(read)
    if isinstance(parent, cst.Arg):
        return called_name(source.parent(parent) or parent) == "len"
    return isinstance(parent, cst.Attribute) and parent.attr.value in _ABOUT


def _in_statement(source: Source, node: cst.CSTNode) -> list[cst.CSTNode]:
    found: list[cst.CSTNode] = []
    for above in source.ancestors(node):
        if isinstance(above, cst.BaseSmallStatement | cst.BaseCompoundStatement | cst.BaseSuite):
            break
        found.append(above)
    return found


def _in_function(
    source: Source, call: cst.Call, read: cst.CSTNode, is_forward: Callable[[cst.Call], bool], depth: int
) -> bool:
    """What a function of the file does with the parameter it gets the data as."""
    function = definition(source, call.func)
    if not isinstance(function, cst.FunctionDef) or any(arg.star for arg in call.args):
        return False
    names = parameter_names(source, function)
    for index, arg in enumerate(call.args):
        if arg.value is not read:
            continue
        name = arg.keyword.value if arg.keyword is not None else (names[index] if index < len(names) else "")
        param = next((item for item in source.all(cst.Param, function.params) if item.name.value == name), None)
        return param is not None and _all_reads(source, param.name, function.body, is_forward, depth)
    return False


def _all_reads(
    source: Source,
    target: cst.Name,
    body: cst.CSTNode,
    is_forward: Callable[[cst.Call], bool],
    depth: int,
) -> bool:
    here = next((name for name in source.all(cst.Name, body) if name.value == target.value), None)
    if here is None:
        return True
    nodes = {access.node for item in bindings(source, here) for access in item.references}
    return all(may_be_scaled(source, node, is_forward, depth - 1) for node in nodes)


def _as_part(source: Source, read: cst.CSTNode, is_forward: Callable[[cst.Call], bool], depth: int) -> bool:
    """``xb = X[idx]`` and ``xb = X.to(device)``: what matters is what is done with ``xb``."""
    statement = source.statement_of(read)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return False
    target, value = statement.targets[0].target, statement.value
    pairs: list[tuple[cst.BaseExpression, cst.BaseExpression]] = [(target, value)]
    if isinstance(target, cst.Tuple) and isinstance(value, cst.Tuple):
        pairs = [(a.value, b.value) for a, b in zip(target.elements, value.elements, strict=False)]
    for name, part in pairs:
        if read not in source.all(cst.Name, part):
            continue
        if not isinstance(name, cst.Name) or not _is_part(part, read):
            return False
        if isinstance(read, cst.Name) and name.value == read.value:
            return True
        nodes = {access.node for item in bindings(source, name) for access in item.references}
        return all(may_be_scaled(source, node, is_forward, depth - 1) for node in nodes)
    return False


def _is_part(node: cst.BaseExpression, read: cst.CSTNode) -> bool:
    """Whether ``node`` is ``read``, sliced or moved but with its values as they are."""
    node = unwrapped(node)
    while isinstance(node, cst.Subscript):
        node = unwrapped(node.value)
    return node is read
