"""wrong-model-copy: a state kept by reference is advice, a copied one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, advised, silent

NAME = "wrong-model-copy"
KEPT = """
import copy

model = nn.Linear(10, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best, low = None, 1e9
for step in range(40):
    i = batch(step)
    loss = F.cross_entropy(model(X[i]), three[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step < 20 and loss.item() < low:
        low = loss.item()
        best = {kept}
model.load_state_dict(best)
"""


def test_state_kept_by_reference_is_advice(tmp_path: Path) -> None:
    advised(tmp_path, DATA + KEPT.format(kept="model.state_dict()"), NAME)


COPY = "copy.deepcopy(model.state_dict())"
HEALTHY = {
    "repaired": KEPT.format(kept=COPY),
    "cloned": KEPT.format(kept="{k: v.clone() for k, v in model.state_dict().items()}"),
    "loaded at once": KEPT.format(kept=COPY) + "model.load_state_dict(model.state_dict())",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=50)
