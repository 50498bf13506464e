"""Statements in their blocks: putting one in, taking one out, moving it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.source import Source, called_name, normalised

Statement = cst.BaseSmallStatement


def statements_at(
    source: Source, line: int, test: Callable[[cst.BaseSmallStatement], bool]
) -> list[cst.BaseSmallStatement]:
    """The simple statements that cover ``line`` and pass ``test``."""
    found = [node for node in source.small() if source.covers(node, line)]
    return [node for node in found if test(node)]


def only(found: Sequence[Statement]) -> Statement | None:
    """The single element; ``None`` where there is none or a choice."""
    return found[0] if len(found) == 1 else None


def calls_in(source: Source, node: cst.CSTNode, name: str) -> list[cst.Call]:
    """The calls of something named ``name`` inside ``node``."""
    return [call for call in source.all(cst.Call, node) if called_name(call) == name]


def block_of(source: Source, node: cst.CSTNode) -> cst.CSTNode:
    """The block, one-line body or module that holds the statement ``node``."""
    for above in source.ancestors(node):
        if isinstance(above, cst.BaseSuite | cst.Module):
            return above
    return source.module


def siblings(source: Source, node: cst.CSTNode) -> list[cst.CSTNode]:
    """All statements of the block of ``node`` in order; those joined by semicolons count singly."""
    return statements_of(block_of(source, node))


def statements_of(block: cst.CSTNode) -> list[cst.CSTNode]:
    """The statements directly in ``block``."""
    found: list[cst.CSTNode] = []
    if isinstance(block, cst.SimpleStatementSuite):
        found += block.body
    elif isinstance(block, cst.IndentedBlock | cst.Module):
        for item in block.body:
            if isinstance(item, cst.SimpleStatementLine):
                found += item.body
            else:
                found.append(item)
    return found


def statement_in(source: Source, block: cst.CSTNode, node: cst.CSTNode) -> cst.CSTNode | None:
    """The statement of ``block`` that is, or holds, ``node``."""
    around = {id(node), *(id(above) for above in source.ancestors(node))}
    return next((item for item in statements_of(block) if id(item) in around), None)


def indent_of(source: Source, node: cst.CSTNode) -> str:
    """The white space before the first statement on the line of ``node``."""
    start = source.line_start(source.span(node)[0])
    text = source.text[start : source.line_end(start)]
    return text[: len(text) - len(text.lstrip(" \t"))]


def insert_before(source: Source, node: cst.CSTNode, code: str) -> Change:
    """The simple statement ``code`` right before the statement ``node``, below its comments."""
    start = _decorated_start(source, node)
    line = source.line_start(start)
    if _begins_line(source, node):
        return Change(line, line, indent_of(source, node) + code + source.newline)
    return Change(start, start, f"{_bare(code)}; ")


def insert_after(source: Source, node: cst.CSTNode, code: str) -> Change:
    """The simple statement ``code`` right after the statement ``node``."""
    end = source.span(node)[1]
    if not isinstance(node, cst.BaseSmallStatement) or _ends_line(source, node):
        end = source.line_end(end)
        return Change(end, end, source.newline + indent_of(source, node) + code)
    return Change(end, end, f"; {_bare(code)}")


def _bare(code: str) -> str:
    """``code`` without the comment behind it, which would swallow the rest of a line."""
    return code.split("  # ")[0]


def delete(source: Source, node: Statement) -> Change:
    """Take the statement out; ``pass`` stays where it was the only one of its block."""
    start, end = source.span(node)
    if len(siblings(source, node)) == 1:
        return Change(start, end, "pass")
    if _begins_line(source, node) and _ends_line(source, node):
        return Change(source.line_start(start), source.next_line(end), "")
    line = source.parent(node)
    body = line.body if isinstance(line, cst.SimpleStatementLine | cst.SimpleStatementSuite) else [node]
    index = list(body).index(node)
    if index + 1 < len(body):
        return Change(start, source.span(body[index + 1])[0], "")
    return Change(source.span(body[index - 1])[1], end, "")


def take_line(source: Source, node: Statement) -> tuple[Change, str] | None:
    """Take out a statement that has its line for itself, with its comments.

    Answers with the change and the text taken, without a newline at its end.
    """
    if not (_begins_line(source, node) and _ends_line(source, node)) or len(siblings(source, node)) == 1:
        return None
    start, end = _own_comments(source, node), source.line_end(source.span(node)[1])
    return Change(start, source.next_line(end), ""), source.text[start:end]


def dedented(source: Source, text: str, node: cst.CSTNode, target: cst.CSTNode) -> str:
    """``text``, the lines of the statement ``node``, indented as ``target`` is."""
    inner, outer = indent_of(source, node), indent_of(source, target)
    lines = text.splitlines(keepends=True)
    return "".join(outer + line.removeprefix(inner) if line.startswith(inner) else line for line in lines)


def move(source: Source, node: Statement, target: cst.CSTNode, *, after: bool) -> list[Change] | None:
    """Move a statement with its comments before or after another one of the same block."""
    if block_of(source, node) is not block_of(source, target):
        return None
    taken = take_line(source, node)
    if taken is None:
        code = normalised_layout(source, node)
        if code is None or len(siblings(source, node)) == 1:
            return None
        put = insert_after(source, target, code) if after else insert_before(source, target, code)
        return _checked([delete(source, node), put])
    removed, text = taken
    if not after:
        if not _begins_line(source, target):
            return None
        place = source.line_start(_decorated_start(source, target))
        return _checked([Change(place, place, text + source.newline), removed])
    if isinstance(target, cst.BaseSmallStatement) and not _ends_line(source, target):
        return None
    place = source.line_end(source.span(target)[1])
    return _checked([Change(place, place, source.newline + text), removed])


def _checked(changes: list[Change]) -> list[Change] | None:
    """``None`` where the place to put something lies inside what is taken out."""
    for put in changes:
        for gone in changes:
            if put.start == put.end and gone.start < put.start < gone.end:
                return None
    return changes


def normalised_layout(source: Source, node: cst.CSTNode) -> str | None:
    """The code of a statement that stands on one line."""
    code = source.code(node)
    return None if "\n" in code or "\r" in code else code


def same_code(source: Source, node: cst.CSTNode, code: str) -> bool:
    """Whether ``node`` says ``code``, whatever the layout."""
    return normalised(source.code(node)) == normalised(code)


def _own_comments(source: Source, node: cst.CSTNode) -> int:
    """Offset where the comments directly above ``node`` begin."""
    start = source.line_start(source.span(node)[0])
    while start:
        above = source.line_start(start - 1)
        if source.text[start - 2 : start] == "\r\n":
            above = source.line_start(start - 2)
        if not source.text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def _decorated_start(source: Source, node: cst.CSTNode) -> int:
    decorators = node.decorators if isinstance(node, cst.FunctionDef | cst.ClassDef) else ()
    return source.span(decorators[0])[0] if decorators else source.span(node)[0]


def _begins_line(source: Source, node: cst.CSTNode) -> bool:
    line = source.parent(node)
    if isinstance(line, cst.SimpleStatementLine):
        return line.body[0] is node
    return not isinstance(line, cst.SimpleStatementSuite)


def _ends_line(source: Source, node: cst.CSTNode) -> bool:
    line = source.parent(node)
    if isinstance(line, cst.SimpleStatementLine):
        return line.body[-1] is node
    return not isinstance(line, cst.SimpleStatementSuite)
