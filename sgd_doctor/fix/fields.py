"""What ``args.lr``, ``cfg["lr"]``, ``CONFIG.lr`` and ``self.lr`` stand for."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from sgd_doctor.fix.names import (
    assigned_value,
    binding,
    call_sites,
    definition,
    enclosing_class,
    is_stored,
    parameter,
    passed,
    self_assignments,
)
from sgd_doctor.fix.source import Source, called_name, has_stars, keyword, last_name, positional, string_value

_DEPTH = 8
_KEYWORD_HOLDERS = {"dict", "SimpleNamespace", "Namespace", "EasyDict", "AttrDict", "Munch", "Box", "DotDict"}
_ARGPARSE = {"parse_args", "parse_known_args", "parse_intermixed_args"}
_ARGS_NAMES = {"args", "opt", "opts", "options", "hparams", "hps", "config", "cfg", "FLAGS", "flags"}


class Varies(Exception):
    """The value is another one from call to call, or comes from outside the file, on purpose."""


@dataclass(frozen=True)
class Read:
    """The expression behind a field, and the other places that read the same field."""

    value: cst.BaseExpression
    uses: tuple[cst.CSTNode, ...]


class Fields:
    """Looks up keys and attributes of the configuration objects that scripts use."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def read(self, node: cst.BaseExpression) -> Read | None:
        """What the attribute, subscript or ``.get()`` ``node`` stands for."""
        wanted = _key_of(node)
        if wanted is None:
            return None
        holder, key = wanted
        same = [other for other in self._accesses(key) if other is not node]
        owner = enclosing_class(self.source, node)
        if isinstance(holder, cst.Name) and holder.value == "self" and owner is not None:
            value = self._of_self(owner, key)
            same = [other for other in same if enclosing_class(self.source, other) is owner]
            stores = 1
        else:
            value = self._of(holder, key, _DEPTH)
            same = [other for other in same if not _is_self(other)]
            stores = 0
        if value is None or sum(is_stored(self.source, other) for other in same) > stores:
            return None
        return Read(value, tuple(other for other in same if not is_stored(self.source, other)))

    def _accesses(self, key: str) -> list[cst.BaseExpression]:
        found: list[cst.BaseExpression] = []
        for node in self.source.expressions():
            wanted = _key_of(node)
            if wanted is None or wanted[1] != key or self._is_callee(node):
                continue
            if not self._is_group(wanted[0]):
                found.append(node)
        return found

    def _is_group(self, holder: cst.BaseExpression) -> bool:
        """Whether ``holder["lr"]`` is the optimizer's own, not that of a configuration."""
        target = binding(self.source, holder) if isinstance(holder, cst.Name) else None
        loop = self.source.enclosing(target, cst.For) if target is not None else None
        looped = loop is not None and target is loop.target and "param_groups" in self.source.code(loop.iter)
        return looped or "param_groups" in self.source.code(holder)

    def _is_callee(self, node: cst.CSTNode) -> bool:
        parent = self.source.parent(node)
        return isinstance(parent, cst.Call) and parent.func is node

    def _of(self, holder: cst.BaseExpression, key: str, depth: int) -> cst.BaseExpression | None:
        """The value of ``key`` in the object that ``holder`` evaluates to."""
        if not depth:
            return None
        if isinstance(holder, cst.Dict):
            return _of_dict(holder, key)
        if isinstance(holder, cst.Call):
            return self._of_call(holder, key, depth)
        if isinstance(holder, cst.Name):
            return self._of_name(holder, key, depth)
        inner = self.read(holder)
        return self._of(inner.value, key, depth - 1) if inner is not None else None

    def _of_name(self, holder: cst.Name, key: str, depth: int) -> cst.BaseExpression | None:
        target = binding(self.source, holder)
        if isinstance(target, cst.ClassDef):
            return _of_class(target, key)
        if target is None:
            return None
        declared = parameter(self.source, target)
        value = assigned_value(self.source, target)
        if declared is not None and isinstance(declared[0], cst.FunctionDef):
            return self._of_parameter(declared[0], declared[1], key, depth)
        if value is None and isinstance(self.source.parent(target), cst.Element):
            # args, rest = parser.parse_known_args()
            holding = next((n for n in self.source.ancestors(target) if isinstance(n, cst.Assign)), None)
            value = holding.value if holding is not None else None
            return self._argparse(key) if called_name(value or target) in _ARGPARSE else None
        return self._of(value, key, depth - 1) if value is not None else None

    def _of_parameter(
        self, function: cst.FunctionDef, param: cst.Param, key: str, depth: int
    ) -> cst.BaseExpression | None:
        calls = call_sites(self.source, function)
        given = [passed(self.source, call, function, param.name.value) for call in calls]
        values = {id(v): v for arg in given if arg is not None if (v := self._of(arg.value, key, depth - 1))}
        if len(values) > 1:
            raise Varies
        if values:
            return next(iter(values.values()))
        if not any(given) and param.default is not None:
            return self._of(param.default, key, depth - 1)
        if not calls and param.name.value in _ARGS_NAMES:
            return self._argparse(key)
        return None

    def _of_call(self, call: cst.Call, key: str, depth: int) -> cst.BaseExpression | None:
        name = called_name(call)
        if name in _ARGPARSE:
            return self._argparse(key)
        if name in _KEYWORD_HOLDERS or name == "vars":
            return self._of_keywords(call, key, depth)
        made = definition(self.source, call.func)
        if isinstance(made, cst.ClassDef):
            return self._of_instance(call, made, key)
        if isinstance(made, cst.FunctionDef):
            returned = self.source.all(cst.Return, made.body)
            value = returned[0].value if len(returned) == 1 else None
            return self._of(value, key, depth - 1) if value is not None else None
        return None

    def _of_keywords(self, call: cst.Call, key: str, depth: int) -> cst.BaseExpression | None:
        named = keyword(call, key)
        if named is not None:
            return named.value
        inner = [arg.value for arg in call.args if arg.keyword is None]
        return self._of(inner[0], key, depth - 1) if len(inner) == 1 else None

    def _of_instance(self, call: cst.Call, made: cst.ClassDef, key: str) -> cst.BaseExpression | None:
        """A field of ``Config(...)``: what was passed, else the default in the class body."""
        named = keyword(call, key)
        if named is not None:
            return named.value
        if has_stars(call) or any(_is_method(item, "__init__") for item in made.body.body):
            return self._of_self(made, key) if not has_stars(call) else None
        names = [name for name, _ in _fields_of(made)]
        given = positional(call, names.index(key)) if key in names else None
        return given.value if given is not None else _of_class(made, key)

    def _of_self(self, owner: cst.ClassDef, key: str) -> cst.BaseExpression | None:
        targets = self_assignments(self.source, owner, key)
        if len(targets) > 1:
            return None
        return assigned_value(self.source, targets[0]) if targets else _of_class(owner, key)

    def _argparse(self, key: str) -> cst.BaseExpression | None:
        """The default of the option that argparse stores as ``key``."""
        calls = [call for call in self.source.all(cst.Call) if called_name(call) == "add_argument"]
        found = [call for call in calls if _destination(call) == key]
        if len(found) != 1 or self._set_defaults(key):
            return None
        default = keyword(found[0], "default")
        if default is None or last_name(default.value) == "None" or keyword(found[0], "required") is not None:
            # The value came from the command line: no edit of the file is the right answer.
            raise Varies
        return default.value

    def _set_defaults(self, key: str) -> bool:
        calls = [call for call in self.source.all(cst.Call) if called_name(call) == "set_defaults"]
        return any(keyword(call, key) is not None or has_stars(call) for call in calls)


