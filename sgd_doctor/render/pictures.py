"""What is drawn of a report: the plots of the HTML page, each in both colour schemes, and the PNG page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from sgd_doctor.render import alt, figure
from sgd_doctor.render.axes import DARK, LIGHT
from sgd_doctor.render.forks import side_by_side
from sgd_doctor.report import Report

_IN_DARK = {one.encode(): other.encode() for one, other in zip(LIGHT.colours, DARK.colours, strict=True)}
_LIGHT_COLOURS = re.compile(b"|".join(_IN_DARK))


@dataclass(frozen=True)
class Picture:
    """A plot in both colour schemes, as data URIs."""

    light: str
    dark: str
    alt: str
    width: int
    height: int


Drawing = Picture | bytes | None
"""A plot, the PNG page, or nothing to draw."""


@dataclass(frozen=True)
class _Work:
    """How something is drawn, and the parts of a report that show in it."""

    make: Callable[[Report], Drawing]
    reads: tuple[str, ...]


def _plot(draw: Callable[[Report], Figure | None], say: Callable[[Report], str], *reads: str) -> _Work:
    return _Work(lambda report: _picture(draw(report), say(report)), reads)


_PLOTS = {
    "loss": _plot(figure.loss_plot, alt.loss, "curves", "run", "findings", "verdict"),
    "grad_layers": _plot(figure.layers_plot, partial(alt.layers, column="grad_norm"), "layers"),
    "update_layers": _plot(
        partial(figure.layers_plot, column="update_ratio"), partial(alt.layers, column="update_ratio"), "layers"
    ),
    "features": _plot(figure.features_plot, alt.features, "features"),
    "targets": _plot(figure.targets_plot, alt.targets, "targets"),
    "activations": _plot(figure.activations_plot, alt.activations, "activations"),
    "hyper": _plot(figure.hyper_plot, alt.hyperparameters, "curves"),
    "grad_norm": _plot(figure.grad_plot, alt.grad_norm, "curves"),
}
PNG = "png"
_WORKS = {
    PNG: _Work(
        figure.page, ("target", "tool", "verdict", "summary", "findings", "run", "curves", "layers", "features")
    ),
    **_PLOTS,
}
"""The longest first: they are dealt out to several processes."""


class Gallery:
    """Draws; what shows the same parts of a report as before is not drawn again.

    Args:
        processes: how many draw side by side, in forks of this one: for a process without other threads only.
    """

    def __init__(self, processes: int = 1) -> None:
        self.processes = processes
        self._drawn: dict[str, tuple[list[object], Drawing]] = {}

    def prepare(self, report: Report) -> None:
        """Draw everything."""
        self._draw(report, tuple(_WORKS))

    def png(self, report: Report) -> bytes:
        """The PNG page of a :func:`~sgd_doctor.render.words.printable` report."""
        self._draw(report, (PNG,))
        page = self._drawn[PNG][1]
        assert isinstance(page, bytes)
        return page

    def pictures(self, report: Report, *names: str) -> dict[str, Picture | None]:
        """Plots by name, all where none is named; ``None`` where there is nothing to draw."""
        names = names or tuple(_PLOTS)
        self._draw(report, names)
        found = {name: self._drawn[name][1] for name in names}
        return {name: drawing for name, drawing in found.items() if not isinstance(drawing, bytes)}

    def _draw(self, report: Report, names: Sequence[str]) -> None:
        shown = {name: [getattr(report, part) for part in _WORKS[name].reads] for name in names}
        missing = [name for name in names if name not in self._drawn or self._drawn[name][0] != shown[name]]
        made = side_by_side([partial(_WORKS[name].make, report) for name in missing], self.processes)
        self._drawn |= {name: (shown[name], drawing) for name, drawing in zip(missing, made, strict=True)}


def _picture(plot: Figure | None, text: str) -> Picture | None:
    if plot is None:
        return None
    width, height = (round(size * 100) for size in plot.get_size_inches())
    light = figure.save(plot, "svg")
    return Picture(_data_uri(light), _data_uri(in_dark(light)), text, width, height)


def in_dark(light: bytes) -> bytes:
    """A plot (SVG) with the colours of the light theme replaced by those of the dark one."""
    return _LIGHT_COLOURS.sub(lambda found: _IN_DARK[found.group()], light)


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
