"""Edits that no treated run stands beside: crashes, and findings that need no experiment."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sgd_doctor import diagnose
from sgd_doctor.crash_edits import crash_edits
from sgd_doctor.findings import Edit
from sgd_doctor.recording import Crash

TORCH_SAYS = [
    (
        "Target 3 is out of bounds.",
        {"y": "Tensor(32,) torch.int64 in [1, 3]", "out": "Tensor(32, 3) torch.float32 in [-1, 1]"},
        Edit("change-operand", {"line": 7, "function": "loss", "operand": "target", "how": "{} - 1"}),
    ),
    ("Target 3 is out of bounds.", {"y": "Tensor(32,) torch.int64 in [0, 3]"}, None),
    (
        "mat1 and mat2 shapes cannot be multiplied (50x144 and 256x60)",
        {"x": "Tensor(50, 144) torch.float32"},
        Edit("set-in-features", {"size": 256, "out": 60, "value": 144}),
    ),
    (
        "mat1 and mat2 shapes cannot be multiplied (896x28 and 784x10)",
        {"x": "Tensor(32, 1, 28, 28) torch.float32 in [0, 1]"},
        Edit("change-operand", {"line": 7, "function": "module", "operand": 0, "how": "{}.flatten(1)"}),
    ),
    (
        "Given groups=1, weight of size [8, 3, 3, 3], expected input[30, 12, 12, 3] to have 3 channels, "
        "but got 12 channels instead",
        {},
        Edit("change-operand", {"line": 7, "function": "module", "operand": 0, "how": "{}.permute(0, 3, 1, 2)"}),
    ),
    (
        "Given groups=1, weight of size [8, 1, 3, 3], expected input[1, 64, 28, 28] to have 1 channels, "
        "but got 64 channels instead",
        {},
        Edit("change-operand", {"line": 7, "function": "module", "operand": 0, "how": "{}.unsqueeze(1)"}),
    ),
    (
        "Given groups=1, weight of size [8, 3, 3, 3], expected input[30, 5, 12, 12] to have 3 channels, "
        "but got 5 channels instead",
        {},
        None,
    ),
    (
        "expected target dtype to be Long or Byte, but got Float",
        {},
        Edit("change-operand", {"line": 7, "function": "loss", "operand": "target", "how": "{}.long()"}),
    ),
    (
        "Found dtype Long but expected Float",
        {},
        Edit("change-operand", {"line": 7, "function": "loss", "operand": "target", "how": "{}.float()"}),
    ),
    (
        "mat1 and mat2 must have the same dtype, but got Double and Float",
        {"X": "Tensor(442, 10) torch.float64 in [-3, 3]", "y": "Tensor(442,) torch.float64 in [0, 1]"},
        Edit("cast-data", {"names": ["X", "y"]}),
    ),
    (
        "Target size (torch.Size([32])) must be the same as input size (torch.Size([32, 1]))",
        {},
        Edit("change-operand", {"line": 7, "function": "loss", "operand": "target", "how": "{}.unsqueeze(1)"}),
    ),
    ("Target size (torch.Size([32])) must be the same as input size (torch.Size([30, 1]))", {}, None),
    ("No such file or directory: 'a.csv'", {}, None),
]


@pytest.mark.parametrize(("message", "tensors", "expected"), TORCH_SAYS)
def test_what_an_exception_says(message: str, tensors: dict[str, str], expected: Edit | None) -> None:
    found = crash_edits(Crash("RuntimeError", message, 0, "", 0, tensors), 7)
    assert found == ((expected,) if expected is not None else ())


SCRIPT = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 4)
    y = (x @ torch.tensor([1.0, -2.0, 0.5, 1.0]) > 0).{dtype}()
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    opt = torch.optim.Adam(net.parameters(), lr=0.02)
    for step in range(120):
        rows = torch.randint(0, 400, (32,))
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


def written(folder: Path, text: str) -> str:
    path = folder / "train.py"
    path.write_text(dedent(text))
    return str(path)


def test_a_crash_is_mended_where_the_edited_script_learns(tmp_path: Path) -> None:
    report = diagnose(written(tmp_path, SCRIPT.format(dtype="float")))
    fix = report.problems[0].fix
    assert report.problems[0].check == "script-crashed"
    assert fix.verified
    assert fix.diff is not None
    assert "+    loss = nn.functional.cross_entropy(net(x[rows]), y[rows].long())" in fix.diff


def test_an_edit_that_does_not_get_past_the_crash_is_not_offered(tmp_path: Path) -> None:
    text = SCRIPT.format(dtype="float").replace("nn.Linear(16, 2)", "nn.Linear(16, 1)")
    fix = diagnose(written(tmp_path, text)).problems[0].fix
    assert fix.diff is None
