"""The report as one HTML file: no network, no script, light and dark, screen, phone and paper."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from sgd_doctor.render import alt, figure, plots, words
from sgd_doctor.render.axes import DARK, LIGHT, Theme
from sgd_doctor.report import Report

_IN_DARK = {one.encode(): other.encode() for one, other in zip(LIGHT.colours, DARK.colours, strict=True)}
_LIGHT_COLOURS = re.compile(b"|".join(_IN_DARK))
_DIFF_CLASSES = {"+": "add", "-": "del", "@": "hunk"}


@dataclass(frozen=True)
class Picture:
    """A plot in both colour schemes, as data URIs."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


def page(report: Report) -> str:
    """The whole HTML document."""
    report = words.printable(report)
    return _render("report.html.j2", report, pictures=_pictures(report))


def fragment(report: Report, picture: Picture | None) -> str:
    """The document's core without ``<html>``: for a notebook cell."""
    return _render("fragment.html.j2", report, picture=picture)


def picture(make: Callable[[Theme], Figure | None], text: str, *, shaded: bool = False) -> Picture | None:
    """Draw a plot in both themes; ``None`` where there is nothing to draw.

    Args:
        make: draws the plot.
        text: what it shows, in words.
        shaded: whether it has colours beside the theme's and so has to be drawn twice.
    """
    plot = make(LIGHT)
    if plot is None:
        return None
    width, height = (round(size * 100) for size in plot.get_size_inches())
    light = figure.save(plot, "svg")
    again = make(DARK) if shaded else None
    dark = figure.save(again, "svg") if again is not None else in_dark(light)
    return Picture(_data_uri(light), _data_uri(dark), text, width, height)


def in_dark(light: bytes) -> bytes:
    """A plot (SVG) with the colours of the light theme replaced by those of the dark one."""
    return _LIGHT_COLOURS.sub(lambda found: _IN_DARK[found.group()], light)


def loss_picture(report: Report) -> Picture | None:
    """The plot that all HTML faces show."""
    return picture(lambda theme: figure.loss_plot(report, theme), alt.loss(report))


def _pictures(report: Report) -> dict[str, Picture | None]:
    return {
        "loss": loss_picture(report),
        "grad_layers": picture(
            lambda theme: figure.layers_plot(report, "grad_norm", theme), alt.layers(report, "grad_norm"), shaded=True
        ),
        "update_layers": picture(
            lambda theme: figure.layers_plot(report, "update_ratio", theme),
            alt.layers(report, "update_ratio"),
            shaded=True,
        ),
        "features": picture(lambda theme: figure.features_plot(report, theme), alt.features(report)),
        "targets": picture(lambda theme: figure.targets_plot(report, theme), alt.targets(report)),
        "activations": picture(
            lambda theme: figure.activations_plot(report, theme), alt.activations(report), shaded=True
        ),
        "hyper": picture(lambda theme: figure.hyper_plot(report, theme), alt.hyperparameters(report)),
        "grad_norm": picture(lambda theme: figure.grad_plot(report, theme), alt.grad_norm(report)),
    }


def layers_note(report: Report, column: str) -> str:
    """How many of the layers the heat map shows, where it is not all."""
    shown = len(plots.chosen_layers(report, column))
    return "" if shown == len(report.layers) else f" {shown} of {len(report.layers)} tensors are shown."


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


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
