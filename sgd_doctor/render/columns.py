"""Which columns of a report are shown together: for plots, their texts and the facts."""

from __future__ import annotations

from sgd_doctor.findings import finite
from sgd_doctor.report import ActivationCurve, Report, Series

BOUNDED = ("sigmoid", "tanh", "softsign", "hardsigmoid", "hardtanh")
"""Functions whose values saturate; of all others it is told how many units are dead."""


def share(curve: ActivationCurve) -> tuple[str, Series]:
    """What is told of an activation: the dead share, or the saturated share where it has two bounds."""
    bounded = any(name in curve.function.lower() for name in BOUNDED)
    return ("saturated", curve.saturated) if bounded else ("dead", curve.dead)


def hyper_series(report: Report) -> list[tuple[str, Series]]:
    """Name and values of each hyperparameter that was recorded."""
    curves = report.curves
    found = [("learning rate", curves.lr), ("momentum", curves.momentum), ("weight decay", curves.weight_decay)]
    return [(name, series) for name, series in found if any(finite(value) is not None for value in series)]
