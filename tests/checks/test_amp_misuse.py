"""amp-misuse: scalers that are bypassed or that skip everything are named, a scaler used as meant is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Severity
from tests.checks.cases import DATA, diagnosed, fault, silent

NAME = "amp-misuse"

LOOP = """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale={init})
for step in range(120):
    i = batch(step)
    with torch.autocast("cpu", dtype=torch.{dtype}):
        loss = F.cross_entropy(model(X[i]), three[i])
    optimizer.zero_grad()
    {rest}
"""
PAST = """scaler.scale(loss).backward()
    optimizer.step()  # here"""
EARLY = """scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
    scaler.step(optimizer)
    scaler.update()"""
MEANT = """scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()"""
KINDS = {
    "past the scaler": (PAST, "65536.0"),
    "clipped before unscale_": (EARLY, "65536.0"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_misuse_is_named(tmp_path: Path, kind: str) -> None:
    rest, init = KINDS[kind]
    script = LOOP.format(init=init, dtype="float16", rest=rest)
    fault(tmp_path, DATA + script, NAME)


def test_scaled_gradients_that_adam_forgives_are_advice(tmp_path: Path) -> None:
    script = LOOP.format(init="1024.0", dtype="bfloat16", rest=PAST)
    script = script.replace("SGD(model.parameters(), lr=0.1, momentum=0.9)", "Adam(model.parameters(), lr=0.01)")
    found = [f for f in diagnosed(tmp_path, DATA + script).findings if f.check == NAME]
    assert [f.severity for f in found] == [Severity.ADVICE]


HEALTHY = {
    "as meant": LOOP.format(init="65536.0", dtype="float16", rest=MEANT),
    "first steps skipped": LOOP.format(init="2.0 ** 24", dtype="float16", rest=MEANT),
    "bfloat16 without a scaler": LOOP.format(
        init="1.0", dtype="bfloat16", rest="loss.backward()\n    optimizer.step()"
    ),
    "float16 that loses nothing": LOOP.format(
        init="1.0", dtype="float16", rest="loss.backward()\n    optimizer.step()"
    ),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=80)
