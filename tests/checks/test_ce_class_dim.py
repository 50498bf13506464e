"""ce-class-dim: named where time stands in the place of the classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "ce-class-dim"
SCRIPT = """
S = torch.randint(0, 6, (300, {length}))
L = (S + 1) % 6
model = nn.Sequential(nn.Embedding(6, 16), nn.Linear(16, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(120):
    i = torch.arange(step * 32, step * 32 + 32) % 300
    loss = F.cross_entropy({logits}, {target})  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
BROKEN = {"view": (8, "model(S[i]).view(32, 6, 8)"), "as many positions as classes": (6, "model(S[i])")}


@pytest.mark.parametrize("kind", BROKEN)
def test_classes_in_the_wrong_place_are_named(tmp_path: Path, kind: str) -> None:
    length, logits = BROKEN[kind]
    found = fault(tmp_path, DATA + SCRIPT.format(length=length, logits=logits, target="L[i]"), NAME)
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.baseline is None or found.proof.treated < found.proof.baseline


HEALTHY = {
    "repaired": SCRIPT.format(length=8, logits="model(S[i]).transpose(1, 2)", target="L[i]"),
    "repaired, as many positions as classes": SCRIPT.format(
        length=6, logits="model(S[i]).transpose(1, 2)", target="L[i]"
    ),
    "flattened": SCRIPT.format(length=8, logits="model(S[i]).view(-1, 6)", target="L[i].view(-1)"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
