"""undertrained: a script that ends amid its learning is named; one of a few steps is told so without being blamed."""

from __future__ import annotations

from pathlib import Path

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, diagnosed
from tests.odd_loops import LOOPS

NAME = "undertrained"

MODEL = """
model = nn.Linear(10, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range({steps}):
    i = batch(step)
    loss = F.cross_entropy(model(X[i]), three[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_few_steps_are_advice_only(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + MODEL.format(steps=4))
    assert not report.problems
    titles = [f.title for f in report.findings if f.check == "undertrained"]
    assert titles == ["the script makes only 4 optimizer steps"]


SLOW = """
layers = [nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3)]
model = nn.Sequential(*layers)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.95)
for epoch in range({epochs}):
    loss = F.cross_entropy(model(X), three)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_loss_that_still_falls_steeply_at_the_end_is_named(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + SLOW.format(epochs=17), only=(NAME,))
    assert [(f.check, f.severity) for f in report.problems] == [(NAME, Severity.WARNING)]


def test_loss_that_has_settled_is_left_in_peace(tmp_path: Path) -> None:
    assert not diagnosed(tmp_path, DATA + SLOW.format(epochs=150), steps=150, only=(NAME,)).findings


def test_a_short_run_that_has_learned_much_already_is_left_in_peace(tmp_path: Path) -> None:
    """40 steps of a regression, from 5.3 to 2.4 and falling, where a constant answer has 4."""
    assert not diagnosed(tmp_path, LOOPS["parametrized and weight norm"], only=(NAME,)).findings


def test_longer_script_is_left_in_peace(tmp_path: Path) -> None:
    report = diagnosed(tmp_path, DATA + MODEL.format(steps=300), steps=300)
    assert not [f for f in report.findings if f.check == "undertrained"]


def test_a_mask_over_the_outputs_is_no_target(tmp_path: Path) -> None:
    masked = SLOW.format(epochs=17).replace("model(X), three", "model(X)[few], three[few]")
    script = DATA + "few = torch.arange(400) % 2 == 0\n" + masked
    (found,) = diagnosed(tmp_path, script, only=(NAME,)).problems
    assert "a constant answer has 1.0" in found.title or "a constant answer has 1.1" in found.title, found.title
