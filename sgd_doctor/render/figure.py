"""The report as one picture, and the single plots that the HTML page shows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from sgd_doctor.findings import Finding
from sgd_doctor.render import more_plots, plots, words
from sgd_doctor.render.axes import LIGHT, Theme, any_finite, drawable, label, varies
from sgd_doctor.render.columns import hyper_series
from sgd_doctor.report import Report

_BADGES = {"healthy": "#1a7f4b", "unhealthy": "#b42318", "inconclusive": "#8a5a00"}
_SIGNS = {"+": "#12613a", "-": "#a4262c"}
_PATH = re.compile(rb'(?<= d=")[^"]+')
_INDENT = re.compile(rb"\n\s+")
_LONG = re.compile(rb"-?\d+\.\d{3,}")
_WIDTH, _TOP, _BODY = 16.0, 0.95, 5.9
"""Inches: width of the page, start of the text below the badge, height of the plots."""
_GAP_LINES, _LEGEND_LINE = 2, 0.3
"""Lines of a legend that fit between the text and the plots, and the height of a line in inches."""
_UNDATED = {"Date": None, "Creator": None}
_RC: dict[str, object] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "svg.fonttype": "none",  # a third of the size; other sans-serif fonts are narrower, so nothing overflows
    "svg.hashsalt": "sgd-doctor",
    "text.parse_math": False,  # names of the user's may hold "$"
    "text.usetex": False,
}


@contextmanager
def _own_settings() -> Iterator[None]:
    """Our look whatever style the user's own script or notebook has set."""
    # rcParamsDefault also holds the backend, which belongs to the user.
    ours: dict[Any, Any] = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    ours.update(_RC)
    with matplotlib.rc_context(ours):
        yield


def _single(size: tuple[float, float], theme: Theme, draw: Callable[[Axes], None]) -> Figure:
    with _own_settings():
        figure = Figure(figsize=size, layout="constrained", facecolor=theme.paper)
        draw(figure.add_subplot())
        return figure


def loss_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """The loss as written and with each change; ``None`` where no loss was recorded."""
    if not plots.has_loss(report):
        return None

    def draw(ax: Axes) -> None:
        plots.draw_loss(ax, report, theme)
        plots.draw_legend(ax, theme, 2)

    return _single((7.0, 4.4), theme, draw)


def layers_plot(report: Report, column: str = "grad_norm", theme: Theme = LIGHT) -> Figure | None:
    """Heat map of ``grad_norm`` or ``update_ratio`` over layers and steps."""
    rows = plots.chosen_layers(report, column)
    if not rows:
        return None
    colours = matplotlib.colormaps["viridis" if column == "grad_norm" else "PuOr_r"]
    return _single(
        (7.0, 1.4 + 0.24 * max(len(rows), 6)),
        theme,
        lambda ax: plots.draw_layers(ax, report, column, theme, colours),
    )


def features_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """Range, spread and mean of each input feature."""
    if not has_features(report):
        return None

    def draw(ax: Axes) -> None:
        plots.draw_features(ax, report, theme)
        plots.draw_legend(ax, theme)

    return _single((7.0, 3.4), theme, draw)


def hyper_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """Learning rate, momentum and weight decay over the steps; ``None`` where all are always the same."""
    rows = hyper_series(report)
    if not any(varies(series) for _, series in rows):
        return None
    with _own_settings():
        figure = Figure(figsize=(7.0, 0.9 + 1.15 * len(rows)), layout="constrained", facecolor=theme.paper)
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
        more_plots.draw_hyperparameters(list(axes), report, theme)
    return figure


def activations_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """Heat map of dead or saturated shares over activations and steps."""
    rows = more_plots.chosen_activations(report)
    if not rows:
        return None
    colours = matplotlib.colormaps["viridis"]
    size = (7.0, 1.4 + 0.24 * max(len(rows), 4))
    return _single(size, theme, lambda ax: more_plots.draw_activations(ax, report, theme, colours))


