"""shared-module: a multiplied list is advice, sharing that is meant is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, silent

NAME = "shared-module"
MODEL = """
block = nn.Sequential(nn.Linear(16, 16), nn.ReLU())
model = nn.Sequential(nn.Linear(10, 16), *{blocks}, nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
TRAIN = LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


def test_multiplied_list_is_advice(tmp_path: Path) -> None:
    found = advised(tmp_path, DATA + MODEL.format(blocks="[block] * 3") + TRAIN, NAME, steps=40)
    assert found.location is not None
    assert "block = " in found.location.code


HEALTHY = {
    "comprehension": MODEL.format(blocks="[nn.Linear(16, 16) for _ in range(3)]"),
    "one activation": MODEL.format(blocks="[nn.Tanh()] * 2"),
    "called twice (H32)": """
class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.again, self.head = nn.Linear(10, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.again(self.again(self.first(x).relu()).relu()))

model = Twice()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
""",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind] + TRAIN, NAME)
