"""The report as one HTML file: no network, no script, light and dark, screen, phone and paper."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sgd_doctor.render import plots, words
from sgd_doctor.render.pictures import Gallery, Picture
from sgd_doctor.report import Report

_DIFF_CLASSES = {"+": "add", "-": "del", "@": "hunk"}


def page(report: Report, gallery: Gallery | None = None) -> str:
    """The whole HTML document; ``gallery`` may know some of its pictures already."""
    report = words.printable(report)
    return _render("report.html.j2", report, pictures=(gallery or Gallery()).pictures(report))


def fragment(report: Report, picture: Picture | None) -> str:
    """The document's core without ``<html>``: for a notebook cell."""
    return _render("fragment.html.j2", report, picture=picture)


def layers_note(report: Report, column: str) -> str:
    """How many of the layers the heat map shows, where it is not all."""
    shown = len(plots.chosen_layers(report, column))
    return "" if shown == len(report.layers) else f" {shown} of {len(report.layers)} tensors are shown."


def diff_lines(diff: str) -> list[tuple[str, str]]:
    """Class and text of each line of a unified diff."""
    lines = []
    for line in diff.expandtabs(4).strip("\n").split("\n"):
        header = line.startswith(("--- ", "+++ "))
        lines.append(("file" if header else _DIFF_CLASSES.get(line[:1], "same"), line))
    return lines


def wrappable(text: str) -> Markup:
    """``text`` that may break after ``_`` and ``/``: long names fit a phone."""
    escaped = Markup.escape(words.one_line(text))
    for mark in ("_", "/"):
        escaped = escaped.replace(mark, Markup(mark + "<wbr>"))
    return escaped


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sgd_doctor.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(line=words.one_line, number=words.number, wrappable=wrappable)
    environment.globals.update(w=words, diff_lines=diff_lines, layers_note=layers_note)
    return environment


def _render(name: str, report: Report, **values: Any) -> str:
    cause = words.first_cause(report)
    others = [finding for finding in report.findings if finding is not cause]
    return _environment().get_template(name).render(r=report, cause=cause, others=others, **values)