def targets_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """The classes, or the range of real targets."""
    targets = report.targets
    if targets is None or not (targets.counts or any_finite((targets.minimum, targets.mean))):
        return None

    def draw(ax: Axes) -> None:
        more_plots.draw_targets(ax, report, theme)
        plots.draw_legend(ax, theme)

    return _single((7.0, 2.6 if targets.counts or targets.histogram else 1.8), theme, draw)


def grad_plot(report: Report, theme: Theme = LIGHT) -> Figure | None:
    """The norm of the whole gradient over the steps."""
    curves = report.curves
    if not any_finite(curves.grad_norm):
        return None
    return _single(
        (7.0, 2.6),
        theme,
        lambda ax: plots.draw_curve(ax, curves.grad_norm, curves.step, "gradient norm", theme),
    )


def has_features(report: Report) -> bool:
    """Whether any input statistic is finite."""
    scales = report.features
    return scales is not None and any(any_finite(item) for item in (scales.mean, scales.minimum, scales.maximum))


def save(figure: Figure, fmt: str) -> bytes:
    """The figure as bytes (``svg`` or ``png``) that depend on nothing but the figure."""
    # Not by savefig(): it draws everything twice where a layout has to be found.
    buffer = BytesIO()
    with _own_settings():
        if fmt == "png":
            FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
            return buffer.getvalue()
        FigureCanvasSVG(figure).print_svg(buffer, metadata=_UNDATED)  # type: ignore[no-untyped-call]
    return _INDENT.sub(b"\n", _PATH.sub(_round, buffer.getvalue()))


def _round(path: re.Match[bytes]) -> bytes:
    """Two decimals of a path: finer than a screen shows, and a third of the size less."""
    return _LONG.sub(lambda value: b"%.2f" % float(value.group()), path.group())


def page(report: Report) -> bytes:
    """One PNG page, 1920 pixels wide, for a slide or a forum post."""
    report = words.printable(report)
    with _own_settings():
        panels = _panels(report)
        rows = _head_rows(report)
        head = _TOP + sum(row.height for row in rows) + 0.25
        height = head + (_BODY if panels else 0.35)
        figure = Figure(figsize=(_WIDTH, height), dpi=120, facecolor=LIGHT.paper)
        _badge(figure, report, height)
        _write(figure, rows, height)
        if panels:
            _body(figure, panels, height)
    return save(figure, "png")


Panel = tuple[str, Callable[[Axes], None]]


def _panels(report: Report) -> list[Panel]:
    """What there is to draw, the most telling first."""
    theme, curves = LIGHT, report.curves
    found: list[Panel] = []
    if plots.has_loss(report):

        def loss(ax: Axes) -> None:
            plots.draw_loss(ax, report, theme)
            _make_room(ax, plots.draw_legend(ax, theme, 2))

        found.append(("", loss))
    if plots.chosen_layers(report, "grad_norm"):
        colours = matplotlib.colormaps["viridis"]
        found.append(
            (
                "Gradient norm by layer",
                lambda ax: plots.draw_layers(ax, report, "grad_norm", theme, colours, labels=9),
            )
        )
    elif any_finite(curves.grad_norm):
        found.append(("Gradient norm", lambda ax: plots.draw_curve(ax, curves.grad_norm, curves.step, "norm", theme)))
    if has_features(report):
        found.append(
            (
                "Input features: distribution, mean ± std",
                lambda ax: plots.draw_features(ax, report, theme),
            )
        )
    if varies(curves.lr):
        found.append(
            (
                "Learning rate",
                lambda ax: plots.draw_curve(ax, curves.lr, curves.step, "lr", theme, stairs=True),
            )
        )
    return found


def _body(figure: Figure, panels: list[Panel], height: float) -> None:
    """The first plot large on the left, the others stacked beside it."""
    side = panels[1:]
    ratios = [1.3, 1] if side else [1]
    grid = figure.add_gridspec(
        max(len(side), 1),
        len(ratios),
        width_ratios=ratios,
        height_ratios=[1.5 if "by layer" in title else 1 for title, _ in side] or [1],
        left=0.065,
        right=0.965,
        top=(_BODY - 0.55) / height,
        bottom=0.6 / height,
        wspace=0.34,
        hspace=0.75,
    )
    _panel(figure.add_subplot(grid[:, 0]), panels[0])
    for row, panel in enumerate(side):
        _panel(figure.add_subplot(grid[row, 1]), panel)


