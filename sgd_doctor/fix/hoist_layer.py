"""Building in ``__init__`` the layers that ``forward`` builds anew each time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import libcst as cst

from sgd_doctor.fix.blocks import delete, insert_after, siblings, statements_of
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.loops import assigned_name
from sgd_doctor.fix.names import bindings, enclosing_class, readers, self_assignments
from sgd_doctor.fix.source import Source, called_name, positional, root_name

_LAYERS = re.compile(
    r"(Lazy)?(Linear|Bilinear|Conv\d?d?\w*|BatchNorm\dd|LayerNorm|GroupNorm|Embedding|GRU|LSTM|RNN\w*)"
)
_LAZY = {"Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"}
"""Layers whose lazy kind finds out the number of its inputs by itself."""


@dataclass(frozen=True)
class _Layer:
    call: cst.Call
    name: str
    code: str
    local: cst.Name | None


def layer_into_init(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Move the layers that the method around ``args["line"]`` builds into ``__init__``."""
    method = next((f for f in reversed(source.all(cst.FunctionDef)) if source.covers(f, int(args["line"]))), None)
    owner = enclosing_class(source, method) if method is not None else None
    if method is None or owner is None or method.name.value == "__init__":
        return None
    start = next((f for f in source.all(cst.FunctionDef, owner) if f.name.value == "__init__"), None)
    calls = [call for call in source.all(cst.Call, method.body) if _builds(call)]
    layers = [_layer(source, owner, call, index) for index, call in enumerate(calls)]
    kept = [layer for layer in layers if layer is not None]
    if start is None or not kept or len(kept) != len(layers) or len({k.name for k in kept}) != len(kept):
        return None
    last = statements_of(start.body)[-1]
    changes = [insert_after(source, last, f"self.{layer.name} = {layer.code}") for layer in kept]
    for layer in kept:
        moved = _used(source, layer)
        if moved is None:
            return None
        changes += moved
    return changes


def _builds(call: cst.Call) -> bool:
    return isinstance(call.func, cst.Name | cst.Attribute) and bool(_LAYERS.fullmatch(called_name(call)))


def _layer(source: Source, owner: cst.ClassDef, call: cst.Call, index: int) -> _Layer | None:
    """What to build under which name; ``None`` where the layer depends on what only the method knows."""
    statement = source.statement_of(call)
    local = None
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", called_name(call)).lower()
    if isinstance(statement, cst.Assign) and statement.value is call and assigned_name(statement) is not None:
        target = statement.targets[0].target
        local = target if isinstance(target, cst.Name) else None
        name = assigned_name(statement) or name
    taken = {node.attr.value for node in source.all(cst.Attribute, owner) if root_name(node) == "self"}
    if name in taken or self_assignments(source, owner, name):
        name = f"{name}_{index}"
    code = source.code(call)
    if "\n" in code:
        return None
    if not any(_is_local(source, node) for node in source.all(cst.Name, call)):
        return _Layer(call, name, code, local)
    first = positional(call, 0)
    rest = [node for arg in call.args[1:] for node in source.all(cst.Name, arg.value)]
    if called_name(call) not in _LAZY or first is None or len(call.args) < 2 or any(_is_local(source, n) for n in rest):
        return None
    others = source.text[source.span(call.args[1])[0] : source.span(call)[1]]
    kind = source.code(call.func)
    return _Layer(call, name, kind[: -len(called_name(call))] + f"Lazy{called_name(call)}({others}", local)


def _is_local(source: Source, node: cst.Name) -> bool:
    """Whether ``node`` is a variable of the method (``self`` is known in ``__init__`` as well)."""
    parent = source.parent(node)
    if isinstance(parent, cst.Attribute) and parent.attr is node:
        return False
    if isinstance(parent, cst.Arg) and parent.keyword is node:
        return False
    if node.value == "self":
        return False
    function = source.function_of(node)
    return any(
        source.function_of(item.node) is function or _declares(source, item.node, function)
        for item in bindings(source, node)
    )


def _declares(source: Source, node: cst.CSTNode, function: cst.CSTNode | None) -> bool:
    """Whether ``node`` is a parameter of ``function``."""
    around = [node, *source.ancestors(node)]
    return any(isinstance(above, cst.Param) for above in around) and any(above is function for above in around)


def _used(source: Source, layer: _Layer) -> list[Change] | None:
    """``self.fc`` wherever the method used the layer."""
    if layer.local is None:
        return [Change(*source.outer_span(layer.call), f"self.{layer.name}")]
    statement = source.statement_of(layer.call)
    if statement is None or len(bindings(source, layer.local)) != 1 or len(siblings(source, statement)) < 2:
        return None
    reads = readers(source, layer.local)
    return [delete(source, statement), *(Change(*source.span(node), f"self.{layer.name}") for node in reads)]
