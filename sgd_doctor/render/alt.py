"""What each plot shows, in words: for those who do not see it."""

from __future__ import annotations

import math

from sgd_doctor.findings import finite
from sgd_doctor.render import words
from sgd_doctor.report import LayerCurve, Report, Series


def _finite(series: Series) -> list[float]:
    return [value for value in map(finite, series) if value is not None]


def _journey(series: Series) -> str:
    """From the first to the last value, and whether it stayed finite."""
    values = _finite(series)
    if not values:
        return "no finite value"
    ends = f"from {words.number(values[0])} to {words.number(values[-1])}"
    return ends if len(values) == len(series) else f"{ends}, not finite in places"


def loss(report: Report) -> str:
    """The loss curves."""
    parts = [f"as written {_journey(report.curves.loss)}"] if report.curves.loss else []
    runs: dict[str, Series] = {}
    for probe in report.run.probes:
        if probe.loss and probe.intervention != words.CONTROL:
            runs.setdefault(words.probe_name(probe), probe.loss)
    parts += [f"with {name} {_journey(series)}" for name, series in list(runs.items())[:6]]
    return f"Loss over the optimizer steps: {'; '.join(parts)}."


def layers(report: Report, column: str) -> str:
    """A heat map over layers and steps."""
    what = "Gradient norm" if column == "grad_norm" else "Size of the update relative to the weights"
    medians = [(words.one_line(layer.name), _median(layer, column)) for layer in report.layers]
    known = [(name, value) for name, value in medians if math.isfinite(value)]
    if not known:
        return f"{what} of each layer over the optimizer steps."
    low = min(known, key=lambda item: item[1])
    high = max(known, key=lambda item: item[1])
    return (
        f"{what} of each layer over the optimizer steps: "
        f"smallest in {low[0]} (median {words.number(low[1])}), "
        f"largest in {high[0]} (median {words.number(high[1])})."
    )


def _median(layer: LayerCurve, column: str) -> float:
    series: Series = getattr(layer, column)
    values = sorted(_finite(series))
    return values[len(values) // 2] if values else math.nan


def features(report: Report) -> str:
    """The input statistics."""
    scales = report.features
    stds = _finite(scales.std) if scales is not None else []
    spread = f": standard deviations from {words.number(min(stds))} to {words.number(max(stds))}" if stds else ""
    return f"Range, mean and spread of each input feature{spread}."


def lr(report: Report) -> str:
    """The learning rate."""
    values = _finite(report.curves.lr)
    if values and min(values) == max(values):
        return f"Learning rate over the optimizer steps: always {words.number(values[0])}."
    return f"Learning rate over the optimizer steps: {_journey(report.curves.lr)}."


def grad_norm(report: Report) -> str:
    """The gradient norm."""
    return f"Norm of the whole gradient over the optimizer steps: {_journey(report.curves.grad_norm)}."
