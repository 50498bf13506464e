"""overfitting: a held-out loss that rises is named; hits that are counted by the sign of the output are no loss."""

from __future__ import annotations

from pathlib import Path

from tests.checks.cases import DATA, diagnosed, silent

NAME = "overfitting"

SCRIPT = """
torch.manual_seed(1)
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr={lr})
y = {labels}.float()
for epoch in range(30):
    for step in range(10):
        i = batch(step) % 200
        loss = F.binary_cross_entropy_with_logits(model(X[i]).squeeze(1), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        {evaluation}
"""


def test_rising_held_out_loss_is_named(tmp_path: Path) -> None:
    evaluation = "F.binary_cross_entropy_with_logits(model(X[200:]).squeeze(1), y[200:])"
    report = diagnosed(tmp_path, DATA + SCRIPT.format(lr=0.01, labels="hard", evaluation=evaluation), steps=300)
    assert NAME in [f.check for f in report.problems]


def test_hits_of_a_sure_model_are_no_rising_loss(tmp_path: Path) -> None:
    """The outputs grow without end while nearly all signs are right."""
    evaluation = "hits = ((model(X[200:]).squeeze(1) > 0) == y[200:].bool()).float().mean()"
    script = DATA.replace("torch.randn(400, 10)", "torch.randn(400, 10).sign() * 2 + 0.1 * torch.randn(400, 10)")
    silent(tmp_path, script + SCRIPT.format(lr=0.002, labels="two", evaluation=evaluation), NAME, steps=300)
