"""The report in a terminal, a log or a text file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sgd_doctor.findings import Finding, Severity
from sgd_doctor.render import words
from sgd_doctor.report import Report

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "advice": "bold cyan",
    "healthy": "bold green",
    "unhealthy": "bold red",
    "inconclusive": "bold yellow",
}
_DIFF_STYLES = {"+": "green", "-": "red"}


@dataclass(frozen=True)
class _Marks:
    """The few signs beside plain ASCII."""

    verdict: dict[str, str]
    bar: str
    rule: str
    arrow: str
    plus_minus: str


_UNICODE = _Marks({"healthy": "✓", "unhealthy": "✗", "inconclusive": "?"}, "│", "─", "→", "±")
_ASCII = _Marks({"healthy": "ok", "unhealthy": "!!", "inconclusive": "??"}, "|", "-", "->", "+-")


def plain_text(report: Report, width: int = 80) -> str:
    """The report as text without colours or control characters."""
    stream = StringIO()
    console = Console(
        file=stream, width=width, color_system=None, force_terminal=False, force_jupyter=False, _environ={}
    )
    print_report(report, console)
    return "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def print_report(report: Report, console: Console) -> None:
    """Print the report; colour, width and character set follow ``console``."""
    ascii_only = console.options.ascii_only
    report = words.printable(report, ascii_only=ascii_only)
    marks = _ASCII if ascii_only else _UNICODE
    for block in _blocks(report, marks):
        console.print(block, highlight=False, markup=False, emoji=False)


def _blocks(report: Report, marks: _Marks) -> Iterator[RenderableType]:
    yield from _verdict(report, marks)
    for position, finding in enumerate(report.problems, start=1):
        yield from _problem(position, finding, marks)
    advice = [finding for finding in report.findings if finding.severity is Severity.ADVICE]
    if advice:
        yield from _section("Advice", marks)
        for finding in advice:
            yield from _advice(finding)
    if report.suggested_lr is not None:
        yield from _section("Suggested learning rate", marks)
        yield _indent(Text(words.suggestion(report.suggested_lr)))
    if report.problems and report.ruled_out:
        yield from _section("Ruled out", marks)
        for item in report.ruled_out:
            yield _indent(Text.assemble((words.one_line(item.check), "bold"), f": {words.one_line(item.reason)}"))
    if report.not_checked:
        yield from _section("Not checked", marks)
        for reason, names in words.grouped(report.not_checked):
            yield _indent(Text.assemble((", ".join(names), "bold"), f": {reason}"))
    if report.notes:
        yield from _section("Notes", marks)
        yield from (_indent(Text(words.one_line(note))) for note in report.notes)
    yield from _footer(report)


def _verdict(report: Report, marks: _Marks) -> Iterator[RenderableType]:
    mark = marks.verdict.get(report.verdict, marks.verdict["inconclusive"])
    style = _STYLES.get(report.verdict, "bold")
    yield Text.assemble((f"{mark} {report.verdict}", style), "  ", (words.target_name(report), "bold"))
    yield Text(words.summary(report))


def _section(title: str, marks: _Marks, style: str = "bold") -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(title, style=style), characters=marks.rule, align="left", style="dim")


def _problem(position: int, finding: Finding, marks: _Marks) -> Iterator[RenderableType]:
    level = finding.severity.value
    head = f"{position} {level}: {words.one_line(finding.check)} ({finding.confidence.value})"
    yield from _section(head, marks, _STYLES[level])
    yield Text(words.one_line(finding.title), style="bold")
    if finding.location is not None:
        yield Text()
        yield _indent(Text(words.place(finding.location), style="cyan"))
        yield _indent(_code(words.code_lines(finding.location), marks))
    rows = list(_reasons(finding, marks))
    if rows:
        yield Text()
        yield _indent(_labelled(rows))
    fix = _fix(finding)
    if fix:
        yield Text()
        yield _indent(_labelled([("Fix", fix)]))
    if finding.fix.diff:
        yield _indent(_diff(finding.fix.diff))


def _code(lines: list[tuple[int, str]], marks: _Marks) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for line, code in lines:
        grid.add_row(Text(f"{line} {marks.bar}"), Text(code, style="bold"))
    return grid


def _reasons(finding: Finding, marks: _Marks) -> Iterator[tuple[str, Text]]:
    for item in finding.evidence:
        line = Text(words.evidence_sentence(item))
        line.append(f" ({words.evidence_numbers(item)})", style="dim")
        yield ("Seen", line)
    proof = finding.proof
    if proof is not None:
        line = Text.assemble(
            f"{words.measure(proof)}: ",
            (words.number(proof.baseline), "bold red"),
            f" as written {marks.arrow} ",
            (words.number(proof.treated), "bold green"),
            f" when changed ({words.one_line(proof.intervention)})",
        )
        margin = words.noise(proof).replace("±", marks.plus_minus)
        extra = ", ".join(part for part in (words.effect(proof), margin and f"noise {margin}") if part)
        if extra:
            line.append(f"; {extra}", style="dim")
        yield ("Proof", line)
    if finding.explains:
        yield ("Explains", Text(", ".join(words.one_line(name) for name in finding.explains)))


def _fix(finding: Finding) -> Text:
    lines = [Text(words.one_line(finding.fix.text)), Text(words.fix_status(finding), style="dim")]
    return Text("\n").join(line for line in lines if line)


def _diff(diff: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold")
    for line in words.brief_diff(diff.expandtabs(4)):
        style = _DIFF_STYLES.get(line[:1], "")
        grid.add_row(Text(line[:1], style=style), Text(line[1:], style=style))
    return Padding(grid, (0, 0, 0, 2))


def _advice(finding: Finding) -> Iterator[RenderableType]:
    line = Text.assemble((words.one_line(finding.check), _STYLES["advice"]), "  ")
    if finding.location is not None:
        line.append(f"{words.place(finding.location)}  ", style="cyan")
    line.append(words.one_line(finding.title))
    yield _indent(line)
    if finding.fix.text.strip():
        yield _indent(Text(words.one_line(finding.fix.text), style="dim"), 4)


def _footer(report: Report) -> Iterator[RenderableType]:
    yield Text()
    parts = [words.ended(report)]
    if report.run.probes:
        parts.append(words.plural(len(report.run.probes), "probe"))
    if report.passed:
        parts.append(f"{words.plural(len(report.passed), 'check')} passed")
    yield Text("; ".join(parts), style="dim")
    if report.run.command:
        yield Text(f"Repeat: {words.one_line(report.run.command)}", style="dim")


def _labelled(rows: Iterable[tuple[str, Text]], width: int = 8) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(style="bold", width=width, overflow="fold")
    grid.add_column(ratio=1, overflow="fold")
    for label, text in rows:
        grid.add_row(Text(label), text)
    return grid


def _indent(content: RenderableType, by: int = 2) -> Padding:
    return Padding(content, (0, 0, 0, by))
