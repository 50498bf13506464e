"""Replays of large models run one after the other where two would not fit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
from sgd_doctor.options import Options
from sgd_doctor.run import harness as harnesses
from sgd_doctor.run import memory
from sgd_doctor.run.launch import Target
from sgd_doctor.run.replays import ProbeRequest
from sgd_doctor.start import run_spec
from tests.helpers import write
from tests.warm import WarmHarness

SCRIPT = """
    import torch

    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(20):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("times", "order"), [(1.5, "bebe"), (100.0, "bbee")])
def test_as_many_replays_at_a_time_as_fit(
    times: float, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "train.py", SCRIPT)
    monkeypatch.chdir(tmp_path)
    harness = WarmHarness(Target("script", "train.py"), run=run_spec(Options()))
    harness.workers = 2
    seen = ""
    begin, end = harness._spec, harnesses.take_recording

    def begins(*args: Any) -> Any:
        nonlocal seen
        seen += "b"
        return begin(*args)

    def ends(path: Path) -> Any:
        nonlocal seen
        seen += "e"
        return end(path)

    try:
        harness.observe(time.monotonic() + 60)
        assert harness.memory > 1 << 20
        monkeypatch.setattr(memory, "available", lambda: int(times * harness.memory))
        monkeypatch.setattr(harness, "_spec", begins)
        monkeypatch.setattr(harnesses, "take_recording", ends)
        found = harness.probe([ProbeRequest((), 20), ProbeRequest((), 20)], deadline=time.monotonic() + 60)
    finally:
        harness.close()
    assert all(recording is not None for recording in found)
    assert seen == order
