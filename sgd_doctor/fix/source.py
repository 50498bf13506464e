"""The user's source, parsed, with the place of every piece of it."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TypeVar

import libcst as cst
from libcst.metadata import (
    CodePosition,
    CodeRange,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    Scope,
    ScopeProvider,
)

NodeT = TypeVar("NodeT", bound=cst.CSTNode)

_NEWLINE = re.compile(r"\r\n?|\n")
_PRIMARY = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Subscript,
    cst.List,
    cst.Dict,
    cst.Set,
    cst.ListComp,
    cst.DictComp,
    cst.SetComp,
    cst.SimpleString,
    cst.FormattedString,
)


class Source:
    """Syntax tree of a source text; spans are offsets into that text, lines count from 1."""

    def __init__(self, text: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module(text))
        self.text = text
        self.module = wrapper.module
        self.newline = self.module.default_newline
        self.quote = "'" if text.count("'") > text.count('"') else '"'
        self._ranges: dict[cst.CSTNode, CodeRange] = dict(wrapper.resolve(PositionProvider))
        self._parents: dict[cst.CSTNode, cst.CSTNode] = dict(wrapper.resolve(ParentNodeProvider))
        self._scopes: dict[cst.CSTNode, Scope | None] = dict(wrapper.resolve(ScopeProvider))
        self._line_starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        self._spans = {node: self._measured(node) for node in self._ranges}
        self._nodes = sorted(self._ranges, key=self._source_order)

    def _source_order(self, node: cst.CSTNode) -> tuple[int, int]:
        start, end = self._spans[node]
        return start, -end

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of ``node`` without the parentheses around it."""
        return self._spans[node]

    def _start(self, node: cst.CSTNode) -> int:
        return self._spans[node][0]

    def _measured(self, node: cst.CSTNode) -> tuple[int, int]:
        place = self._ranges[node]
        return self._offset(place.start), self._offset(place.end)

    def _offset(self, place: CodePosition) -> int:
        if place.line > len(self._line_starts):
            # LibCST counts the newline that the last line does not have.
            return len(self.text)
        return self._line_starts[place.line - 1] + place.column

    def outer_span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of ``node`` with the parentheses around it."""
        start, end = self.span(node)
        if isinstance(node, cst.BaseExpression) and node.lpar:
            return self.span(node.lpar[0])[0], self.span(node.rpar[-1])[1]
        return start, end

    def code(self, node: cst.CSTNode) -> str:
        """The text of ``node``, with the parentheses around it."""
        start, end = self.outer_span(node)
        return self.text[start:end]

    def lines(self, node: cst.CSTNode) -> tuple[int, int]:
        """First and last line of ``node``."""
        place = self._ranges[node]
        return place.start.line, place.end.line

    def line_start(self, offset: int) -> int:
        """Offset at which the line holding ``offset`` begins."""
        return self._line_starts[bisect_right(self._line_starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Offset at which the line holding ``offset`` ends, before its newline."""
        match = _NEWLINE.search(self.text, offset)
        return match.start() if match else len(self.text)

    def next_line(self, offset: int) -> int:
        """Offset at which the line after the one holding ``offset`` begins."""
        match = _NEWLINE.search(self.text, offset)
        return match.end() if match else len(self.text)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node that holds ``node``; ``None`` for the module."""
        return self._parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes around ``node``, innermost first."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def enclosing(self, node: cst.CSTNode, kind: type[NodeT]) -> NodeT | None:
        """The innermost node of ``kind`` around ``node``."""
        return next((above for above in self.ancestors(node) if isinstance(above, kind)), None)

    def function_of(self, node: cst.CSTNode) -> cst.FunctionDef | cst.Lambda | None:
        """The innermost function whose body holds ``node``."""
        below = node
        for above in self.ancestors(node):
            if isinstance(above, cst.FunctionDef) and below is above.body:
                return above
            if isinstance(above, cst.Lambda) and below is above.body:
                return above
            below = above
        return None

    def all(self, kind: type[NodeT], within: cst.CSTNode | None = None) -> list[NodeT]:
        """All nodes of ``kind`` in source order, an outer one before what it holds."""
        return [node for node in self._inside(within) if isinstance(node, kind)]

    def small(self, within: cst.CSTNode | None = None) -> list[cst.BaseSmallStatement]:
        """All simple statements in source order."""
        return [node for node in self._inside(within) if isinstance(node, cst.BaseSmallStatement)]

    def compound(self) -> list[cst.BaseCompoundStatement]:
        """All statements with a body, in source order."""
        return [node for node in self._nodes if isinstance(node, cst.BaseCompoundStatement)]

    def expressions(self) -> list[cst.BaseExpression]:
        """All expressions in source order."""
        return [node for node in self._nodes if isinstance(node, cst.BaseExpression)]

    def statement_of(self, node: cst.CSTNode) -> cst.BaseSmallStatement | None:
        """The simple statement that is, or holds, ``node``."""
        around = (node, *self.ancestors(node))
        return next((above for above in around if isinstance(above, cst.BaseSmallStatement)), None)

    def _inside(self, within: cst.CSTNode | None) -> list[cst.CSTNode]:
        if within is None:
            return self._nodes
        start, end = self.outer_span(within)
        first = bisect_left(self._nodes, start, key=self._start)
        found = []
        for node in self._nodes[first:]:
            if self.span(node)[0] > end:
                break
            if self.span(node)[1] <= end:
                found.append(node)
        return found

    def at(self, kind: type[NodeT], line: int) -> list[NodeT]:
        """All nodes of ``kind`` in the innermost statement that covers ``line`` and cover it themselves."""
        found = [node for node in self.all(kind) if self.covers(node, line)]
        statements = [node for node in self.small() if self.covers(node, line)]
        if not statements:
            return [node for node in found if not _holds_a_block(node)]
        # A lambda or a call can hold no statement, so small statements never nest.
        return [
            node for node in found if node in statements or any(above in statements for above in self.ancestors(node))
        ]

    def covers(self, node: cst.CSTNode, line: int) -> bool:
        """Whether ``line`` is one of the lines of ``node``."""
        first, last = self.lines(node)
        return first <= line <= last

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """The scope in which the names of ``node`` are looked up."""
        here: cst.CSTNode | None = node
        while here is not None:
            scope = self._scopes.get(here)
            if scope is not None:
                return scope
            here = self.parent(here)
        return None


def _holds_a_block(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.BaseCompoundStatement | cst.BaseSuite | cst.Module)


def last_name(node: cst.CSTNode) -> str:
    """``SGD`` of ``torch.optim.SGD``; empty for anything else than a name or an attribute."""
    if isinstance(node, cst.Name):
        return node.value
    return node.attr.value if isinstance(node, cst.Attribute) else ""


def called_name(call: cst.CSTNode) -> str:
    """Last name of what ``call`` calls; empty where that has no name or ``call`` is no call."""
    return last_name(call.func) if isinstance(call, cst.Call) else ""


def root_name(node: cst.CSTNode) -> str:
    """``torch`` of ``torch.nn.functional``; empty where the chain does not start with a name."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""


def normalised(code: str) -> str:
    """``code`` without its layout, to compare two expressions or statements."""
    try:
        return ast.unparse(ast.parse(code.strip()))
    except SyntaxError:
        return code.strip()


def is_primary(node: cst.BaseExpression) -> bool:
    """Whether ``.method()`` can follow ``node`` without parentheses around it."""
    return bool(node.lpar) or isinstance(node, _PRIMARY)


def keyword(call: cst.Call, name: str) -> cst.Arg | None:
    """The argument that ``call`` passes as ``name=``."""
    return next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == name), None)


def positional(call: cst.Call, index: int) -> cst.Arg | None:
    """The positional argument number ``index``; ``None`` where a ``*args`` makes that unknown."""
    plain: list[cst.Arg] = []
    for arg in call.args:
        if arg.star == "*":
            break
        if arg.keyword is None and not arg.star:
            plain.append(arg)
    return plain[index] if index < len(plain) else None


def has_stars(call: cst.Call) -> bool:
    """Whether ``call`` passes ``*args`` or ``**kwargs``."""
    return any(arg.star for arg in call.args)


def string_value(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string literal."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None
