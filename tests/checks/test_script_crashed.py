"""script-crashed: torch's own exceptions are explained, at the user's line, with the numbers in them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from sgd_doctor.crashes import explain
from sgd_doctor.recording import Crash
from tests.checks.cases import DATA, fault

NAME = "script-crashed"
SCRIPT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(10, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.rnn(x[:, None]))  # here

net = Net()
optimizer = torch.optim.Adam(net.parameters())
for step in range(20):
    loss = F.cross_entropy(net(X[:32]), two[:32])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_exception_is_explained_at_the_users_line(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + SCRIPT, NAME)
    assert "got a tuple" in found.title
    assert "take the first" in found.fix.text


def modified_in_place() -> None:
    x = torch.ones(3, requires_grad=True).exp()
    x += 1
    x.sum().backward()


def stepped_between() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    out = net(torch.ones(5, 3)).sum()
    out.backward(retain_graph=True)
    optimizer.step()
    out.backward()


def scaled_twice() -> None:
    net, scaler = nn.Linear(2, 1), torch.amp.GradScaler("cpu")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler.scale(net(torch.ones(3, 2)).sum()).backward()
    scaler.step(optimizer)
    scaler.step(optimizer)


def twice() -> None:
    x = torch.ones(3, requires_grad=True).exp().sum()
    x.backward()
    x.backward()


RAISING: dict[str, tuple[Callable[[], Any], str]] = {
    "negative label": (lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, -1])), "label -1 is negative"),
    "scaler without update": (scaled_twice, "scaler.update() is missing"),
    "scaler without loss": (lambda: torch.amp.GradScaler("cpu").update(), "no loss was scaled"),
    "bytes": (lambda: nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2).byte()), "unsigned char"),
    "float labels of integers": (
        lambda: F.binary_cross_entropy_with_logits(torch.zeros(2), torch.zeros(2).long()),
        "Long",
    ),
    "channels of a norm": (lambda: nn.BatchNorm1d(5)(torch.zeros(3, 4)), "5 channels got 4"),
    "last dimension": (lambda: nn.LayerNorm(8)(torch.zeros(5, 4)), "(8) got input of shape (5, 4)"),
    "one tensor": (lambda: torch.optim.SGD(torch.zeros(2)), "single tensor"),
    "names": (lambda: torch.optim.SGD(dict(nn.Linear(2, 2).named_parameters())), "a str among"),  # type: ignore[arg-type]
    "real indices": (lambda: nn.Embedding(3, 2)(torch.zeros(2)), "not integers"),
    "empty data": (lambda: DataLoader([], shuffle=True), "empty"),
    "text": (lambda: torch.tensor(["a"]), "text"),
    "no target": (lambda: nn.MSELoss()(torch.zeros(2)), "without 'target'"),
    "no gradient yet": (lambda: nn.Linear(2, 2).weight.grad.zero_(), "gradient"),  # type: ignore[union-attr]
    "misspelt": (lambda: nn.Linear(2, 2).wieght, "has no wieght"),
    "label": (lambda: F.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 1, 2, 3])), "label 3"),
    "linear": (lambda: nn.Linear(3, 2)(torch.zeros(4, 5)), "5 features arrive"),
    "channels": (lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 8, 8, 3)), "3 channels got 8"),
    "dimensions": (lambda: nn.BatchNorm2d(3)(torch.zeros(4, 3)), "dimensions"),
    "double": (lambda: nn.Linear(3, 2)(torch.zeros(4, 3).double()), "dtypes"),
    "float labels": (lambda: F.cross_entropy(torch.zeros(4, 3), torch.zeros(4)), "dtype"),
    "binary shapes": (lambda: F.binary_cross_entropy_with_logits(torch.zeros(4, 1), torch.zeros(4)), "[4, 1]"),
    "batch sizes": (lambda: F.cross_entropy(torch.zeros(4, 3), torch.zeros(5).long()), "4 outputs meet 5"),
    "in place": (modified_in_place, "in place"),
    "step between": (stepped_between, "changed by a step"),
    "parameter in place": (lambda: torch.zeros(2, requires_grad=True).add_(1), "in place"),
    "no gradient": (lambda: torch.zeros(()).backward(), "does not depend"),
    "second backward": (twice, "used again"),
    "no scalar": (lambda: torch.zeros(3, requires_grad=True).exp().backward(), "more than one element"),
    "no parameters": (lambda: torch.optim.SGD([], lr=0.1), "no parameters"),
    "not called": (lambda: torch.optim.SGD(nn.Linear(2, 2).parameters, lr=0.1), "method"),  # type: ignore[arg-type]
    "no leaf": (lambda: torch.optim.SGD([torch.zeros(2, requires_grad=True) * 1], lr=0.1), "computation"),
    "nesterov": (lambda: torch.optim.SGD([torch.zeros(2)], lr=0.1, nesterov=True), "without momentum"),
    "one sample": (lambda: nn.BatchNorm1d(3)(torch.zeros(1, 3)), "single sample"),
    "vocabulary": (lambda: nn.Embedding(3, 2)(torch.tensor([3])), "embedding"),
    "ragged": (lambda: torch.stack([torch.zeros(2), torch.zeros(3)]), "[2] and [3]"),
    "elements": (lambda: torch.zeros(4, 3) + torch.zeros(4, 2), "3 and 2"),
    "view": (lambda: torch.zeros(4).view(3), "[3]"),
    "numpy": (lambda: torch.zeros(2, requires_grad=True).numpy(), "numpy"),
    "checkpoint": (lambda: nn.Linear(2, 2).load_state_dict({"w": torch.zeros(2)}), "Linear"),
    "features": (lambda: nn.LSTM(3, 4)(torch.zeros(5, 2, 7)), "3 features got 7"),
    "file": (lambda: open("/nowhere/data.csv"), "/nowhere/data.csv"),  # noqa: SIM115  it cannot be opened
    "module": (lambda: __import__("no_such_package"), "no_such_package"),
    "arguments": (lambda: argparse.ArgumentParser().parse_args(["--no-such-option"]), "arguments"),
}


@pytest.mark.parametrize("kind", RAISING)
def test_meaning_names_what_is_wrong(kind: str) -> None:
    call, words = RAISING[kind]
    with pytest.raises(BaseException) as raised:  # noqa: PT011  whatever torch raises, and an exit
        call()
    crash = Crash(type(raised.value).__name__, str(raised.value), -1, "", 0)
    meaning, advice = explain(crash)
    assert words in meaning, (str(raised.value), meaning)
    assert advice
