"""The single plots, each drawn on axes that the caller made."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.ticker import FuncFormatter

from sgd_doctor.render import words
from sgd_doctor.render.axes import (
    Floats,
    Points,
    Theme,
    any_finite,
    bins,
    floats,
    label,
    points,
    set_scale,
    style,
    thin,
)
from sgd_doctor.report import Histogram, LayerCurve, ProbeInfo, Report, Series

_VIEW = 1e4
"""How far above the first losses the view goes when a run explodes; the other curves stay readable."""
MAX_ROWS = 40
_MAX_TREATED = 4
_NOTHING = (0.0, 0.0, 0.0, 0.0)
FEW_FEATURES = 60
"""So many features are drawn one by one, more as bands."""


def _draw(ax: Axes, xy: Points, color: str, name: str | None, width: float, dash: str = "-") -> None:
    """One curve; a cross marks where it stops being finite."""
    x, y = xy
    good = np.isfinite(y)
    if not good.any():
        return
    marker = "o" if good.sum() == 1 else None
    ax.plot(x, y, color=color, linewidth=width, linestyle=dash, label=name, marker=marker, markersize=4)
    last = int(np.flatnonzero(good)[-1])
    if last < len(y) - 1:
        ax.plot(x[last], y[last], marker="X", markersize=9, color=color, markeredgecolor=ax.get_facecolor())


def treated_probes(report: Report) -> list[ProbeInfo]:
    """The runs that proved a finding, in the order of the findings."""
    chosen: dict[str, ProbeInfo] = {}
    for finding in report.findings:
        for probe in report.run.probes:
            proved = finding.proof is not None and finding.proof.intervention == probe.intervention
            longer = probe.steps > chosen[probe.intervention].steps if probe.intervention in chosen else True
            if proved and longer and any_finite(probe.loss):
                chosen[probe.intervention] = probe
    return list(chosen.values())[:_MAX_TREATED]


def draw_legend(ax: Axes, theme: Theme, columns: int = 3) -> int:
    """The names above the axes, where they hide no curve; long ones below one another.

    Returns: the number of lines that they take.
    """
    handles, names = ax.get_legend_handles_labels()
    columns = 1 if max(map(len, names), default=0) > 28 else columns
    order = sorted(range(len(names)), key=lambda index: "other run" in names[index])  # stable
    if handles:
        ax.legend(
            [handles[index] for index in order],
            [names[index] for index in order],
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=columns,
            frameon=False,
            labelcolor=theme.ink,
            handlelength=1.6,
            borderpad=0.2,
            columnspacing=1.4,
        )
    return math.ceil(len(handles) / columns)


def has_loss(report: Report) -> bool:
    """Whether any loss was recorded."""
    return any_finite(report.curves.loss) or any(any_finite(probe.loss) for probe in report.run.probes)


def draw_loss(ax: Axes, report: Report, theme: Theme) -> None:
    """The observed loss and the loss of each run that was tried."""
    style(ax, theme)
    observed = points(report.curves.loss, report.curves.step)
    treated = treated_probes(report)
    _draw_background(ax, report, {probe.intervention for probe in treated}, theme)
    color = theme.sound if report.healthy else theme.observed
    _draw(ax, observed, color, "as written", 2.4)
    repeat: str | None = "as written, run again"
    for probe in (p for p in report.run.probes if p.intervention == words.CONTROL):
        _draw(ax, points(probe.loss, probe.loss_steps), color, repeat, 1.2, ":")
        repeat = None
    for probe, shade in zip(treated, theme.treated, strict=False):
        _draw(ax, points(probe.loss, probe.loss_steps), shade, label(probe.intervention, 40), 2.2)
    every = np.concatenate([observed[1], *(floats(probe.loss) for probe in report.run.probes)])
    scale = set_scale(ax, every)
    known = np.isfinite(observed[1]).any()
    # A curve on its own is shown whole: there is nothing that it could make unreadable.
    cut = bool(report.run.probes or not known) and _cut(ax, observed[1] if known else every, every)
    ax.set_xlabel("optimizer step")
    ax.set_ylabel("loss" + (" (log)" if scale == "log" else "") + (", cut off above" if cut else ""))
    ax.margins(x=0.02)


def _draw_background(ax: Axes, report: Report, shown: set[str], theme: Theme) -> None:
    """The other runs, thin and grey: they say what was tried, not what was found."""
    others = [
        probe
        for probe in report.run.probes
        if probe.intervention not in {*shown, words.CONTROL} and any_finite(probe.loss)
    ]
    name: str | None = words.plural(len(others), "other run")
    for probe in others:
        _draw(ax, thin(*points(probe.loss, probe.loss_steps), 100), theme.other, name, 1.1)
        name = None


def _cut(ax: Axes, first: Floats, every: Floats) -> bool:
    """Keep the view near the first losses when a run explodes.  Says whether anything was cut."""
    start = first[np.isfinite(first)][:5]
    top = _VIEW * float(np.median(np.abs(start))) if len(start) else 0.0
    high = every[np.isfinite(every)]
    if not (top > 0 and len(high) and high.max() > top):
        return False
    low = float(high.min())
    ax.set_ylim(low * 0.8 if low > 0 else low * 1.2, top)
    return True


def chosen_layers(report: Report, column: str) -> list[LayerCurve]:
    """Layers with data; weights only where all would not fit, then every n-th, first and last kept."""
    rows = [layer for layer in report.layers if any_finite(getattr(layer, column))]
    if len(rows) > MAX_ROWS:
        weights = [layer for layer in rows if layer.name.endswith("weight")]
        rows = weights or rows
    if len(rows) > MAX_ROWS:
        rows = [rows[round(i * (len(rows) - 1) / (MAX_ROWS - 1))] for i in range(MAX_ROWS)]
    return rows


def layer_matrix(rows: Sequence[LayerCurve], column: str) -> tuple[list[int], Floats]:
    """Steps and a layers-by-steps matrix; NaN where nothing was measured."""
    tables = []
    for layer in rows:
        series: Series = getattr(layer, column)
        steps = layer.steps if len(layer.steps) == len(series) else tuple(range(len(series)))
        tables.append(dict(zip(steps, floats(series), strict=True)))
    steps_seen = sorted({step for table in tables for step in table})
    matrix = [[table.get(step, math.nan) for step in steps_seen] for table in tables]
    return steps_seen, np.array(matrix, dtype=np.float64).reshape(len(rows), len(steps_seen))


def draw_layers(ax: Axes, report: Report, column: str, theme: Theme, cmap: Colormap, *, labels: int = MAX_ROWS) -> None:
    """Heat map, layers by steps, logarithmic colours; at most ``labels`` rows are named."""
    rows = chosen_layers(report, column)
    steps, matrix = layer_matrix(rows, column)
    none = matrix == 0
    matrix[~(matrix > 0)] = math.nan
    low, high = _colour_range(matrix, column)
    matrix[none] = low  # a logarithm cannot show it, but it is the least there can be
    prefix, names = short_names([layer.name for layer in rows])
    colours = (cmap, LogNorm(low, high))
    heat_map(ax, (steps, matrix), names, theme, colours, labels=labels, beyond=column == "update_ratio")
    if len(rows) <= labels:
        ax.set_ylabel(label(prefix, 40))


def heat_map(
    ax: Axes,
    table: tuple[Sequence[int], Floats],
    names: Sequence[str],
    theme: Theme,
    colours: tuple[Colormap, Normalize],
    *,
    labels: int = MAX_ROWS,
    beyond: bool = False,
) -> None:
    """Rows by steps; ``beyond``: values may lie outside the colours' range."""
    style(ax, theme)
    ax.grid(False)
    steps, matrix = table
    cmap, norm = colours
    cmap = cmap.with_extremes(bad=_NOTHING)
    ax.set_facecolor(theme.grid)  # shows where nothing was measured
    image = ax.imshow(matrix, aspect="auto", cmap=cmap, norm=norm, interpolation="nearest")
    every = max(1, math.ceil(len(names) / labels))
    ax.set_yticks(range(0, len(names), every), [label(name, 26 if every == 1 else 20) for name in names[::every]])
    ticks = sorted({round(i * (len(steps) - 1) / 5) for i in range(6)})
    ax.set_xticks(ticks, [str(steps[tick]) for tick in ticks])
    ax.set_xlabel("optimizer step")
    ax.tick_params(length=0)
    figure = ax.get_figure()
    if figure is not None:
        bar = figure.colorbar(image, ax=ax, pad=0.02, aspect=28, extend="both" if beyond else "neither")
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=theme.muted, which="both", length=0)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(float(value), "")))
        bar.minorticks_off()


