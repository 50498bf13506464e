"""label-encoding: a single label is named, contrastive zeros are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "label-encoding"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_labels_that_are_all_zero_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(data="three = (three / 9).long()") + LOSS.format(mark="  # here"), NAME)


def test_few_labels_for_many_outputs_are_advice(tmp_path: Path) -> None:
    script = MODEL.format(data="").replace("Linear(32, 3)", "Linear(32, 20)") + LOSS.format(mark="")
    advised(tmp_path, DATA + script, NAME)


def test_labels_that_were_scaled_and_cast_are_named(tmp_path: Path) -> None:
    script = MODEL.format(data="").replace("Linear(32, 3)", "Linear(32, 5)") + LOSS.format(mark="  # here")
    cast = "three = (torch.bucketize(X[:, 0], torch.tensor([-1.0, -0.3, 0.3, 1.0])) / 4).long()\n"
    fault(tmp_path, DATA + cast + script, NAME)


HEALTHY = {
    "repaired": MODEL.format(data="") + LOSS.format(mark=""),
    "InfoNCE, the positive stands first": """
net = nn.Linear(10, 8)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(60):
    i = batch(step)
    a, b = F.normalize(net(X[i]), dim=1), F.normalize(net(X[i] + 0.1 * torch.randn(32, 10)), dim=1)
    c = F.normalize(net(X[torch.randint(0, 400, (64,))]), dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), a @ c.T], dim=1) / 0.2
    loss = F.cross_entropy(logits, torch.zeros(32, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME)
