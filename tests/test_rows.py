"""Long recordings: nothing is given up, and memory stays small."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sgd_doctor.observe import rows
from sgd_doctor.observe.rows import Rows


def test_packed_rows_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 16)
    numbers = np.random.default_rng(0).normal(size=(100, 3))
    numbers[40, 1] = np.nan
    kept = Rows(3)
    for row in numbers:
        kept.append(row.tolist())
    assert kept.count == 100
    np.testing.assert_array_equal(np.array(kept.columns()).T, numbers)
    np.testing.assert_array_equal(np.array(kept.columns(1)[0]), numbers[:, 1])


def test_steps_that_hardly_differ_take_a_fraction_of_their_size() -> None:
    constant = [0.1, 0.9, 0.0] + [float("nan")] * 11
    losses = np.random.default_rng(0).random((20_480, 2)).tolist()
    tracemalloc.start()
    kept = Rows(16)
    for loss, norm in losses:
        kept.append([loss, norm, *constant])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20_480 * 16 * 8 / 5
