"""train-mode-at-eval: named where the validation suffers, silent for Monte Carlo dropout."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, fault, silent

NAME = "train-mode-at-eval"
SCRIPT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop, self.b = nn.Linear(10, 64), nn.Dropout(0.8), nn.Linear(64, 2)

    def forward(self, x):
        return self.b({drop})

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    model.train()
    for step in range(12):
        i = batch(step, 25)
        loss = F.cross_entropy(model(X[i]), two[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    {mode}
    with torch.no_grad():
        {score}
        print(epoch, score.item())
"""
MODULE = "self.drop(self.a(x).relu())"
SCORE = "score = F.cross_entropy(model(X[300:]), two[300:])"


def test_missing_eval_is_named(tmp_path: Path) -> None:
    script = SCRIPT.format(drop=MODULE, mode="pass", score=SCORE + "  # here")
    found = fault(tmp_path, DATA + script, NAME, steps=120, severity=Severity.WARNING)
    assert found.proof is not None
    assert found.proof.metric == "held_out_loss"


def test_missing_eval_where_only_hits_of_single_samples_are_counted_is_named(tmp_path: Path) -> None:
    one = "torch.cat([model(x[None]).argmax(1) for x in X[300:]])  # here"
    score = f"said = {one}\n        score = (said == two[300:]).float().mean()"
    found = fault(tmp_path, DATA + SCRIPT.format(drop=MODULE, mode="pass", score=score), NAME, steps=120)
    assert found.proof is not None
    assert found.proof.metric == "held_out_error"


def test_missing_eval_on_the_same_tensor_each_epoch_is_named(tmp_path: Path) -> None:
    score = "score = F.cross_entropy(model(held), two[300:])  # here"
    script = "held = X[300:]\n" + SCRIPT.format(drop=MODULE, mode="pass", score=score)
    fault(tmp_path, DATA + script, NAME, steps=120)


def test_functional_dropout_that_is_always_on_is_named(tmp_path: Path) -> None:
    script = SCRIPT.format(drop="F.dropout(self.a(x).relu(), 0.8)", mode="model.eval()", score=SCORE)
    script = script.replace("0.8))", "0.8))  # here")
    fault(tmp_path, DATA + script, NAME, steps=120, severity=Severity.WARNING)


HEALTHY = {
    "repaired": (MODULE, "model.eval()", SCORE),
    "functional dropout with the mode": (
        "F.dropout(self.a(x).relu(), 0.8, self.training)",
        "model.eval()",
        SCORE,
    ),
    "many masks on purpose (H14)": (
        MODULE,
        "pass",
        "x = X[300:]; score = F.cross_entropy(torch.stack([model(x) for _ in range(8)]).mean(0), two[300:])",
    ),
    "nothing that has a mode": ("self.a(x).relu()", "pass", SCORE),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    drop, mode, score = HEALTHY[kind]
    script = SCRIPT.format(drop=drop, mode=mode, score=score)
    if kind.startswith("nothing"):
        script = script.replace("nn.Dropout(0.8)", "nn.Identity()")
    silent(tmp_path, DATA + script, NAME, steps=60)


def test_dropout_of_a_recurrent_layer_is_seen(tmp_path: Path) -> None:
    script = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(1, 32, num_layers=2, dropout=0.9, batch_first=True), nn.Linear(32, 2)

    def forward(self, x):
        return self.out(self.rnn(x.flip(1)[:, :, None])[0][:, -1])

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(10):
    for step in range(12):
        i = batch(step, 25)
        loss = F.cross_entropy(model(X[i]), two[i])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        print(F.cross_entropy(model(X[300:]), two[300:]).item())  # here
"""
    fault(tmp_path, DATA + script, NAME, steps=120)
