"""Where in the source the inputs may be standardised without anybody else noticing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import libcst as cst

from sgd_doctor.fix.blocks import block_of, siblings, statement_in
from sgd_doctor.fix.names import bindings
from sgd_doctor.fix.reads import is_about, is_fed, may_be_scaled
from sgd_doctor.fix.source import Source, normalised
from sgd_doctor.fix.tracing import unwrapped

IsForward = Callable[[cst.Call], bool]


@dataclass(frozen=True)
class Data:
    """A variable that holds inputs, and the statement after which it may be changed."""

    name: str
    node: cst.Name
    statement: cst.CSTNode
    kind: str


def placed(source: Source, data: Data, is_forward: IsForward) -> Data | None:
    """``data`` with the statement after which nobody needs the raw values any more.

    ``None`` where raw values are needed (a target is computed from them) after the data was cut
    into parts, was given away or inside the training loop.
    """
    block = siblings(source, data.statement)
    begin = source.span(data.statement)[1]
    later = [node for node in _references(source, data.node) if source.span(node)[0] >= begin]
    raw = [node for node in later if not may_be_scaled(source, node, is_forward)]
    last: cst.CSTNode = data.statement
    for node in raw:
        around = statement_in(source, block_of(source, data.statement), node)
        if not isinstance(around, cst.BaseSmallStatement) or around not in block:
            return None
        last = around
    end = source.span(last)[1]
    for node in later:
        used_up = is_fed(source, node, is_forward) or _is_cut(source, node)
        if node not in raw and used_up and source.span(node)[0] < end:
            return None
    return replace(data, statement=last)


def _references(source: Source, name: cst.Name) -> list[cst.CSTNode]:
    nodes = {access.node for item in bindings(source, name) for access in item.references}
    return sorted(nodes, key=lambda node: source.span(node)[0])


def _is_cut(source: Source, node: cst.CSTNode) -> bool:
    """Whether another variable takes the data, or a part of it, over."""
    return isinstance(source.statement_of(node), cst.Assign) and not is_about(source, node)


def batch_is_only_fed(source: Source, given: cst.BaseExpression, data: Data, is_forward: IsForward) -> bool:
    """Whether the batch that the model gets serves nothing else, such as computing a target."""
    inner = unwrapped(given)
    root = inner.value if isinstance(inner, cst.Subscript) else inner
    if not isinstance(root, cst.Name):
        return False
    if root.value == data.name:
        return True
    reads = _references(source, root)
    if isinstance(inner, cst.Subscript):
        # batch[1] is another member of the batch.
        wanted = normalised(source.code(inner))
        above = [source.parent(node) for node in reads]
        same = [node for node in above if node is not None and normalised(source.code(node)) == wanted]
        return all(is_fed(source, node, is_forward) for node in same)
    return all(may_be_scaled(source, node, is_forward) for node in reads)
