"""Plots of activations, targets and hyperparameters, each drawn on axes that the caller made."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize

from sgd_doctor.render import words
from sgd_doctor.render.axes import Points, Theme, any_finite, bins, floats, label, points, set_scale, style
from sgd_doctor.render.columns import hyper_series, share
from sgd_doctor.render.plots import MAX_ROWS, heat_map
from sgd_doctor.report import ActivationCurve, Report

MAX_CLASSES = 40


def chosen_activations(report: Report) -> list[ActivationCurve]:
    """Activations with data, at most :data:`MAX_ROWS`."""
    return [curve for curve in report.activations if any_finite(share(curve)[1][: len(curve.steps)])][:MAX_ROWS]


def draw_activations(ax: Axes, report: Report, theme: Theme, cmap: Colormap) -> None:
    """Heat map, activations by steps: dead or saturated share."""
    rows = chosen_activations(report)
    steps = sorted({step for curve in rows for step in curve.steps})
    matrix = np.full((len(rows), len(steps)), np.nan)
    for row, curve in enumerate(rows):
        for step, value in zip(curve.steps, floats(share(curve)[1]), strict=False):
            matrix[row, steps.index(step)] = value
    names = [f"{words.one_line(curve.name)} {share(curve)[0]}" for curve in rows]
    heat_map(ax, (steps, matrix), names, theme, (cmap, Normalize(0.0, 1.0)))


def draw_targets(ax: Axes, report: Report, theme: Theme) -> None:
    """How often each class occurred, or range, mean and spread of real targets."""
    style(ax, theme)
    targets = report.targets
    if targets is None:
        return
    if targets.counts:
        names = list(targets.counts)[:MAX_CLASSES]
        ax.bar(range(len(names)), [targets.counts[name] for name in names], color=theme.sound, width=0.8)
        every = max(1, len(names) // 12)
        ax.set_xticks(range(0, len(names), every), [label(name, 10) for name in names[::every]])
        ax.set_xlabel("class")
        ax.set_ylabel("samples seen")
        ax.set_ylim(bottom=0)
        return
    low, high, mean, std = floats((targets.minimum, targets.maximum, targets.mean, targets.std))
    ax.set_autoscalex_on(False)
    ax.set_xlim(*_span([low, high, mean - std, mean + std]))
    ax.set_xlabel("value")
    if (histogram := bins(targets.histogram)) is not None:
        _bars(ax, histogram, mean, std, theme)
        return
    ax.hlines(0, low, high, color=theme.sound, alpha=0.35, linewidth=8, label="minimum to maximum")
    ax.hlines(0, mean - std, mean + std, color=theme.sound, linewidth=16, label="mean ± std")
    ax.plot([mean], [0], color=theme.ink, marker="|", linestyle="", markersize=26, label="mean")
    ax.set_yticks([])
    ax.set_ylim(-1, 1)


def _bars(ax: Axes, histogram: Points, mean: float, std: float, theme: Theme) -> None:
    """A histogram, with the mean and the spread above it."""
    edges, counts = histogram
    top = float(counts.max())
    ax.stairs(counts, edges, fill=True, color=theme.sound)
    ax.hlines(1.08 * top, mean - std, mean + std, color=theme.ink, linewidth=2, label="mean ± std")
    ax.plot([mean], [1.08 * top], color=theme.ink, marker="|", linestyle="", markersize=12, label="mean")
    ax.set_ylim(0, 1.2 * top)
    ax.set_ylabel("values seen")


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Limits with a margin around the finite ones of ``values``."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    wide = high - low > 1e-9 * max(abs(low), abs(high))
    margin = 0.05 * (high - low) if wide else max(abs(high), 1.0)
    return low - margin, high + margin


def draw_hyperparameters(axes: Sequence[Axes], report: Report, theme: Theme) -> None:
    """One row for each hyperparameter, over the same steps."""
    for ax, (name, series) in zip(axes, hyper_series(report), strict=True):
        style(ax, theme)
        x, y = points(series, report.curves.step)
        ax.plot(x, y, color=theme.sound, linewidth=2, drawstyle="steps-post")
        scale = set_scale(ax, y)
        ax.set_title(name + (" (log)" if scale == "log" else ""), loc="left", fontsize=11, color=theme.muted)
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel("optimizer step")
