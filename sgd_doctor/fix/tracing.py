"""From what a model is called with back to the variable that holds the whole data set."""

from __future__ import annotations

import libcst as cst

from sgd_doctor.fix.names import (
    assigned_value,
    bindings,
    call_sites,
    definition,
    enclosing_class,
    is_loop_variable,
    origin,
    parameter,
    passed,
    self_assignments,
)
from sgd_doctor.fix.source import Source, called_name, keyword, last_name, positional

_DEPTH = 10
_WRAPPERS = {
    *("to", "float", "double", "cuda", "cpu", "view", "reshape", "flatten", "unsqueeze", "squeeze"),
    *("contiguous", "clone", "detach", "requires_grad_"),
}
"""Methods that leave the values as they are."""
_PASSING = {"enumerate": 0, "tqdm": 0, "trange": 0, "list": 0, "iter": 0, "next": 0, "track": 0, "Subset": 0}


def unwrapped(node: cst.BaseExpression) -> cst.BaseExpression:
    """``x`` of ``x.view(-1, 4).to(device)``."""
    while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and called_name(node) in _WRAPPERS:
        node = node.func.value
    return node


class Tracer:
    """Follows batches through loops, loaders, data sets, slices and arguments."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.own: tuple[cst.Call, int] | None = None
        """The call that makes a data set of the user's own class, and the member of its items."""

    def data(self, node: cst.BaseExpression, depth: int = _DEPTH) -> cst.Name | None:
        """The name of the variable that holds all of what ``node`` is a part of."""
        node = unwrapped(node)
        if not depth:
            return None
        if isinstance(node, cst.Subscript):
            if isinstance(node.value, cst.Name) and self._is_batch(node.value):
                index = _constant_index(node)
                return self._item(node.value, index, depth - 1) if index is not None else None
            return self.data(node.value, depth - 1) if isinstance(node.value, cst.Name) else None
        return self._variable(node, depth) if isinstance(node, cst.Name) else None

    def _variable(self, name: cst.Name, depth: int) -> cst.Name | None:
        targets = self._own_targets(name)
        if len(targets) != 1:
            # Several assignments in a row still make one variable, unless a loop is among them.
            return name if targets and not any(self._in_loop(target) for target in targets) else None
        target = targets[0]
        if is_loop_variable(self.source, target):
            return self._from_loop(target, depth)
        declared = parameter(self.source, target)
        if declared is not None:
            function, param = declared
            given = self._given(function, param) if isinstance(function, cst.FunctionDef) else None
            return self.data(given, depth - 1) if given is not None else None
        if not self._in_loop(target):
            return name
        value = assigned_value(self.source, target)
        if value is not None:
            return self.data(value, depth - 1)
        return self._from_unpacking(target, depth)

    def _own_targets(self, name: cst.Name) -> list[cst.CSTNode]:
        """The assignments to ``name`` but for ``x = x.to(device)`` and the like."""
        found = []
        for item in bindings(self.source, name):
            value = assigned_value(self.source, item.node)
            inner = unwrapped(value) if value is not None else None
            if not (inner is not value and isinstance(inner, cst.Name) and inner.value == name.value):
                found.append(item.node)
        return found

    def _in_loop(self, node: cst.CSTNode) -> bool:
        for above in self.source.ancestors(node):
            if isinstance(above, cst.For | cst.While | cst.CompFor):
                return True
            if isinstance(above, cst.FunctionDef):
                return False
        return False

    def _is_batch(self, name: cst.Name) -> bool:
        found = bindings(self.source, name)
        return len(found) == 1 and is_loop_variable(self.source, found[0].node)

    def _given(self, function: cst.FunctionDef, param: cst.Param) -> cst.BaseExpression | None:
        calls = call_sites(self.source, function)
        arg = passed(self.source, calls[0], function, param.name.value) if len(calls) == 1 else None
        return arg.value if arg is not None else None

    def _from_loop(self, target: cst.CSTNode, depth: int) -> cst.Name | None:
        """What a loop variable iterates over: ``for x, y in loader``, also through ``enumerate``."""
        loop = next((n for n in self.source.ancestors(target) if isinstance(n, cst.For | cst.CompFor)), None)
        if loop is None:
            return None
        path = _path_to(loop.target, target)
        iterated = loop.iter
        while isinstance(iterated, cst.Call) and called_name(iterated) in _PASSING and iterated.args:
            if called_name(iterated) == "enumerate":
                if path is None or path[:1] != [1]:
                    return None
                path = path[1:]
            iterated = iterated.args[0].value
        return self._member(iterated, path[0], depth - 1) if path is not None and len(path) == 1 else None

    def _from_unpacking(self, target: cst.CSTNode, depth: int) -> cst.Name | None:
        """``x, y = batch`` and ``x, y = next(iter(loader))``."""
        statement = next((n for n in self.source.ancestors(target) if isinstance(n, cst.Assign)), None)
        if statement is None or len(statement.targets) != 1:
            return None
        path = _path_to(statement.targets[0].target, target)
        if path is None or len(path) != 1:
            return None
        if isinstance(statement.value, cst.Name):
            return self._item(statement.value, path[0], depth - 1)
        return None

    def _item(self, batch: cst.Name, index: int, depth: int) -> cst.Name | None:
        """Member ``index`` of the loop variable ``batch``."""
        found = bindings(self.source, batch)
        if len(found) != 1 or not is_loop_variable(self.source, found[0].node):
            return None
        loop = self.source.enclosing(found[0].node, cst.For)
        if loop is None:
            return None
        iterated, path = loop.iter, _path_to(loop.target, found[0].node)
        if isinstance(iterated, cst.Call) and called_name(iterated) == "enumerate" and path == [1]:
            iterated, path = iterated.args[0].value, []
        if isinstance(iterated, cst.Call) and called_name(iterated) == "tqdm" and iterated.args:
            iterated = iterated.args[0].value
        return self._member(iterated, index, depth) if path == [] else None

    def _member(self, loader: cst.BaseExpression, index: int, depth: int) -> cst.Name | None:
        """Member ``index`` of what a loader or a data set yields."""
        made = self.made(loader, depth)
        if made is None or not depth:
            return None
        called = called_name(made)
        if called in ("DataLoader", "Subset", *_PASSING):
            inner = keyword(made, "dataset") or positional(made, 0)
            return self._member(inner.value, index, depth - 1) if inner is not None else None
        if called == "random_split":
            inner = positional(made, 0)
            return self._member(inner.value, index, depth - 1) if inner is not None else None
        if called in ("TensorDataset", "zip"):
            given = positional(made, index)
            return self.data(given.value, depth - 1) if given is not None else None
        if isinstance(definition(self.source, made.func), cst.ClassDef):
            self.own = (made, index)
        return None

    def made(self, node: cst.BaseExpression, depth: int) -> cst.Call | None:
        """The call that made the object ``node``."""
        node = origin(self.source, node)
        if isinstance(node, cst.Call) or not depth:
            return node if isinstance(node, cst.Call) else None
        if isinstance(node, cst.Attribute) and last_name(node.value) == "self":
            owner = enclosing_class(self.source, node)
            targets = self_assignments(self.source, owner, node.attr.value) if owner is not None else []
            value = assigned_value(self.source, targets[0]) if len(targets) == 1 else None
            return self.made(value, depth - 1) if value is not None else None
        found = bindings(self.source, node) if isinstance(node, cst.Name) else []
        if len(found) != 1:
            return None
        declared = parameter(self.source, found[0].node)
        if declared is not None and isinstance(declared[0], cst.FunctionDef):
            given = self._given(declared[0], declared[1])
            return self.made(given, depth - 1) if given is not None else None
        statement = next((n for n in self.source.ancestors(found[0].node) if isinstance(n, cst.Assign)), None)
        # train_set, test_set = random_split(...)
        split = statement.value if statement is not None else None
        return split if isinstance(split, cst.Call) and called_name(split) == "random_split" else None


def _constant_index(node: cst.Subscript) -> int | None:
    index = node.slice[0].slice if len(node.slice) == 1 else None
    value = index.value if isinstance(index, cst.Index) else None
    return int(value.value) if isinstance(value, cst.Integer) and value.value.isdigit() else None


def _path_to(holder: cst.BaseExpression, node: cst.CSTNode) -> list[int] | None:
    """The positions that lead from a nested tuple of names to one of them."""
    if holder is node:
        return []
    if isinstance(holder, cst.Tuple | cst.List):
        for index, element in enumerate(holder.elements):
            below = _path_to(element.value, node)
            if below is not None:
                return [index, *below]
    return None
