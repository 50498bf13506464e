"""Batches that take long to load are loaded once, and replays have the numbers that loading them anew gives."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from sgd_doctor.findings import Intervention
from sgd_doctor.recording import Recording
from sgd_doctor.run.replays import ProbeRequest
from tests.helpers import write
from tests.warm import watched

SCRIPT = """
    import random, time
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Readings(Dataset):
        def __init__(self):
            self.x = torch.randn(240, 6, generator=torch.Generator().manual_seed(1))

        def __len__(self):
            return len(self.x)

        def __getitem__(self, index):
            time.sleep({wait})
            {more}
            noise = torch.randn(6) * 0.1 + np.random.rand() + random.random()
            return self.x[index] + noise, self.x[index, :1]

    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    readings = Readings()
    for epoch in range(2):
        for x, y in DataLoader(readings, batch_size=20, shuffle=True, num_workers={workers}):
            loss = (model(x) - y).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
WAIT = 0.007
DEADLINE = 60.0
STEPS = 24


def replays(folder: Path, *requests: ProbeRequest, **settings: object) -> tuple[Recording, list[Recording], float]:
    """The watched run, its replays one after the other, and the seconds that the last of them took."""
    write(folder / "train.py", SCRIPT.format(**{"wait": WAIT, "more": "", "workers": 0} | settings))
    deadline = time.monotonic() + DEADLINE
    found, seconds = [], 0.0
    with watched("train.py", deadline) as (harness, observed):
        for request in requests:
            begun = time.monotonic()
            (recording,) = harness.probe([request], deadline=deadline)
            seconds = time.monotonic() - begun
            assert recording is not None
            found.append(recording)
    return observed, found, seconds


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def losses(recording: Recording) -> np.ndarray:
    return np.asarray(recording.column("loss"))


def test_replay_of_a_slow_loader_is_the_same_run_and_fast(tmp_path: Path) -> None:
    observed, (replay,), seconds = replays(tmp_path, ProbeRequest((), STEPS))
    assert replay.steps == STEPS
    np.testing.assert_array_equal(losses(replay), losses(observed))
    loading = STEPS * 20 * WAIT
    assert observed.facts.kept_seconds > 0.8 * loading
    assert seconds < loading / 2


def test_other_samples_are_loaded(tmp_path: Path) -> None:
    """Another seed draws other indices: nothing that was kept is theirs."""
    reseed = Intervention("reseed", "other seed", {"seed": 7})
    observed, (first, second), _ = replays(tmp_path, ProbeRequest((reseed,), STEPS), ProbeRequest((reseed,), STEPS))
    assert not np.array_equal(losses(first), losses(observed))
    np.testing.assert_array_equal(losses(first), losses(second))


def test_replays_share_what_workers_had_loaded(tmp_path: Path) -> None:
    _, (first, second), seconds = replays(tmp_path, ProbeRequest((), STEPS), ProbeRequest((), STEPS), workers=2)
    np.testing.assert_array_equal(losses(first), losses(second))
    assert seconds < STEPS * 20 * WAIT / 2


def test_data_that_are_put_back_are_read_anew(tmp_path: Path) -> None:
    """Reading writes into what is stored: a replay without that has to read it really."""
    keep = Intervention("keep-data", "stored data put back", {})
    observed, (plain, kept), _ = replays(
        tmp_path, ProbeRequest((), STEPS), ProbeRequest((keep,), STEPS), more="self.x[index] *= 1.2"
    )
    np.testing.assert_array_equal(losses(plain), losses(observed))
    np.testing.assert_array_equal(losses(kept)[:12], losses(observed)[:12])  # each sample is read for the first time
    assert (losses(kept)[12:] != losses(observed)[12:]).all()


def test_samples_that_a_model_has_a_hand_in_are_not_kept(tmp_path: Path) -> None:
    observed, _, _ = replays(tmp_path, more="torch.no_grad()(model)(self.x[index])")
    assert observed.facts.kept_seconds == 0.0


def test_fast_loaders_leave_no_files(tmp_path: Path) -> None:
    observed, (replay,), _ = replays(tmp_path, ProbeRequest((), STEPS), wait=0.0)
    np.testing.assert_array_equal(losses(replay), losses(observed))
    assert observed.facts.kept_seconds == 0.0
