"""A real notebook in a real kernel: parts, functions from cells, and a watched block."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = (
    """
import torch, os
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from IPython.display import display
from sgd_doctor import diagnose, watch

torch.manual_seed(0)
X = torch.randn(256, 8)
y = (X[:, 0] + X[:, 1] > 0).long()
loader = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
""",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=1000.0)
before = [p.detach().clone() for p in model.parameters()]
""",
    """
report = diagnose(model, loader, optimizer, nn.CrossEntropyLoss(), steps=30, budget=10, select="lr-too-high")
assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
print(report.findings[0].check, report.findings[0].location.path, report.run.replay)
report
""",
    """
def train():
    net = Net()
    fresh = torch.optim.SGD(net.parameters(), lr=1000.0)
    for epoch in range(10):
        for a, b in loader:
            fresh.zero_grad()
            nn.functional.cross_entropy(net(a), b).backward()
            fresh.step()
        print("HIDDEN", epoch)
        display("HIDDEN")

report = diagnose(train, steps=30, budget=10, select="lr-too-high")
print(report.findings[0].check, report.findings[0].location.path, report.findings[0].location.line)
""",
    """
with watch(steps=24, budget=10, select="lr-too-high") as session:
    for epoch in range(8):
        for a, b in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(a), b).backward()
            optimizer.step()
        print("SHOWN", epoch)
        display("SHOWN")
print(session.report.findings[0].check, session.report.findings[0].location.path, session.report.run.replay)
""",
    "print(os.getpid())",
)


@pytest.fixture(scope="module")
def outputs() -> list[list[Any]]:
    """The outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in CELLS])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return [list(cell.outputs) for cell in notebook.cells]


def text_of(outputs: list[Any]) -> str:
    return "".join(o.text for o in outputs if o.output_type == "stream")


def test_parts_in_a_cell(outputs: list[list[Any]]) -> None:
    assert text_of(outputs[2]) == "lr-too-high In[2] fork\n"
    shown = outputs[2][-1].data
    assert "lr-too-high" in shown["text/html"]
    assert "lr-too-high" in shown["text/plain"]


def test_function_from_a_cell(outputs: list[list[Any]]) -> None:
    assert text_of(outputs[3]) == "lr-too-high In[4] 3\n"
    assert len(outputs[3]) == 1, "something that the forks printed or displayed reached the notebook"


def test_watched_cell(outputs: list[list[Any]]) -> None:
    assert text_of(outputs[4]) == "".join(f"SHOWN {n}\n" for n in range(8)) + "lr-too-high In[2] fork\n"
    assert sum(o.output_type == "display_data" for o in outputs[4]) == 8


def test_kernel_is_gone_with_all_its_forks(outputs: list[list[Any]]) -> None:
    assert not Path(f"/proc/{int(text_of(outputs[5]))}").exists()
