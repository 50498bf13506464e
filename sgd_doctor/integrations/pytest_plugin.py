"""The pytest fixture ``sgd_doctor``: a training smoke test in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sgd_doctor.report import Report

DEFAULTS = {"steps": 50, "budget": 20.0, "seed": 0}
"""What a test suite can afford, and the same numbers in each run; a test may say otherwise."""


class Doctor:
    """What the fixture gives."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def diagnose(self, *target: Any, **options: Any) -> Report:
        """The report on a loop: as :func:`sgd_doctor.diagnose`, with :data:`DEFAULTS`."""
        import sgd_doctor

        report: Report = sgd_doctor.diagnose(*target, **{**DEFAULTS, **options})
        return report

    def assert_trains(self, *target: Any, **options: Any) -> Report:
        """Fail the test unless the loop trains without error or warning.

        Args:
            target: ``model, loader, optimizer, loss_fn``; or a function that builds and trains; or a script's path.
            options: of :func:`sgd_doctor.diagnose`, over :data:`DEFAULTS`.

        Returns:
            The report of the healthy loop.

        Raises:
            AssertionError: the loop is unhealthy, or too little was seen; the message is the report.
        """
        __tracebackhide__ = True
        report = self.diagnose(*target, **options)
        if not report.healthy:
            self._show(str(report))
            raise AssertionError(f"{report.verdict}: {report.summary}")
        return report


@pytest.fixture
def sgd_doctor(request: pytest.FixtureRequest) -> Doctor:
    """Diagnoses loops: ``sgd_doctor.assert_trains(model, loader, optimizer, loss_fn)`` fails with the report."""

    def show(text: str) -> None:
        request.node.add_report_section("call", "sgd-doctor", text)

    return Doctor(show)
