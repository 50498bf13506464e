"""Whether a variable holds a torch tensor or a numpy array, as far as the source shows."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.names import assigned_value, bindings, definition
from sgd_doctor.fix.source import Source, called_name, root_name

TENSOR, ARRAY = "tensor", "array"
_DEPTH = 8
_TENSOR_METHODS = {"float", "double", "to", "cuda", "cpu", "unsqueeze", "clone", "detach", "view", "permute"}
_ARRAY_METHODS = {"astype", "to_numpy", "fit_transform", "toarray", "tolist"}
_NOT_FLOAT = {"arange", "randint", "argmax", "long", "int", "zeros_like", "tolist", "randperm"}
_SKLEARN = ("make_", "load_", "fetch_")


def kind_of(source: Source, node: cst.BaseExpression, depth: int = _DEPTH) -> str | None:
    """``tensor``, ``array``, or ``None`` where it could be anything."""
    if not depth:
        return None
    if isinstance(node, cst.Name):
        found = bindings(source, node)
        return _of_target(source, found[-1].node, depth) if found else None
    if isinstance(node, cst.Subscript):
        return kind_of(source, node.value, depth - 1)
    if isinstance(node, cst.BinaryOperation):
        return kind_of(source, node.left, depth - 1) or kind_of(source, node.right, depth - 1)
    if isinstance(node, cst.Attribute):
        return ARRAY if node.attr.value == "values" else None
    return _of_call(source, node, depth) if isinstance(node, cst.Call) else None


def _of_call(source: Source, call: cst.Call, depth: int) -> str | None:
    name, root = called_name(call), root_name(call.func)
    if name in _NOT_FLOAT:
        return None
    if root == "torch" or name in ("from_numpy", "FloatTensor"):
        return TENSOR
    if root in ("np", "numpy") or name in _ARRAY_METHODS:
        return ARRAY
    if not isinstance(call.func, cst.Attribute):
        return None
    if name in _TENSOR_METHODS:
        return TENSOR
    return kind_of(source, call.func.value, depth - 1)


def _of_target(source: Source, target: cst.CSTNode, depth: int) -> str | None:
    value = assigned_value(source, target)
    if value is not None:
        return kind_of(source, value, depth - 1)
    holder, element = None, source.parent(target)
    if isinstance(element, cst.Element):
        holder = source.parent(element)
    statement = source.enclosing(target, cst.Assign)
    if not isinstance(holder, cst.Tuple) or statement is None or not isinstance(statement.value, cst.Call):
        return None
    index = next(i for i, item in enumerate(holder.elements) if item is element)
    return _of_result(source, statement.value, index, depth)


def _of_result(source: Source, call: cst.Call, index: int, depth: int) -> str | None:
    """The kind of one of several values that ``call`` returns."""
    name = called_name(call)
    if name == "train_test_split":
        plain = [arg.value for arg in call.args if arg.keyword is None]
        return kind_of(source, plain[index // 2], depth - 1) if index // 2 < len(plain) else None
    function = definition(source, call.func)
    if isinstance(function, cst.FunctionDef):
        found = source.all(cst.Return, function.body)
        value = found[0].value if len(found) == 1 else None
        if isinstance(value, cst.Tuple) and index < len(value.elements):
            return kind_of(source, value.elements[index].value, depth - 1)
        return None
    return ARRAY if name.startswith(_SKLEARN) and name != "load_dataset" else None
