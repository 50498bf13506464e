"""Edited scripts are run from their first line in a fork of the watched process: as if it were a fresh one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from sgd_doctor.options import Options
from sgd_doctor.recording import Recording
from sgd_doctor.run.launch import Harness, Target
from sgd_doctor.run.replays import ProbeRequest
from sgd_doctor.start import Talk, started

LOOP = """
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(10):
        for xb, yb in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
            opt.zero_grad()
            loss = F.mse_loss(model(xb), yb)
            loss.backward()
            opt.step()
"""
HEAD = """
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
"""
DATA = """
    x = torch.randn(64, 6)
    y = x[:, :1] * 2
"""
SECONDS = 60.0


@contextmanager
def watched(folder: Path, text: str) -> Iterator[tuple[Harness, Path]]:
    """A script's harness after it was watched, and its file."""
    script = folder / "train.py"
    script.write_text(dedent(text))
    with closing(started(Target("script", str(script)), Options(), Talk())) as harness:
        harness.observe(time.monotonic() + SECONDS)
        yield harness, script


def again(harness: Harness, patches: dict[str, str], steps: int = 20) -> tuple[Recording, int]:
    """The recording of an edited run, and how many fresh processes it took."""
    before = len(harness.processes)
    found = harness.run_patched(patches, steps, measure_task=False, deadline=time.monotonic() + SECONDS)
    assert found is not None
    return found, len(harness.processes) - before


def losses(recording: Recording) -> np.ndarray:
    return np.asarray(recording.column("loss"))


@pytest.mark.parametrize("seeding", ["", "    torch.manual_seed(5)\n    np.random.seed(5)\n"])
def test_same_numbers_as_in_a_fresh_process(tmp_path: Path, seeding: str) -> None:
    noisy = DATA + "    x = x + torch.tensor(np.random.rand(64, 6), dtype=torch.float32)\n"
    with watched(tmp_path, HEAD + seeding + noisy + LOOP) as (harness, script):
        patches = {str(script): script.read_text().replace("lr=0.05", "lr=0.01")}
        forked, fresh_processes = again(harness, patches)
        fresh = harness._afresh(ProbeRequest((), 20, False, patches), time.monotonic() + SECONDS)
        assert fresh is not None
        assert fresh_processes == 0
        assert len(losses(forked)) == 20
        np.testing.assert_array_equal(losses(forked), losses(fresh))
        assert forked.facts.trace == fresh.facts.trace
        assert forked.facts.task == fresh.facts.task
        assert forked.facts.task is not None


def test_what_the_first_run_left_behind_is_gone(tmp_path: Path) -> None:
    """A module of the user's counts, the working directory and the environment are changed, a path is added."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "counter.py").write_text(
        "calls = 0\ndef scale():\n    global calls\n    calls += 1\n    return calls\n"
    )
    changes = """
    import os, sys
    import counter
    assert "SECRET" not in os.environ and "elsewhere" not in sys.path
    os.environ["SECRET"] = "1"
    sys.path.append("elsewhere")
    os.chdir("inner") if os.path.isdir("inner") else exit("in the wrong folder")
    torch.set_default_dtype(torch.float64)
    y = y.double() * counter.scale()
    x = x.double()
    """
    text = HEAD + "    assert torch.tensor(1.0).dtype == torch.float32\n" + DATA + changes + LOOP
    script = tmp_path / "train.py"
    script.write_text(dedent(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with closing(started(Target("script", "train.py"), Options(), Talk())) as harness:
            observed = harness.observe(time.monotonic() + SECONDS)
            forked, fresh_processes = again(harness, {str(script): script.read_text()})
    assert fresh_processes == 0
    assert observed.facts.crash is None
    assert forked.facts.crash is None
    assert len(losses(forked)) == 20


def test_edited_module_of_the_users_is_imported(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("scale = 1.0\n")
    text = HEAD + "    import settings\n" + DATA + "    y = y * settings.scale\n" + LOOP
    with watched(tmp_path, text) as (harness, _):
        plain, _ = again(harness, {})
        edited, fresh_processes = again(harness, {str(tmp_path / "settings.py"): "scale = 10.0\n"})
    assert fresh_processes == 0
    assert losses(edited)[0] > 20 * losses(plain)[0]
    assert (tmp_path / "settings.py").read_text() == "scale = 1.0\n"


AUTOCAST = """
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    with torch.autocast("cpu"):
        for epoch in range(40):
            opt.zero_grad()
            loss = F.mse_loss(model(x).float(), y)
            loss.backward()
            opt.step()
"""


@pytest.mark.parametrize(
    ("before", "loop"),
    [("    import os\n    os.makedirs('out')\n", LOOP), ("", AUTOCAST)],
    ids=["a folder that is there the second time", "forked within autocast"],
)
def test_fresh_process_where_the_target_cannot_start_over(tmp_path: Path, before: str, loop: str) -> None:
    with watched(tmp_path, HEAD + before + DATA + loop) as (harness, script):
        assert harness.replay == "fork"
        recording, fresh_processes = again(harness, {str(script): script.read_text()})
    assert fresh_processes == 1
    assert recording.facts.crash is None
    assert len(losses(recording)) == 20
