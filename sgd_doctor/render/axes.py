"""What all plots share: colours, clean numbers, scales, ticks and drawable text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from sgd_doctor.render import words
from sgd_doctor.report import Histogram, Series

Floats = NDArray[np.float64]
Points = tuple[Floats, Floats]

_HUGE = 1e60
"""Beyond this a value is drawn as missing, below its inverse as zero: logarithmic axes overflow there."""


@dataclass(frozen=True)
class Theme:
    """Colours of all plots.  ``treated`` are told apart by people with colour-blindness, too."""

    paper: str
    ink: str
    muted: str
    grid: str
    observed: str
    sound: str
    treated: tuple[str, ...]
    other: str

    @property
    def colours(self) -> tuple[str, ...]:
        """All of them, in the same order for every theme."""
        return (self.paper, self.ink, self.muted, self.grid, self.observed, self.sound, *self.treated, self.other)


LIGHT = Theme(
    paper="#ffffff",
    ink="#1d1d1f",
    muted="#5c5f66",
    grid="#e3e4e8",
    observed="#c2410c",
    sound="#0b63b0",
    treated=("#0b63b0", "#00795a", "#9c3f86", "#6b5b00"),
    other="#8d929c",
)
DARK = Theme(
    paper="#1b1d21",
    ink="#ececf0",
    muted="#a9adb6",
    grid="#34373d",
    observed="#ff9a5c",
    sound="#6cb6ff",
    treated=("#6cb6ff", "#4fd1a5", "#f09adb", "#d9c45a"),
    other="#6a6e77",
)


def floats(series: Iterable[float | None]) -> Floats:
    """``series`` as an array; NaN for all that cannot be drawn."""
    values = [math.nan if value is None or not abs(value) < _HUGE else float(value) for value in series]
    array = np.array(values, dtype=np.float64)
    array[np.abs(array) < 1 / _HUGE] = 0.0
    return array


def points(series: Series, steps: Sequence[int]) -> Points:
    """Abscissa and ordinate; positions stand in where the steps do not match."""
    y = floats(series)
    fits = len(steps) == len(y) and all(abs(step) < 2**53 for step in steps)
    x = np.array(steps, dtype=np.float64) if fits else np.arange(len(y), dtype=np.float64)
    return thin(x, y)


def thin(x: Floats, y: Floats, limit: int = 400) -> Points:
    """At most about ``limit`` points that keep both ends, every peak and the first gap of each stretch."""
    if len(y) <= limit:
        return x, y
    keep = {0, len(y) - 1}
    for part in np.array_split(np.arange(len(y)), limit // 3):
        values = y[part]
        good = part[np.isfinite(values)]
        keep.update(int(i) for i in part[~np.isfinite(values)][:1])
        if len(good):
            keep.update((int(good[np.argmin(y[good])]), int(good[np.argmax(y[good])])))
    chosen = np.array(sorted(keep))
    return x[chosen], y[chosen]


def bins(histogram: Histogram | None) -> Points | None:
    """Edges and counts of a histogram; None where it cannot be drawn."""
    if histogram is None:
        return None
    counts = np.nan_to_num(floats(histogram.counts))
    low, high = floats((histogram.low, histogram.high))
    if not counts.max(initial=0.0) > 0 or not high > low or not abs(histogram.feature) < 2**53:
        return None
    return np.linspace(low, high, len(counts) + 1), counts


def any_finite(series: Iterable[float | None]) -> bool:
    """Whether there is anything to draw."""
    return bool(np.isfinite(floats(series)).any())


def varies(series: Iterable[float | None]) -> bool:
    """Whether there is more to draw than a constant."""
    values = floats(series)
    return len(np.unique(values[np.isfinite(values)])) > 1


def scale_for(values: Floats) -> str:
    """``log`` or ``symlog`` where a linear axis would hide most of the values."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "linear"
    if values.min() > 0:
        return "log" if values.max() / values.min() > 20 else "linear"
    sizes = np.abs(values[values != 0])
    return "symlog" if len(sizes) and sizes.max() > 1e3 * np.median(sizes) else "linear"


def style(ax: Axes, theme: Theme) -> None:
    """Quiet axes: two spines, a light grid, muted ticks."""
    ax.set_facecolor(theme.paper)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.grid)
    ax.tick_params(colors=theme.muted, which="both", length=3)
    ax.grid(True, which="major", color=theme.grid, linewidth=0.8)
    ax.set_axisbelow(True)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_color(theme.muted)
    ax.title.set_color(theme.ink)


def _plain_ticks(ax: Axes, scale: str) -> None:
    """Numbers as people write them: 0.01 and 100 instead of powers."""
    axis = ax.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: words.number(float(value), "")))
    axis.set_minor_locator(NullLocator())  # without numbers they say little, and are a third of the time of drawing
    if scale == "log":
        low, high = ax.get_ylim()
        narrow = low > 0 and high / low < 200
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if narrow else (1.0,), numticks=8))
    elif scale == "linear":
        axis.set_major_locator(MaxNLocator(5))


def set_scale(ax: Axes, values: Floats) -> str:
    """Choose the vertical scale for ``values`` and label it plainly."""
    scale = scale_for(values)
    if scale == "symlog":
        sizes = np.abs(values[np.isfinite(values) & (values != 0)])
        bend = 10.0 ** math.floor(math.log10(float(np.median(sizes))))
        ax.set_yscale("symlog", linthresh=bend)
        ax.yaxis.set_major_locator(FixedLocator(_symlog_ticks(values, bend)))
    else:
        ax.set_yscale(scale)
    _plain_ticks(ax, scale)
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    return scale


def _symlog_ticks(values: Floats, bend: float) -> list[float]:
    """Zero and at most three powers of ten on each side."""
    ticks = [0.0]
    for sign in (-1, 1):
        reach = float(np.nanmax(sign * values))
        decades = math.floor(math.log10(reach / bend)) if reach > bend else -1
        stride = max(1, math.ceil(decades / 2))
        ticks += [sign * bend * 10**decade for decade in range(decades, 0, -stride)]
    return sorted(ticks)


@cache
def _glyphs() -> frozenset[int]:
    """What both fonts that come with matplotlib can draw."""
    fonts = [get_font(findfont(name)) for name in ("DejaVu Sans", "DejaVu Sans Mono")]
    return frozenset(fonts[0].get_charmap()) & frozenset(fonts[1].get_charmap())


def drawable(text: str) -> str:
    """``text`` with ``?`` for what the fonts cannot draw (they would warn and draw a box)."""
    return "".join(char if ord(char) in _glyphs() else "?" for char in text)


def label(text: str, limit: int) -> str:
    """A text of the user's as one drawable line."""
    return shorten(drawable(words.one_line(text)), limit)


def shorten(text: str, limit: int) -> str:
    """``text`` with an ellipsis in the middle where it is too long: both ends of a name matter."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"
