"""What docs/gpu.md says of a machine with CUDA; skipped where there is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
import torch

from sgd_doctor import diagnose
from tests.helpers import doctor, python, report_of, same_tree, tree, write

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]
STEPS = 40
SCRIPT = """
import sys, torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2048, 32, device="cuda")
y = (x[:, :4].sum(1) > 0).long()
model = nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2)).cuda()
optimizer = torch.optim.SGD(model.parameters(), lr={lr}, momentum=0.9)
{before}
for step in range({steps}):
    i = (step * 64) % 2048
    loss = nn.functional.cross_entropy(model(x[i : i + 64]), y[i : i + 64])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
{after}
"""
STATE = """
print("STATE", [p.double().sum().item().hex() for p in model.state_dict().values()], loss.item().hex(),
      torch.cuda.get_rng_state().sum().item())
"""


def script(folder: Path, *, lr: float = 0.05, steps: int = STEPS, before: str = "", after: str = "") -> Path:
    return write(folder / "train.py", SCRIPT.format(lr=lr, steps=steps, before=before, after=after))


def state(text: str) -> str:
    found = re.search("^STATE.*$", text, re.MULTILINE)
    assert found, text
    return found.group()


def test_weights_losses_and_random_numbers_of_the_device_are_the_plain_runs(tmp_path: Path) -> None:
    path = script(tmp_path, after=STATE)
    plain = python(path, cwd=tmp_path)
    watched = doctor("diagnose", "--no-probes", "--no-report", path, cwd=tmp_path)
    assert state(watched.stderr) == state(plain.stdout)


def test_cause_is_proven_in_forks_from_before_cuda(tmp_path: Path) -> None:
    script(tmp_path, lr=500.0, steps=120)
    before = tree(tmp_path)
    report = report_of(doctor("diagnose", "--format", "json", "--budget", "200", "train.py", cwd=tmp_path, timeout=400))
    first = report["findings"][0]
    assert (first["check"], first["confidence"]) == ("lr-too-high", "confirmed")
    assert report["run"]["device"].startswith("cuda")
    assert report["run"]["replay"] == "fork"
    assert same_tree(before, tree(tmp_path)) == []


def test_full_memory_of_the_device_is_explained_at_its_line(tmp_path: Path) -> None:
    script(tmp_path, after='torch.empty(1 << 46, device="cuda")\n')
    report = report_of(doctor("diagnose", "--no-probes", "--format", "json", "train.py", cwd=tmp_path))
    first = report["findings"][0]
    assert first["check"] == "script-crashed"
    assert "the memory is full" in first["title"] + first["fix"]["text"]
    assert "torch.empty" in first["location"]["code"]


def test_parts_on_the_device_and_its_random_numbers_are_put_back() -> None:
    def loader() -> list[tuple[Any, Any]]:
        x = torch.randn(256, 8, device="cuda")
        return [(x[i : i + 32], x[i : i + 32].sum(1, keepdim=True)) for i in range(0, 256, 32)]

    batches = loader()
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1)).cuda()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    weights = [p.detach().clone() for p in model.parameters()]
    random = torch.cuda.get_rng_state()
    report = diagnose(model, batches, optimizer, torch.nn.functional.mse_loss, steps=24, budget=30)
    assert report.run.steps == 24
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert torch.equal(random, torch.cuda.get_rng_state())
    assert not optimizer.state


def synchronisations(folder: Path, *command: str | Path) -> int:
    """How often a run of the loop waits for the device, as torch itself counts it."""
    count = "import warnings\nwarnings.simplefilter('always')\ntorch.cuda.set_sync_debug_mode('warn')"
    path = script(folder, before=count, after="torch.cuda.set_sync_debug_mode('default')\nprint('trained')")
    done = python(*command, path, cwd=folder, timeout=300)
    assert "trained" in done.stdout + done.stderr
    return (done.stdout + done.stderr).count("called a synchronizing CUDA operation")


def test_watching_waits_for_the_device_no_more_than_twice_a_step(tmp_path: Path) -> None:
    """A read of the loss and one of the norms (docs/gpu.md), and the statistics of the first steps."""
    plain = synchronisations(tmp_path, "-u")
    watched = synchronisations(tmp_path, "-u", "-m", "sgd_doctor", "diagnose", "--no-probes", "--no-report")
    assert plain < STEPS
    assert watched - plain <= 2 * STEPS + 60
