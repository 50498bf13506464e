"""pretrained-not-loaded: named where strict=False matched nothing, silent for a new head."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "pretrained-not-loaded"
SCRIPT = """
def build(out=2):
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, out))

model, saved = build(), build(5).state_dict()
{lines}
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
""" + LOOP.format(loss="F.cross_entropy(model(X[i]), two[i])")


def test_prefix_that_does_not_fit_is_named(tmp_path: Path) -> None:
    lines = 'state = {"module." + k: v for k, v in saved.items()}\nmodel.load_state_dict(state, strict=False)  # here'
    fault(tmp_path, DATA + SCRIPT.format(lines=lines), NAME, severity=Severity.WARNING)


HEALTHY = {
    "repaired": "model.load_state_dict(build().state_dict())",
    "new head": "model.load_state_dict({k: v for k, v in saved.items() if k[0] != '4'}, strict=False)",
    "only a part": "model.load_state_dict({k: saved[k] for k in ('0.weight', '0.bias')}, strict=False)",
    "second try": 'model.load_state_dict({"m." + k: v for k, v in saved.items()}, strict=False)\n'
    "model.load_state_dict(build().state_dict(), strict=False)",
    "nothing loaded": "",
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + SCRIPT.format(lines=HEALTHY[kind]), NAME)
