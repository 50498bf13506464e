"""nan-in-data: missing values are named, in inputs and in targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "nan-in-data"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_missing_value_in_the_inputs_is_named(tmp_path: Path) -> None:
    script = MODEL.format(data="X[170, 3] = float('nan')") + LOSS.format(mark="  # here")
    found = fault(tmp_path, DATA + script, NAME)
    assert "divergence" in found.explains
    assert found.proof is not None
    assert found.proof.treated is not None


def test_missing_value_in_the_targets_is_named(tmp_path: Path) -> None:
    script = """
    y = X[:, :1].clone()
    y[300] = float("inf")
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    """
    loop = LOOP.format(loss="F.mse_loss(model(X[i]), y[i])  # here")
    fault(tmp_path, DATA + "\n".join(line.strip() for line in script.splitlines()) + loop, NAME)


HEALTHY = {
    "repaired": MODEL.format(data="X[170, 3] = float('nan')\nX = torch.nan_to_num(X)") + LOSS.format(mark=""),
    "divergence": MODEL.format(data="X = X * 1e8").replace("lr=0.1", "lr=100.0") + LOSS.format(mark=""),
    "mask of -inf in attention": """
    attention = nn.MultiheadAttention(10, 1, batch_first=True)
    model = nn.Linear(10, 3)
    optimizer = torch.optim.SGD([*attention.parameters(), *model.parameters()], lr=0.1)
    mask = torch.triu(torch.full((4, 4), float("-inf")), 1)
    """.replace("\n    ", "\n")
    + LOOP.format(loss="F.cross_entropy(model(attention(h, h, h, attn_mask=mask)[0]).flatten(0, 1), three[i])").replace(
        "    loss =", "    h = X[i].reshape(8, 4, 10)\n    loss ="
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
