"""Random small loops, sound and with one fault: no crash, no false cause confirmed, sound ones stay healthy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sgd_doctor import diagnose
from sgd_doctor.findings import Confidence

STEPS = 150
LEARNED = 0.6
"""A sound loop has to bring the loss below this share of its start, or nothing is claimed about it."""

FAULTS: dict[str, set[str]] = {
    "none": set(),
    "lr × 1000": {"lr-too-high", "dead-relu"},
    "no zero_grad": {"missing-zero-grad"},
    "no backward": {"missing-backward"},
    "no step": {"missing-step"},
    "raw inputs": {"unnormalized-inputs", "lr-too-high", "exploding-gradient"},
    "detached": {"graph-detached"},
    "other tensors": {"stale-optimizer"},
}
"""What may stand first among the confirmed problems."""


@dataclass(frozen=True)
class Loop:
    """One training loop."""

    fault: str
    classes: int
    width: int
    depth: int
    act: type[nn.Module]
    norm: bool
    adam: bool
    momentum: float
    scale: float
    batch: int
    seed: int

    def data(self) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(self.seed)
        x = torch.randn(256, 6, generator=random)
        score = x @ torch.randn(6, max(self.classes, 1), generator=random)
        if self.classes:
            return self.scale * x, score.argmax(1)
        return self.scale * x, score / score.std()

    def build(self) -> nn.Module:
        layers: list[nn.Module] = [nn.Linear(6, self.width), self.act()]
        for _ in range(self.depth - 1):
            layers += [nn.Linear(self.width, self.width), self.act()]
            layers += [nn.BatchNorm1d(self.width)] if self.norm else []
        return nn.Sequential(*layers, nn.Linear(self.width, self.classes or 1))

    def train(self) -> float:
        """Run it; the last loss over the first."""
        torch.manual_seed(self.seed)
        x, y = self.data()
        if self.fault == "raw inputs":
            x = x * torch.tensor([1.0, 3000.0, 1.0, 20.0, 800.0, 1.0]) + 100
        model = self.build()
        lr = (0.003 if self.adam else 0.05 * (1 - self.momentum)) * (1000 if "lr" in self.fault else 1)
        kind = torch.optim.Adam if self.adam else torch.optim.SGD
        more = {} if self.adam else {"momentum": self.momentum}
        optimizer = kind(model.parameters(), lr=lr, **more)
        if self.fault == "other tensors":
            model = self.build()
        criterion = nn.CrossEntropyLoss() if self.classes else nn.MSELoss()
        losses = []
        for _ in range(STEPS):
            rows = torch.randint(0, 256, (self.batch,))
            out = model(x[rows])
            loss = criterion(out.detach().requires_grad_() if self.fault == "detached" else out, y[rows])
            if self.fault != "no zero_grad":
                optimizer.zero_grad()
            if self.fault != "no backward":
                loss.backward()
            if self.fault != "no step":
                optimizer.step()
            losses.append(loss.item())
        return sum(losses[-20:]) / max(sum(losses[:20]), 1e-9)


loops = st.builds(
    Loop,
    fault=st.sampled_from(sorted(FAULTS)),
    classes=st.sampled_from([0, 2, 4]),
    width=st.sampled_from([8, 32]),
    depth=st.integers(1, 2),
    act=st.sampled_from([nn.ReLU, nn.Tanh, nn.GELU]),
    norm=st.booleans(),
    adam=st.booleans(),
    momentum=st.sampled_from([0.0, 0.9]),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
    batch=st.sampled_from([16, 64]),
    seed=st.integers(0, 10_000),
)


def holds(loop: Loop) -> None:
    """The claims of this file for one loop."""

    def train() -> None:
        loop.train()

    report = diagnose(train, budget=40)
    assert not [n for n in report.notes if "failed" in n], report.notes
    confirmed = [f for f in report.problems if f.confidence is Confidence.CONFIRMED]
    if loop.fault == "none":
        learned = loop.train()
        if math.isfinite(learned) and learned < LEARNED:
            assert not report.problems, (loop, report)
    elif confirmed:
        assert confirmed[0].check in FAULTS[loop.fault], (loop, report)


def claims(examples: int) -> Callable[[Callable[[Loop], None]], Callable[[], None]]:
    """Hypothesis with so many examples, the same in every run."""

    def decorate(test: Callable[[Loop], None]) -> Callable[[], None]:
        return settings(  # type: ignore[no-any-return]
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(given(loops)(test))

    return decorate


@claims(4)
def test_a_few_random_loops(loop: Loop) -> None:
    holds(loop)


@pytest.mark.long
@pytest.mark.timeout(1200)
@claims(60)
def test_many_random_loops(loop: Loop) -> None:
    holds(loop)
