"""metric-bug: comparisons of wrong shape or threshold are named, right ones are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, fault, silent

NAME = "metric-bug"
SCRIPT = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, {outputs}))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(120):
    i = batch(step)
    out = model(X[i])
    loss = {loss}
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if step % 20 == 19:
        with torch.no_grad():
            out, y = model(X[300:]), two[300:]
            accuracy = {accuracy}
            print(step, accuracy)
"""
CE = {"outputs": 2, "loss": "F.cross_entropy(out, two[i])"}
BCE = {"outputs": 1, "loss": "F.binary_cross_entropy_with_logits(out.squeeze(1), two[i].float())"}
WRONG = {
    "argmax without dim": (CE, "(out.argmax() == y).float().mean()"),
    "each with all": (BCE, "((out > 0) == y).float().mean()"),
    "logits against one half": (BCE, "((out.squeeze(1) > 0.5).float() == y).float().mean()"),
    "rounded logits": (BCE, "(torch.round(out.squeeze(1)) == y).float().mean()"),
}
RIGHT = {
    "argmax(1)": (CE, "(out.argmax(1) == y).sum().item() / len(y)"),
    "max(1)[1]": (CE, "out.max(1)[1].eq(y).float().mean()"),
    "keepdim": (CE, "out.argmax(1, keepdim=True).eq(y.view(-1, 1)).sum()"),
    "top 2": (CE, "(out.topk(2, 1)[1] == y[:, None]).any(1).float().mean()"),
    "logits against 0": (BCE, "((out.squeeze(1) > 0) == y.bool()).float().mean()"),
    "probabilities against one half": (BCE, "((torch.sigmoid(out).squeeze(1) > 0.5).long() == y).float().mean()"),
    "one-hot code": (CE, "((out.argmax(1)[:, None] == torch.arange(2)) == F.one_hot(y, 2).bool()).float().mean()"),
    "first sample": (CE, "out[0].argmax() == y[0]"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_comparison_is_named(tmp_path: Path, kind: str) -> None:
    parts, accuracy = WRONG[kind]
    script = DATA + SCRIPT.format(**parts, accuracy=accuracy + "  # here")
    fault(tmp_path, script, NAME, severity=Severity.WARNING)


ERROR = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
y = X[:, 0]
for step in range(120):
    i = batch(step)
    loss = F.mse_loss(model(X[i]).squeeze(1), y[i])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if step % 20 == 19:
        with torch.no_grad():
            print({error})
"""
ERRORS = ("((model(X[300:]) - y[300:]) ** 2).mean()", "F.l1_loss(model(X[300:]), y[300:])")


@pytest.mark.parametrize("error", ERRORS)
def test_error_of_each_with_all_is_named(tmp_path: Path, error: str) -> None:
    fault(tmp_path, DATA + ERROR.replace("print({error})", f"print({error})  # here"), NAME)


def test_error_of_equal_shapes_is_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + ERROR.format(error="F.l1_loss(model(X[300:]), y[300:, None])"), NAME)


@pytest.mark.parametrize("kind", RIGHT)
def test_right_comparison_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    parts, accuracy = RIGHT[kind]
    silent(tmp_path, DATA + SCRIPT.format(**parts, accuracy=accuracy), NAME)
