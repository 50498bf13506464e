"""The faults that ``benchmarks/injection.py`` injects: one place of the text changes, and its name is a known check."""

from __future__ import annotations

import ast
import difflib
import sys

import pytest

from sgd_doctor.loader import load_checks
from tests.helpers import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import injection_operators_data  # noqa: F401  the import enters its operators into the table
from injection_operators import OPERATORS
from injection_source import Source

sys.path.remove(str(ROOT / "benchmarks"))

SCRIPT = """import torch
from torch import nn

rate = 0.1  # tuned
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD( model.parameters(), lr=rate )
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()

        optimizer.step()   # one step
"""


def changed(name: str) -> list[str]:
    """Lines that the operator takes away and puts in."""
    source = Source(SCRIPT)
    text = source.apply(OPERATORS[name].make(source))
    ast.parse(text)
    lines = difflib.ndiff(SCRIPT.splitlines(), text.splitlines())
    return [line.rstrip() for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("drop-zero-grad", ["-         optimizer.zero_grad()"]),
        ("zero-grad-between", ["-         optimizer.zero_grad()", "+         optimizer.zero_grad()"]),
        ("step-after-loop", ["-         optimizer.step()   # one step", "+     optimizer.step()"]),
        ("lr-x30", ["- rate = 0.1  # tuned", "+ rate = 3  # tuned"]),
        ("flip-sign", ["-         loss.backward()", "+         (-loss).backward()"]),
    ],
)
def test_a_mutant_differs_from_its_script_in_the_fault_alone(name: str, lines: list[str]) -> None:
    assert changed(name) == lines


def test_an_operator_without_a_place_changes_nothing() -> None:
    assert changed("drop-batch-first") == []
    assert changed("softmax-before-loss") == []


def test_every_fault_has_the_name_of_a_check() -> None:
    known = set(load_checks()[0])
    assert {name for operator in OPERATORS.values() for name in operator.accepts} <= known
