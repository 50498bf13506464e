"""``%%sgd_doctor`` in real notebooks in a real kernel."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

BEGIN = """
%load_ext sgd_doctor
import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(256, 8)
y = (X[:, 0] + X[:, 1] > 0).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
"""
TRAIN = """
%%sgd_doctor {options}
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr={lr})
for step in range({steps}):
    loss = nn.functional.cross_entropy(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("trained", step + 1)
"""
CELLS = (
    BEGIN,
    TRAIN.format(options="--steps 30 --budget 10 --select lr-too-high found", lr="1000.0", steps=40),
    "place = found.findings[0].location\n"
    "print(found.findings[0].check, place.path, place.line, found.run.replay)\n"
    "print(type(model).__name__, len([t for t in dir(torch.nn.Module) if 'doctor' in t]))",
    TRAIN.format(options="--no-probes --select script-crashed", lr="0.1", steps=5).replace(
        "model(X)", "model(X[:, :3])"
    ),
    "%%sgd_doctor --steps none\npass",
    "%%sgd_doctor --steps 0\npass",
    "%%sgd_doctor --select no-such-check\npass",
)


def execute(cells: tuple[str, ...], **more: Any) -> list[list[Any]]:
    """The outputs of each cell of a notebook, run in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text.strip()) for text in cells])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True, **more).execute()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return [list(cell.outputs) for cell in notebook.cells]


@pytest.fixture(scope="module")
def outputs() -> list[list[Any]]:
    return execute(CELLS)


def printed(outputs: list[Any]) -> str:
    return "".join(o.text for o in outputs if o.output_type == "stream")


def test_report_stands_under_the_cell(outputs: list[list[Any]]) -> None:
    assert printed(outputs[1]) == "trained 40\n", "the loop runs once, to its end"
    shown = outputs[1][-1]
    assert shown.output_type == "execute_result"
    assert "lr-too-high" in shown.data["text/html"]
    assert "lr-too-high" in shown.data["text/plain"]


def test_lines_are_those_of_the_cell(outputs: list[list[Any]]) -> None:
    assert printed(outputs[2]) == "lr-too-high In[2] 3 fork\nNet 0\n"


def test_exception_is_shown_once_and_reported(outputs: list[list[Any]]) -> None:
    assert [o.output_type for o in outputs[3]] == ["error", "execute_result"]
    assert "script-crashed" in outputs[3][1].data["text/plain"]


def test_wrong_use_is_one_line(outputs: list[list[Any]]) -> None:
    for cell, word in zip(outputs[4:], ("invalid int value", "at least 1", "no-such-check"), strict=True):
        text = "".join(o.get("text", "") + o.get("evalue", "") for o in cell)
        assert word in text, cell
        assert "Traceback" not in text


@pytest.mark.long
def test_interrupt_gives_the_report_so_far() -> None:
    """The kernel gets what the stop button of a notebook sends."""
    endless = TRAIN.format(options="--select lr-too-high,missing-zero-grad", lr="0.1", steps="10**9").replace(
        "    optimizer.zero_grad()\n", ""
    )
    tell = "import os\nprint(os.getpid())"
    pressed: list[int] = []

    def press(**done: Any) -> None:
        if done["cell_index"] == 1:
            pressed.append(int(printed(done["cell"].outputs)))
            threading.Timer(4.0, lambda: os.kill(pressed[0], signal.SIGINT)).start()

    found = execute((BEGIN, tell, endless), on_cell_executed=press)
    shown = [o.data["text/plain"] for o in found[2] if o.output_type == "execute_result"]
    assert shown, found[2]
    assert "missing-zero-grad" in shown[0]
    assert "interrupted" in shown[0]
    deadline = time.monotonic() + 5.0
    while Path(f"/proc/{pressed[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pressed[0]}").exists()
