"""nondifferentiable-op: named on the way to the loss, silent in metrics, masks and straight-through estimators."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, LOOP, advised, fault, silent

NAME = "nondifferentiable-op"
MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
"""
STEP = """
for step in range(120):
    i = batch(step)
    {lines}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
BROKEN = {
    "argmax": "p = model(X[i]).argmax(1).float()  # here\n    loss = F.mse_loss(p.requires_grad_(), two[i].float())",
    "threshold": "p = (model(X[i])[:, 0] > 0).float()  # here\n"
    "    loss = F.mse_loss(p.requires_grad_(), two[i].float())",
    "cast": "p = model(X[i])[:, 0].long().float()  # here\n    loss = F.mse_loss(p.requires_grad_(), two[i].float())",
    "round": "p = model(X[i])[:, 0].sigmoid().round()  # here\n    loss = F.mse_loss(p, two[i].float())",
    "sign": "p = model(X[i])[:, 0].sign()  # here\n    loss = F.mse_loss(p, 2.0 * two[i] - 1)",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_step_function_before_the_loss_is_named(tmp_path: Path, kind: str) -> None:
    fault(tmp_path, DATA + MODEL + STEP.format(lines=BROKEN[kind]), NAME)


def test_one_useless_term_of_several_is_advice(tmp_path: Path) -> None:
    lines = """out = model(X[i])
    extra = F.mse_loss(out.argmax(1).float(), two[i].float())
    loss = F.cross_entropy(out, two[i]) + 0.1 * extra"""
    advised(tmp_path, DATA + MODEL + STEP.format(lines=lines), NAME)


HEALTHY = {
    "repaired": DATA + MODEL + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])"),
    "metrics (H17)": DATA
    + MODEL
    + STEP.format(
        lines="""out = model(X[i])
    right = (out.argmax(1) == two[i]).float().mean()
    loss = F.cross_entropy(out, two[i])"""
    ),
    "mask": DATA
    + MODEL
    + STEP.format(
        lines="""out = model(X[i])
    sure = (out.softmax(1).max(1).values < 0.99).float()
    loss = (F.cross_entropy(out, two[i], reduction="none") * sure).mean()"""
    ),
    "straight-through (H41)": DATA
    + MODEL
    + STEP.format(
        lines="""soft = model(X[i])[:, 0].sigmoid()
    loss = F.mse_loss(soft + (soft.round() - soft).detach(), two[i].float())"""
    ),
    "rounded targets": DATA + MODEL + LOOP.format(loss="F.mse_loss(model(X[i]), X[i, :2].round())"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, HEALTHY[kind], NAME)
