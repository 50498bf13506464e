"""Two faults in one loop: both are named, neither hides the other, and the edits together mend the script."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sgd_doctor.options import Options
from sgd_doctor.run.launch import Target
from tests.helpers import write
from tests.warm import diagnose

HEAD = """
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(300, 6)
y = torch.bucketize(X[:, 0] - X[:, 1], torch.tensor([-0.7, 0.7]))
scale = torch.tensor([1.0, 900.0, 40.0, 0.1, 2000.0, 7.0])
"""

PIXELS = """
from sklearn.datasets import load_digits

data = load_digits()
X = torch.tensor(data.data / 16 * 255, dtype=torch.float32)
y = torch.tensor(data.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr={lr}, momentum=0.9)
for step in range(400):
    i = torch.randint(0, len(X), (64,))
    loss = nn.functional.cross_entropy({loss}, y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
"""

SCRIPTS: dict[str, tuple[str, set[str]]] = {
    "softmax and raw inputs": (
        """
        X = X * scale
        net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
        opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for step in range(250):
            i = torch.randint(0, 300, (40,))
            loss = nn.functional.cross_entropy(net(X[i]).softmax(1), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        """,
        {"softmax-before-ce", "unnormalized-inputs"},
    ),
    "an optimizer of other tensors, with a wild lr": (
        """
        def build():
            return nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))

        net = build()
        opt = torch.optim.SGD(net.parameters(), lr=40.0, momentum=0.9)
        net = build()
        for step in range(250):
            i = torch.randint(0, 300, (40,))
            loss = nn.functional.cross_entropy(net(X[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        """,
        {"stale-optimizer", "lr-too-high"},
    ),
    "shapes that broadcast, and raw inputs": (
        """
        z = X[:, 0] - X[:, 1]
        X = X * scale + 50
        net = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 1))
        opt = torch.optim.SGD(net.parameters(), lr=0.05)
        for step in range(300):
            i = torch.randint(0, 300, (40,))
            loss = nn.functional.mse_loss(net(X[i]), z[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
        """,
        {"broadcast-target-shape", "unnormalized-inputs"},
    ),
    "softmax and pixels": (
        PIXELS.format(lr=0.1, loss="net(X[i]).softmax(1)"),
        {"softmax-before-ce", "unnormalized-inputs"},
    ),
    "pixels and a rate that is too high for anything": (
        PIXELS.format(lr=3.0, loss="net(X[i])"),
        {"unnormalized-inputs", "lr-too-high"},
    ),
}
QUICK = "softmax and raw inputs"


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] if n != QUICK else []) for n in SCRIPTS])
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_both_are_named_and_mended(tmp_path: Path, name: str) -> None:
    script, faults = SCRIPTS[name]
    path = write(tmp_path / "train.py", HEAD + dedent(script))
    outcome = diagnose(Target("script", str(path), ()), Options())
    assert {f.check for f in outcome.report.problems} == faults, outcome.report
    assert all(f.confidence.value == "confirmed" for f in outcome.report.problems)
    assert all(f.fix.verified for f in outcome.report.problems), [f.fix for f in outcome.report.problems]
    assert str(path) in outcome.patched
    mended = write(tmp_path / "mended.py", outcome.patched[str(path)])
    assert not diagnose(Target("script", str(mended), ()), Options()).report.problems


@pytest.mark.long
def test_a_rate_that_overflows_is_not_blamed_on_the_operation_that_shows_it(tmp_path: Path) -> None:
    script = """
    net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
    opt = torch.optim.SGD(net.parameters(), lr=6.0, momentum=0.9)
    for step in range(300):
        i = torch.randint(0, 300, (16,))
        loss = nn.functional.cross_entropy(net(3 * X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    """
    path = write(tmp_path / "train.py", HEAD + dedent(script))
    report = diagnose(Target("script", str(path), ()), Options()).report
    assert [f.check for f in report.problems] == ["lr-too-high"], report
