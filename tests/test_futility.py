"""A replay that cannot come near the watched run any more ends early; one that may still do so does not."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("torch")
from sgd_doctor.findings import Intervention
from sgd_doctor.futility import Rival
from sgd_doctor.lab import Lab
from sgd_doctor.run.replays import ProbeRequest
from tests.warm import watched

SCRIPT = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(512, 10)
    y = (x[:, :2].sum(1) > 0).long()
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(200):
        rows = torch.randint(0, 512, (64,))
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
"""
STEPS = 100


def scaled(factor: float) -> tuple[Intervention, ...]:
    return (Intervention("lr", f"lr × {factor}", {"factor": factor}),)


def test_replays_that_are_far_behind_end_and_all_others_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(dedent(SCRIPT))
    deadline = time.monotonic() + 60
    with watched("train.py", deadline) as (harness, seen):
        rival = Lab(seen, lambda arms, *_, **__: [None] * len(arms)).rival(STEPS)
        assert rival is not None
        arms: list[tuple[Intervention, ...]] = [(), scaled(3.0), scaled(0.001)]
        found = harness.probe([ProbeRequest(arm, STEPS, rival=rival) for arm in arms], deadline=deadline)
    ends = [(r.facts.ended, r.steps) for r in found if r is not None]
    assert ends == [("step-limit", 100), ("step-limit", 100), ("behind", 50)]


def curve(start: float, end: float, rate: float, noise: float, *, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [end + (start - end) * math.exp(-rate * step) + draw.gauss(0.0, noise) for step in range(STEPS)]


def ends_at(losses: list[float], rival: Rival) -> int:
    """Steps after which a replay with these losses ends."""
    looks = [t for t in range(1, STEPS) if rival.due(t) and rival.has_beaten(losses[:t])]
    return looks[0] if looks else STEPS


@pytest.mark.parametrize("seed", range(8))
def test_what_catches_up_goes_on(seed: int) -> None:
    falls_late = [2.0 if step < 30 else 2.0 * math.exp(-0.08 * (step - 30)) for step in range(STEPS)]
    rival = Rival(tuple(curve(1.0, 0.3, 0.03, 0.1, seed=seed)), 1.0)
    assert ends_at(falls_late, rival) == STEPS
    assert ends_at(curve(1.0, 0.35, 0.03, 0.1, seed=seed + 100), rival) == STEPS
    assert ends_at(curve(1.0, 0.9, 0.03, 0.1, seed=seed + 200), rival) < 80


def test_being_behind_a_run_that_breaks_later_means_nothing() -> None:
    breaks = [*curve(1.0, 0.1, 0.1, 0.0, seed=0)[:80], *[5.0] * 20]
    assert ends_at([0.9] * STEPS, Rival(tuple(breaks), 1.0)) == STEPS
    assert ends_at([0.9] * STEPS, Rival(tuple(curve(1.0, 0.1, 0.1, 0.0, seed=0)), 1.0)) == 50
