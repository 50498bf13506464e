"""no-learning: a run that stands still is never called healthy; hard tasks, games and rewards are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Confidence, Severity
from tests.checks.cases import DATA, LOOP, diagnosed, fault, silent

NAME = "no-learning"

MODEL = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def begin(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
"""
AGAIN = """
for step in range(120):
    i = batch(step)
    model.apply(begin)
    loss = F.cross_entropy(model(X[i]), three[i])  # here
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_loop_that_cannot_fit_one_batch_is_a_warning(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + MODEL + AGAIN, NAME, steps=120, severity=Severity.WARNING)
    assert found.confidence is Confidence.LIKELY
    assert any("not even one batch" in e.text for e in found.evidence)


def test_weak_signal_is_advice_and_healthy(tmp_path: Path) -> None:
    weak = "X = torch.randn(6000, 10)\ny = 0.2 * X[:, :1] + torch.randn(6000, 1)\nloss_fn = nn.MSELoss()"
    loop = LOOP.replace("120", "180").format(loss="loss_fn(model(X[i]), y[i])")
    report = diagnosed(tmp_path, DATA + weak + MODEL.replace("32, 3", "32, 1") + loop, steps=180)
    assert not report.problems, [(f.check, f.title) for f in report.problems]
    assert report.verdict == "healthy"


def test_loss_that_does_not_move_is_not_called_healthy(tmp_path: Path) -> None:
    still = "(model(X[i]) * 0 + model(X[i]).detach()).square().mean()"
    report = diagnosed(tmp_path, DATA + MODEL + LOOP.replace("i = batch(step)", "i = batch(0)").format(loss=still))
    assert report.verdict != "healthy"


def test_model_in_two_parts_that_learns_nothing_is_not_called_healthy(tmp_path: Path) -> None:
    parts = """
encoder, head = nn.Linear(10, 16), nn.Linear(16, 3)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.01)
X = torch.randn(4000, 10)
three = torch.randint(0, 3, (4000,))
"""
    loop = LOOP.format(loss="F.cross_entropy(head(encoder(torch.randn(32, 10)).relu()), three[i])")
    report = diagnosed(tmp_path, DATA + parts + loop)
    assert report.verdict != "healthy"


def test_run_that_ends_worse_than_it_began_is_not_called_healthy(tmp_path: Path) -> None:
    decayed = MODEL.replace("lr=0.01", "lr=0.01, weight_decay=3.0").replace("32, 3", "32, 2")
    start = "model[2].weight.data *= 8\n"
    loop = LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")
    report = diagnosed(tmp_path, DATA + decayed + start + loop)
    assert report.verdict != "healthy"
    assert "lr-too-high" not in {f.check for f in report.problems}  # a rate near 0 only does less damage


QUIET = {
    "learns": LOOP.format(loss="F.cross_entropy(model(X[i]), three[i])"),
    "takes its own outputs for targets": LOOP.format(
        loss="F.mse_loss(model(X[i]), 1 + model(X[i]).detach()) + F.mse_loss(model(X[i]), model(X[i + 1]).detach())"
    ),
    "rewards": LOOP.format(loss="(model(X[i]).log_softmax(1)[:, 0] * torch.randn(32)).mean()"),
}


@pytest.mark.parametrize("kind", QUIET)
def test_loss_that_falls_or_need_not_fall_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    report = diagnosed(tmp_path, DATA + MODEL + QUIET[kind].replace("X[i + 1]", "X[(i + 1) % 400]"), only=(NAME,))
    assert not report.findings, [(f.check, f.title) for f in report.findings]


TRIPLETS = (
    DATA
    + """
from sklearn.datasets import load_digits
images, labels = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
images = images.float() / 16


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return F.normalize(self.body(x), dim=1)


net, groups = Net(), [(labels == k).nonzero().flatten() for k in range(10)]
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)


def pick(kinds):
    return torch.stack([groups[k][torch.randint(0, 170, ())] for k in kinds.tolist()])


for step in range(150):
    kind = torch.randint(0, 10, (32,))
    anchor, near, far = (net(images[pick(k)]) for k in (kind, kind, (kind + 1 + step % 9) % 10))
    pulled, pushed = F.cosine_similarity(anchor, {pulled}), F.cosine_similarity(anchor, {pushed})
    loss = F.relu(pushed - pulled + 0.5).mean()
    optimizer.zero_grad()
    loss.backward()  # here
    optimizer.step()
"""
)


def test_outputs_that_a_loss_pulls_together_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, TRIPLETS.format(pulled="far", pushed="near"), NAME, steps=150)
    assert "same output for every sample" in found.title


def test_triplets_that_are_told_apart_are_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, TRIPLETS.format(pulled="near", pushed="far"), NAME)