def _colour_range(matrix: Floats, column: str) -> tuple[float, float]:
    """Colour limits.  Update ratios always span the same range, centred on the healthy 0.001."""
    if column == "update_ratio":
        return 1e-6, 1.0
    good = matrix[np.isfinite(matrix)]
    if not len(good):
        return 0.1, 1.0
    low, high = float(good.min()), float(good.max())
    low = max(low, high * 1e-9)
    return (low, high) if high > low * 10 else (low / 3, high * 3)


def short_names(names: Sequence[str]) -> tuple[str, list[str]]:
    """The leading parts that all names share, and what is left of each."""
    parts = [words.one_line(name).split(".") for name in names]
    shared = 0
    while len(parts) > 1 and len({tuple(part[: shared + 1]) for part in parts}) == 1:
        if min(map(len, parts)) <= shared + 1:
            break
        shared += 1
    prefix = "".join(f"{part}." for part in parts[0][:shared])
    return prefix, [".".join(part[shared:]) for part in parts]


def draw_features(ax: Axes, report: Report, theme: Theme) -> None:
    """The distribution of each input feature: range, spread and mean, and where it was kept the histogram."""
    style(ax, theme)
    scales = report.features
    if scales is None:
        return
    mean, std, low, high = (floats(item) for item in (scales.mean, scales.std, scales.minimum, scales.maximum))
    count = min(len(mean), len(std), len(low), len(high))
    mean, std, low, high = mean[:count], std[:count], low[:count], high[:count]
    x = np.arange(count, dtype=np.float64) * scales.every
    shade = theme.sound
    if count > FEW_FEATURES:
        _bands(ax, x, (mean, std, low, high), theme)
    else:
        wide = min(9.0, 260 / max(count, 1))
        thick = wide * (0.25 if scales.histograms else 1.0)
        ax.vlines(x, low, high, color=shade, alpha=0.35, linewidth=thick * 0.45, label="minimum to maximum")
        _violins(ax, scales.histograms, theme)
        ax.vlines(x, mean - std, mean + std, color=theme.ink, linewidth=thick * 0.6, label="mean ± std")
        ax.plot(x, mean, color=theme.ink, marker="_", linestyle="", markersize=wide + 3, label="mean")
    scale = set_scale(ax, np.concatenate([mean, std, low, high]))
    if count <= 12:
        ax.set_xticks(x)
        ax.set_xlim(-0.7, count - 0.3)
    ax.set_xlabel("feature")
    ax.set_ylabel("value" + (" (log)" if scale != "linear" else ""))