def _key_of(node: cst.BaseExpression) -> tuple[cst.BaseExpression, str] | None:
    """The object and the key of ``object.key``, ``object["key"]`` and ``object.get("key")``."""
    if isinstance(node, cst.Attribute):
        return node.value, node.attr.value
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        index = node.slice[0].slice
        key = string_value(index.value) if isinstance(index, cst.Index) else None
        return (node.value, key) if key is not None else None
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and called_name(node) == "get":
        first = positional(node, 0)
        key = string_value(first.value) if first is not None else None
        return (node.func.value, key) if key is not None else None
    return None


def _of_dict(holder: cst.Dict, key: str) -> cst.BaseExpression | None:
    if any(isinstance(item, cst.StarredDictElement) for item in holder.elements):
        return None
    found = [
        item.value for item in holder.elements if isinstance(item, cst.DictElement) and string_value(item.key) == key
    ]
    return found[0] if len(found) == 1 else None


def _fields_of(owner: cst.ClassDef) -> list[tuple[str, cst.BaseExpression | None]]:
    """The names that a class body gives a value or a type, in order."""
    found: list[tuple[str, cst.BaseExpression | None]] = []
    for line in owner.body.body:
        for item in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(item, cst.AnnAssign):
                found.append((last_name(item.target), item.value))
            elif isinstance(item, cst.Assign) and len(item.targets) == 1:
                found.append((last_name(item.targets[0].target), item.value))
    return found


def _of_class(owner: cst.ClassDef, key: str) -> cst.BaseExpression | None:
    found = [value for name, value in _fields_of(owner) if name == key and value is not None]
    if len(found) != 1:
        return None
    value = found[0]
    if isinstance(value, cst.Call) and called_name(value) == "field":
        default = keyword(value, "default")
        return default.value if default is not None else None
    return value


def _is_method(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.FunctionDef) and node.name.value == name


def _is_self(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and last_name(node.value) == "self"


def _destination(call: cst.Call) -> str | None:
    """The attribute under which argparse stores an option."""
    named = keyword(call, "dest")
    if named is not None:
        return string_value(named.value)
    flags = [string_value(arg.value) for arg in call.args if arg.keyword is None]
    spelled = [flag for flag in flags if flag is not None]
    long = [flag for flag in spelled if flag.startswith("--")]
    return (long or spelled or [""])[0].lstrip("-").replace("-", "_")
