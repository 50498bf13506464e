"""step-outside-loop: a step for each epoch is named, accumulation is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "step-outside-loop"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.{optimizer}
{more}
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])")
SGD = "SGD(model.parameters(), lr=0.1, momentum=0.9)"
EPOCHS = """
for epoch in range(30):
    for step in range(10):
        i = batch(step)
        {before}
        loss = F.cross_entropy(model(X[i]), three[i]){scale}
        loss.backward()
    {after}optimizer.step()  # here
    {last}
"""


def test_step_of_the_last_batch_only_is_named(tmp_path: Path) -> None:
    loop = EPOCHS.format(before="optimizer.zero_grad()", scale="", after="", last="")
    fault(tmp_path, DATA + MODEL.format(optimizer=SGD, more="") + loop, NAME, steps=30)


EIGHTH = "    if step % 8 == 7:\n            optimizer.step()  # here"


def test_gradients_cleared_before_each_of_several_batches_are_named(tmp_path: Path) -> None:
    # Adam takes gradients of any size: only that seven of eight batches are lost makes it slower.
    epochs = EPOCHS.replace("range(10)", "range(80)").replace("{after}optimizer.step()  # here", EIGHTH)
    loop = epochs.format(before="optimizer.zero_grad()", scale=" / 8", last="")
    adam = MODEL.format(optimizer="Adam(model.parameters(), lr=0.003)", more="")
    found = fault(tmp_path, DATA + adam + loop, NAME, steps=150)
    assert found.proof is not None


STAGES = """
head = nn.Linear(32, 2)
body = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
for model, y in ((nn.Sequential(body, head), two), (nn.Sequential(body, nn.Linear(32, 3)), three)):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(8):
        for step in range(10):
            i = batch(step)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X[i]), y[i])
            loss.backward()
        optimizer.step()  # here
"""


def test_stages_that_follow_each_other_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + STAGES, NAME, steps=30)


HEALTHY = {
    "repaired": MODEL.format(optimizer=SGD, more="")
    + EPOCHS.format(before="optimizer.zero_grad()", scale="", after="    ", last=""),
    "accumulated (H01)": MODEL.format(optimizer=SGD, more="")
    + EPOCHS.format(before="", scale=" / 10", after="", last="optimizer.zero_grad()"),
    "cleared before the step, too": MODEL.format(optimizer=SGD, more="")
    + EPOCHS.format(before="", scale="", after="", last="").replace(
        "loss.backward()", "loss.backward()\n        optimizer.zero_grad()"
    ),
    "LBFGS": MODEL.format(optimizer="LBFGS(model.parameters(), lr=0.5, max_iter=10)", more="")
    + """
def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(X), three)
    loss.backward()
    return loss


for step in range(20):
    optimizer.step(closure)
""",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=30)
