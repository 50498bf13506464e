"""Edited scripts are run: the loss that did not fall now falls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sgd_doctor.findings import Edit
from sgd_doctor.fix import edit_source

HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
torch.set_num_threads(1)
"""

# A script, the edits with their lines as text, and the error (printed last) below which it has learnt.
SCRIPTS: dict[str, tuple[str, list[tuple[str, dict[str, object]]], float]] = {
    "lr, momentum and zero_grad": (
        """
        LR = 50.0
        X = torch.randn(64, 3)
        y = X @ torch.ones(3, 1)
        model = nn.Linear(3, 1)
        opt = torch.optim.SGD(model.parameters(), lr=LR)
        for step in range(100):
            loss = F.mse_loss(model(X), y)
            loss.backward()
            opt.step()
        print(float(loss))
        """,
        [
            ("set-optimizer-arg", {"line": "SGD", "arg": "lr", "value": 0.05}),
            ("set-optimizer-arg", {"line": "SGD", "arg": "momentum", "value": 0.5}),
            ("insert-zero-grad", {"backward_line": "backward", "step_line": "opt.step"}),
        ],
        0.01,
    ),
    "softmax before cross-entropy": (
        """
        X = torch.randn(256, 4)
        y = X.argmax(1)
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(4, 4)
                self.softmax = nn.Softmax(dim=1)

            def forward(self, x):
                x = self.fc(x)
                return self.softmax(x)
        net = Net()
        opt = torch.optim.SGD(net.parameters(), 1.0)
        for step in range(200):
            opt.zero_grad()
            loss = F.cross_entropy(net(X), y)
            loss.backward()
            opt.step()
        print(float(loss))
        """,
        [("drop-activation", {"line": "return self.softmax", "name": "softmax"})],
        0.3,
    ),
    "target of another shape": (
        """
        X = torch.randn(64, 3)
        y = X.sum(1)
        model = nn.Linear(3, 1)
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(100):
            opt.zero_grad()
            loss = ((model(X) - y) ** 2).mean()
            loss.backward()
            opt.step()
        print(float(F.mse_loss(model(X).squeeze(1), y)))
        """,
        [("reshape-target", {"line": "loss =", "how": "unsqueeze", "side": "right"})],
        0.01,
    ),
    "features of different scales": (
        """
        from torch.utils.data import DataLoader, TensorDataset

        X = torch.rand(128, 3) * torch.tensor([1.0, 100.0, 1.0])
        y = X[:, :1] * 3 + X[:, 1:2] / 100
        model = nn.Sequential(nn.Linear(3, 1))
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(60):
            for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32):
                opt.zero_grad()
                loss = F.mse_loss(model(xb), yb)
                loss.backward()
                opt.step()
        print(float(loss))
        """,
        [("standardise-inputs", {"forward_line": "loss ="})],
        0.01,
    ),
    "nothing but the forward pass": (
        """
        X = torch.randn(64, 3)
        y = X.sum(1, keepdim=True)
        model = nn.Linear(3, 1)
        opt = torch.optim.Adam(model.parameters(), lr=0.1)
        for step in range(200):
            loss = F.mse_loss(model(X), y)
        print(float(loss))
        """,
        [("insert-backward", {"loss_line": "loss =", "optimizer_line": "Adam"})],
        0.01,
    ),
    "optimizer of the old head, layers in a list": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(3, 3)
                self.layers = [nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)]

            def forward(self, x):
                for layer in self.layers:
                    x = layer(x)
                return x
        X = torch.randn(64, 3)
        y = X.sum(1, keepdim=True)
        model = Net()
        opt = torch.optim.Adam(model.parameters(), lr=0.03)
        model.layers[2] = nn.Linear(8, 1)
        for step in range(300):
            loss = F.mse_loss(model(X), y)
            loss.backward()
            opt.zero_grad()
            opt.step()
        print(float(loss))
        """,
        [
            ("wrap-modulelist", {"line": "self.layers = "}),
            ("move-optimizer-after", {"optimizer_line": "Adam", "after_line": "model.layers[2]"}),
            ("move-zero-grad", {"zero_line": "zero_grad", "backward_line": "backward"}),
        ],
        0.02,
    ),
}


def last_number(path: Path) -> float:
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


@pytest.mark.long
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_edited_script_learns(name: str, tmp_path: Path) -> None:
    body, wanted, limit = SCRIPTS[name]
    source = HEAD + dedent(body)
    lines = source.splitlines()

    def line_of(text: object) -> int:
        return next(number for number, line in enumerate(lines, 1) if str(text) in line)

    edits = [
        Edit(kind, {key: line_of(value) if key.endswith("line") else value for key, value in args.items()})
        for kind, args in wanted
    ]
    edited = edit_source(source, edits)
    assert edited is not None
    broken, mended = tmp_path / "broken.py", tmp_path / "mended.py"
    broken.write_text(source)
    mended.write_text(edited)
    assert not last_number(broken) < limit
    assert last_number(mended) < limit
