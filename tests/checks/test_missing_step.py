"""missing-step: named where no update reaches the weights, silent where gradients are wanted for themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "missing-step"
BY_HAND = (
    DATA
    + """
w1, w2 = (0.3 * torch.randn(10, 16)).requires_grad_(), (0.3 * torch.randn(16, 2)).requires_grad_()
for step in range(120):
    i = batch(step)
    F.cross_entropy(torch.relu(X[i] @ w1) @ w2, two[i]).backward()  # here
    {update}
"""
)
IN_PLACE = "with torch.no_grad():\n        for w in (w1, w2):\n            w -= 0.1 * w.grad\n            w.grad = None"
IN_VAIN = "for w in (w1, w2):\n        w = w - 0.1 * w.grad\n    w1.grad = w2.grad = None"


def test_update_by_hand_of_another_tensor_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, BY_HAND.format(update=IN_VAIN), NAME)
    assert "w -= lr * w.grad" in found.fix.text


SALIENCY = (
    DATA
    + """
model = nn.Linear(10, 2)
for step in range(60):
    x = X[batch(step)].clone().requires_grad_()
    F.cross_entropy(model(x), two[batch(step)]).backward()
    x.grad.abs()
"""
)
HEALTHY = {
    "gradients of inputs": SALIENCY,
    "update in place": BY_HAND.format(update=IN_PLACE),
    "a few gradients": BY_HAND.replace("range(120)", "range(5)").format(update="print(w1.grad.norm())"),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_gradients_for_themselves_are_left_in_peace(tmp_path: Path, case: str) -> None:
    silent(tmp_path, HEALTHY[case], NAME)
