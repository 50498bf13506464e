"""missing-zero-grad: named in loops with and without an optimizer, silent where gradients add up on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "missing-zero-grad"
BY_HAND = (
    DATA
    + """
w1, w2 = (0.3 * torch.randn(10, 16)).requires_grad_(), (0.3 * torch.randn(16, 2)).requires_grad_()
for step in range(120):
    for part in range({parts}):
        i = batch(step + part)
        F.cross_entropy(torch.relu(X[i] @ w1) @ w2, two[i]).backward()  # here
    with torch.no_grad():
        for w in (w1, w2):
            w -= 0.1 * w.grad
    {after}
"""
)


def test_update_by_hand_that_keeps_its_gradients_is_named(tmp_path: Path) -> None:
    found = fault(tmp_path, BY_HAND.format(parts=1, after=""), NAME)
    assert "w.grad = None" in found.fix.text
    assert found.proof is not None
    assert found.proof.treated is not None
    assert found.proof.treated < (found.proof.baseline or 0)


HEALTHY = {
    "set to None": (1, "w1.grad = w2.grad = None"),
    "zeroed in place": (1, "w1.grad.zero_(); w2.grad.zero_()"),
    "accumulated": (4, "w1.grad = w2.grad = None"),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_cleared_gradients_are_left_in_peace(tmp_path: Path, case: str) -> None:
    parts, after = HEALTHY[case]
    silent(tmp_path, BY_HAND.format(parts=parts, after=after), NAME)


EACH_EPOCH = (
    DATA
    + """
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
for epoch in range(8):
    optimizer.zero_grad()
    for part in range(25):
        loss = F.cross_entropy(net(X[batch(part, 16)]), two[batch(part, 16)])
        loss.backward()  # here
        optimizer.step()
"""
)


def test_zeroing_once_an_epoch_is_named_also_where_units_die_of_it(tmp_path: Path) -> None:
    assert "only every 25 steps" in fault(tmp_path, EACH_EPOCH, NAME, steps=200).title
