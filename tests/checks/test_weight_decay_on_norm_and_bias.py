"""weight-decay-on-norm-and-bias: a split that misses some is remarked on; a clean one, and none at all, are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "weight-decay-on-norm-and-bias"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 3))
small = [p for n, p in model.named_parameters() if {small}]
rest = [p for p in model.parameters() if all(p is not q for q in small)]
groups = [{{"params": rest, "weight_decay": 0.01}}, {{"params": small, "weight_decay": 0.0}}]
optimizer = torch.optim.AdamW({groups}, lr=0.01)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")


def test_norms_that_a_filter_by_name_misses_are_remarked_on(tmp_path: Path) -> None:
    model = MODEL.format(small='"bias" in n or "LayerNorm" in n', groups="groups")
    found = advised(tmp_path, DATA + model + LOSS, NAME)
    assert "1.weight" in found.title


HEALTHY = {
    "split by dimensions": MODEL.format(small="p.ndim < 2", groups="groups"),
    "one group": MODEL.format(small="p.ndim < 2", groups="model.parameters()"),
    "a head without decay": MODEL.format(small='n == "3.weight"', groups="groups"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind] + LOSS, NAME)