def _make_room(ax: Axes, lines: int) -> None:
    """Lower the top of the axes by what their legend takes beyond the gap below the text of the page."""
    box, figure = ax.get_position(), ax.figure
    assert isinstance(figure, Figure)
    taken = max(0, lines - _GAP_LINES) * _LEGEND_LINE / figure.get_figheight()
    ax.set_position((box.x0, box.y0, box.width, box.height - taken))


def _panel(ax: Axes, panel: Panel) -> None:
    title, draw = panel
    draw(ax)
    if title:
        ax.set_title(title, loc="left", fontsize=12, fontweight="bold", color=LIGHT.ink)


@dataclass(frozen=True)
class _Row:
    """One line of text of the page; ``height`` in inches."""

    text: str
    size: float
    height: float
    color: str = LIGHT.ink
    bold: bool = False
    code: bool = False


def _head_rows(report: Report) -> list[_Row]:
    """First cause (or verdict), line of code or change, proof and fix."""
    cause = words.first_cause(report)
    title = words.summary(report) if cause is None else words.one_line(cause.title)
    rows = [_Row(line, 21, 0.42, bold=True) for line in _wrap(title, 76, 3)]
    if cause is None:
        return [*rows, _Row(label(words.ended(report), 125), 14, 0.34, LIGHT.muted)]
    rows += _code_rows(cause)
    texts = [f"Proof: {words.proof_sentence(cause.proof)}"] if cause.proof is not None else []
    texts += [f"Fix: {cause.fix.text}"] if cause.fix.text.strip() else []
    rows += [_Row(line, 14, 0.32) for text in texts for line in _wrap(text, 125, 2)]
    others = len(report.problems) - 1
    if others:
        rows.append(_Row(f"and {words.plural(others, 'other problem')}", 12, 0.28, LIGHT.muted))
    return rows


def _wrap(text: str, width: int, most: int) -> list[str]:
    lines = textwrap.wrap(drawable(words.one_line(text)), width)
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][: width - 3]}..."]


def _code_rows(cause: Finding) -> list[_Row]:
    """The change as a diff where it is short, else the line of code."""
    rows = []
    where = cause.location
    if where is not None:
        rows.append(_Row(label(f"{words.place(where)} · {cause.check}", 110), 13, 0.36, LIGHT.muted))
    changed = [line for line in words.brief_diff(cause.fix.diff or "", 0) if line[:1] in ("+", "-")]
    if changed and len(changed) <= 4:
        lines = [(f"{line[0]} {line[1:].strip()}", _SIGNS[line[0]]) for line in changed]
    else:
        lines = [(code.strip(), LIGHT.ink) for _, code in (words.code_lines(where, 3) if where else [])]
    rows += [_Row(label(line, 115), 14, 0.33, color, code=True) for line, color in lines]
    return [replace(row, height=row.height + 0.12) if row is rows[-1] else row for row in rows]


def _badge(figure: Figure, report: Report, height: float) -> None:
    y = 1 - 0.45 / height
    box = {"boxstyle": "round,pad=0.35", "facecolor": _BADGES.get(report.verdict, LIGHT.muted), "lw": 0}
    verdict = label(report.verdict, 30).upper()
    figure.text(0.03, y, verdict, fontsize=16, fontweight="bold", color="white", va="center", bbox=box)
    name = label(words.target_name(report), 60)
    credit = f"{name}   sgd-doctor {label(report.tool.version, 20)}"
    figure.text(0.965, y, credit, fontsize=13, color=LIGHT.muted, ha="right", va="center")


def _write(figure: Figure, rows: list[_Row], height: float) -> None:
    y = _TOP
    for row in rows:
        figure.text(
            0.026,
            1 - y / height,
            row.text,
            fontsize=row.size,
            fontweight="bold" if row.bold else "normal",
            family="DejaVu Sans Mono" if row.code else "DejaVu Sans",
            color=row.color,
            va="top",
        )
        y += row.height