def _violins(ax: Axes, histograms: Sequence[Histogram], theme: Theme) -> None:
    """The histogram of each feature, upright and mirrored; the widest bins of neighbours nearly touch."""
    name: str | None = "distribution"
    for histogram in histograms:
        found = bins(histogram)
        if found is None:
            continue
        edges, counts = found
        half = np.repeat(0.46 * counts / counts.max(), 2)
        ax.fill_betweenx(
            np.repeat(edges, 2)[1:-1],
            histogram.feature - half,
            histogram.feature + half,
            color=theme.sound,
            alpha=0.6,
            linewidth=0,
            label=name,
        )
        name = None


def _bands(ax: Axes, x: Floats, scales: tuple[Floats, Floats, Floats, Floats], theme: Theme) -> None:
    """Many features: bands over neighbouring features instead of a bar for each."""
    mean, std, low, high = scales
    groups = np.array_split(np.arange(len(mean)), min(len(mean), 200))
    x = np.array([x[group[0]] for group in groups], dtype=np.float64)

    def reach(values: Floats, sign: int) -> Floats:
        peaks = [sign * np.fmax.reduce(sign * values[group]) for group in groups]
        return np.array(peaks, dtype=np.float64)

    for bottom, top, alpha, name in (
        (low, high, 0.2, "minimum to maximum"),
        (mean - std, mean + std, 0.5, "mean ± std"),
    ):
        ax.fill_between(
            x,
            reach(bottom, -1),
            reach(top, 1),
            color=theme.sound,
            alpha=alpha,
            linewidth=0,
            step="post",
            label=name,
        )
    ax.plot(x, [mean[group[0]] for group in groups], color=theme.ink, linewidth=0.8, label="mean")


def draw_curve(
    ax: Axes, series: Series, steps: Sequence[int], name: str, theme: Theme, *, stairs: bool = False
) -> None:
    """One column of the run: gradient norm or learning rate."""
    style(ax, theme)
    x, y = points(series, steps)
    ax.plot(x, y, color=theme.sound, linewidth=2, drawstyle="steps-post" if stairs else "default")
    if np.isfinite(y).sum() == 1:
        ax.plot(x, y, "o", color=theme.sound, markersize=4)
    scale = set_scale(ax, y)
    ax.set_xlabel("optimizer step")
    ax.set_ylabel(name + (" (log)" if scale == "log" else ""))
