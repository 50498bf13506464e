"""class-weights-wrong: named where frequent classes weigh more, silent for the inverse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "class-weights-wrong"
MODEL = """
rare = torch.bucketize(X[:, :3].sum(1), torch.tensor([1.0, 2.6]))
counts = torch.bincount(rare).float()
few = (rare == 2).float()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {out}))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
"""
WEIGHTED = "F.cross_entropy(model(X[i]), rare[i], weight={weight}){mark}"
BINARY = "F.binary_cross_entropy_with_logits(model(X[i]).squeeze(1), few[i], pos_weight=torch.tensor({weight})){mark}"


def test_weights_that_rise_with_the_frequency_are_named(tmp_path: Path) -> None:
    loss = WEIGHTED.format(weight="counts / counts.mean()", mark="  # here")
    found = fault(tmp_path, DATA + MODEL.format(out=3) + LOOP.format(loss=loss), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


def test_weight_of_rare_positives_below_one_is_named(tmp_path: Path) -> None:
    loss = BINARY.format(weight="0.05", mark="  # here")
    fault(tmp_path, DATA + MODEL.format(out=1) + LOOP.format(loss=loss), NAME)


HEALTHY = {
    "repaired": MODEL.format(out=3) + LOOP.format(loss=WEIGHTED.format(weight="counts.sum() / (3 * counts)", mark="")),
    "no weights": MODEL.format(out=3) + LOOP.format(loss="F.cross_entropy(model(X[i]), rare[i])"),
    "equal weights": MODEL.format(out=3) + LOOP.format(loss=WEIGHTED.format(weight="torch.ones(3)", mark="")),
    "a class left out": MODEL.format(out=3)
    + LOOP.format(loss=WEIGHTED.format(weight="torch.tensor([1.0, 1.0, 0.0])", mark="")),
    "rare positives weigh more": MODEL.format(out=1) + LOOP.format(loss=BINARY.format(weight="18.0", mark="")),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
