"""What each plot shows, in words: for those who do not see it."""

from __future__ import annotations

import math

from sgd_doctor.findings import finite
from sgd_doctor.render import words
from sgd_doctor.render.columns import hyper_series, share
from sgd_doctor.report import ActivationCurve, LayerCurve, Report, Series


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


def targets(report: Report) -> str:
    """What the model is to predict."""
    seen = report.targets
    if seen is None:
        return "The targets."
    if seen.counts:
        counts = seen.counts.values()
        return f"How often each of {len(seen.counts)} classes occurred: {min(counts)} to {max(counts)} times."
    ends = f"from {words.number(seen.minimum)} to {words.number(seen.maximum)}"
    return f"Targets {ends}, mean {words.number(seen.mean)}, standard deviation {words.number(seen.std)}."


def activations(report: Report) -> str:
    """Dead and saturated shares."""
    last = [(words.one_line(curve.name), what, _finite(series)) for curve, what, series in _shares(report)]
    known = [(values[-1], name, what) for name, what, values in last if values]
    if not known:
        return "Share of dead or saturated units of each activation over the optimizer steps."
    value, name, what = max(known)
    return (
        "Share of dead or saturated units of each activation over the optimizer steps: "
        f"at the end most in {name} ({words.number(100 * value)} % {what})."
    )


def _shares(report: Report) -> list[tuple[ActivationCurve, str, Series]]:
    return [(curve, *share(curve)) for curve in report.activations]


def hyperparameters(report: Report) -> str:
    """Learning rate, momentum and weight decay."""
    parts = []
    for name, series in hyper_series(report):
        values = _finite(series)
        same = values and min(values) == max(values)
        parts.append(f"{name} always {words.number(values[0])}" if same else f"{name} {_journey(series)}")
    return f"Over the optimizer steps: {'; '.join(parts)}."


def grad_norm(report: Report) -> str:
    """The gradient norm."""
    return f"Norm of the whole gradient over the optimizer steps: {_journey(report.curves.grad_norm)}."
