"""wrong-model-copy: a state kept by reference is advice, a copied one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, advised, diagnosed, fault, silent

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


OVERFITTING = """
model = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
kept, low = None, 1e9
for epoch in range(120):
    loss = F.cross_entropy(model(X[:60]), hard[:60])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        unseen = F.cross_entropy(model(X[200:]), hard[200:]).item()
    if unseen < low:
        low, kept = unseen, {k: v.COPY() for k, v in model.state_dict().items()}  # here
model.load_state_dict(kept)
"""


def test_living_weights_that_got_worse_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + OVERFITTING.replace("COPY", "detach().cpu"), NAME, steps=150)


COPY = "copy.deepcopy(model.state_dict())"
HEALTHY = {
    "repaired": KEPT.format(kept=COPY),
    "cloned": KEPT.format(kept="{k: v.clone() for k, v in model.state_dict().items()}"),
    "cloned in time": OVERFITTING.replace("COPY", "clone"),
    "loaded at once": KEPT.format(kept=COPY) + "model.load_state_dict(model.state_dict())",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=50)


def test_overfitting_is_advice_where_the_best_weights_are_loaded_back(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + OVERFITTING.replace("COPY", "clone"), 150)
    assert "overfitting" not in [f.check for f in report.problems]
