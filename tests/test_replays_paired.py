"""Replays in fresh processes of a script without a seed start alike: control and treated runs can be compared."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from sgd_doctor.findings import Intervention
from sgd_doctor.run.replays import ProbeRequest
from tests.helpers import write
from tests.warm import watched

UNSEEDED = """
    import random, threading, time
    import numpy as np
    import torch

    threading.Thread(target=time.sleep, args=(1.0,)).start()  # beside another thread nothing is forked
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(20):
        x = torch.randn(16, 4) + random.random() + np.random.rand()
        loss = (model(x) - x.sum(1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_arms_start_from_the_same_weights_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.py", UNSEEDED)
    monkeypatch.chdir(tmp_path)
    deadline = time.monotonic() + 60
    smaller = Intervention("lr", "lr smaller", {"factor": 0.1})
    arms = [ProbeRequest((), 20), ProbeRequest((), 20), ProbeRequest((smaller,), 20)]
    with watched("train.py", deadline) as (harness, _):
        assert harness.replay == "process"
        control, again, treated = harness.probe(arms, deadline=deadline)
    assert control is not None and again is not None and treated is not None  # noqa: PT018
    assert np.array_equal(control.column("loss"), again.column("loss"))
    assert control.column("loss")[0] == treated.column("loss")[0]
    assert control.column("loss")[-1] != treated.column("loss")[-1]


LOST = """
    import torch

    torch.manual_seed(0)
    x = torch.randn(256, 10)
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(300):
        loss = (model(x) - x[:, :1]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_replay_whose_weights_are_lost_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.py", LOST)
    monkeypatch.chdir(tmp_path)
    deadline = time.monotonic() + 60
    larger = Intervention("lr", "lr larger", {"factor": 1e6})
    with watched("train.py", deadline) as (harness, _):
        sound, lost = harness.probe([ProbeRequest((), 200), ProbeRequest((larger,), 200)], deadline=deadline)
    assert sound is not None and lost is not None  # noqa: PT018
    assert sound.steps == 200
    assert lost.facts.ended == "not-finite"
    assert lost.steps < 50
