"""A script that uses CUDA is forked before it does so for the first time: what it prepared before is not done again.

CUDA itself is not needed: torch is asked for it, refuses, and the script says that it is in use.
"""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

pytest.importorskip("torch")
from sgd_doctor.findings import Intervention
from sgd_doctor.run.replays import ProbeRequest
from tests.helpers import doctor, report_of
from tests.warm import watched

# Its data are others in each process, so that only a fork can repeat its losses.
SCRIPT = """
    import os
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(int.from_bytes(os.urandom(4), "big"))
    x = torch.randn(256, 8, generator=generator)
    y = (x[:, :2].sum(1) > 0).long()
    prepared_by = os.getpid()
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError):
        pass
    {device}
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    opt = torch.optim.SGD(model.parameters(), lr={lr})
    for step in range(150):
        rows = torch.randint(0, 256, (32,))
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
"""
IN_USE = "torch.cuda.is_initialized = lambda: True"
REFUSES = f"""{IN_USE}
if os.getpid() != prepared_by:
    raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")"""
GIB = 1 << 30
DEVICE = f"""{IN_USE}
torch.cuda.device_count = lambda: 1
torch.cuda.memory_reserved = torch.cuda.max_memory_reserved = lambda device: {2 * GIB}
torch.cuda.mem_get_info = lambda device: (FREE, {80 * GIB})"""
CONTROL = ProbeRequest((), 40)
FROZEN = ProbeRequest((Intervention("lr", "lr 0", {"factor": 0.0}),), 40)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(device: str, lr: float = 0.1) -> None:
    Path("train.py").write_text(dedent(SCRIPT).format(device=device, lr=lr))


@pytest.mark.usefixtures("here")
def test_replays_go_on_from_before_the_first_use() -> None:
    write(IN_USE)
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, seen):
        same, frozen = harness.probe([CONTROL, FROZEN], deadline=deadline)
        assert (harness.replay, harness.early) == ("fork", True)
    assert same is not None
    assert frozen is not None
    assert np.array_equal(same.column("loss"), seen.column("loss")[:40])
    assert frozen.column("loss")[0] == seen.column("loss")[0]
    assert np.all(frozen.column("lr") == 0.0)
    assert np.all(seen.column("lr") == 0.1)


@pytest.mark.usefixtures("here")
def test_where_cuda_does_not_start_in_a_fork_fresh_processes_do_it() -> None:
    write(REFUSES)
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, seen):
        found = harness.probe([CONTROL, FROZEN], deadline=deadline)
        assert (harness.replay, harness.why_not_forked) == ("process", "CUDA does not start in a fork here")
    assert seen.steps == 150
    assert [r.steps for r in found if r is not None and r.facts.crash is None] == [40, 40]


@pytest.mark.usefixtures("here")
def test_where_there_is_no_cuda_replays_begin_at_the_first_step() -> None:
    write("")
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, seen):
        (same,) = harness.probe([CONTROL], deadline=deadline)
        assert (harness.replay, harness.early) == ("fork", False)
    assert same is not None
    assert np.array_equal(same.column("loss"), seen.column("loss")[:40])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("free", "fit"), [(0, 1), (8 * GIB, 3), (78 * GIB, 25)])
def test_as_many_replays_at_a_time_as_fit_on_the_device(free: int, fit: int) -> None:
    """Where the watched run took 2 GiB, and CUDA half a GiB more, of what is free once it has ended."""
    write(DEVICE.replace("FREE", str(free)))
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, _):
        assert harness.beside == fit
        assert None not in harness.probe([CONTROL, FROZEN], deadline=deadline)


@pytest.mark.usefixtures("here")
def test_edited_script_starts_over_where_cuda_was_not_in_use_yet() -> None:
    write(IN_USE, lr=0.1)
    path = Path("train.py").absolute()
    edited = path.read_text().replace("lr=0.1", "lr=0.3")
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, _):
        found = harness.run_patched({str(path): edited}, 40, measure_task=False, deadline=deadline)
        assert harness.replay == "fork"
    assert found is not None
    assert found.facts.crash is None
    assert found.steps == 40
    assert np.all(found.column("lr") == 0.3)


@pytest.mark.long
@pytest.mark.usefixtures("here")
def test_cause_is_proven_and_its_diff_was_run() -> None:
    write(IN_USE, lr=900.0)
    report = report_of(doctor("diagnose", "--format", "json", "--no-report", "train.py", cwd=Path.cwd()))
    assert report["run"]["replay"] == "fork"
    first = report["findings"][0]
    assert (first["check"], first["confidence"]) == ("lr-too-high", "confirmed")
    assert "-opt = torch.optim.SGD(model.parameters(), lr=900.0)" in first["fix"]["diff"]
