"""Of most steps only the exact signals are taken, by a shorter way: what is recorded is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import msgspec

from sgd_doctor.observe.observer import Observer
from sgd_doctor.options import Options
from sgd_doctor.recording import Recording
from sgd_doctor.run.launch import Target
from tests import warm
from tests.helpers import write

HEAD = """
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(320, 6)
    y = (x[:, 0] > 0).long()
    criterion = nn.CrossEntropyLoss()
"""
CASES = {
    "evaluated, and late with stale gradients": """
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    step = 0
    for epoch in range(8):
        model.train()
        for xb, yb in DataLoader(TensorDataset(x[:256], y[:256]), batch_size=16, shuffle=True):
            if step < 90:
                opt.zero_grad()
            criterion(model(xb), yb).backward()
            opt.step()
            step += 1
        model.eval()
        with torch.no_grad():
            print(criterion(model(x[256:]), y[256:]).item())
    """,
    "a layer that breaks late": """
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.calls = nn.Linear(6, 8), nn.Linear(8, 2), 0
        def forward(self, x):
            self.calls += 1
            h = self.first(x)
            return self.second(h * float("inf") if self.calls == 77 else torch.relu(h))
    model = Late()
    opt = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(90):
        rows = torch.randint(0, 320, (32,))
        opt.zero_grad()
        loss = criterion(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
    """,
    "several passes and two optimizers a step": """
    body, head, teacher = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(6, 2).eval()
    one, two = torch.optim.SGD(body.parameters(), lr=0.05), torch.optim.SGD(head.parameters(), lr=0.01)
    for step in range(60):
        rows = torch.randint(0, 320, (32,))
        with torch.no_grad():
            soft = teacher(x[rows]).softmax(-1)
        for optimizer in (one, two):
            optimizer.zero_grad(set_to_none=False)
        for part in range(2):
            out = head(torch.relu(body(x[rows])))
            loss = criterion(out, y[rows]) + criterion(out, soft)
            loss.backward()
        one.step()
        two.step()
    """,
    "many passes before a backward": """
    model = nn.Linear(6, 2)
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(50):
        opt.zero_grad()
        many = 70 if step == 40 else 3
        sum(criterion(model(x[i : i + 4]), y[i : i + 4]) for i in range(many)).backward()
        opt.step()
    """,
}
EXACT = ("loss", "grad_norm", "lr", "momentum", "stale", "empty_grads", "backwards", "optimizer")


@pytest.mark.parametrize("case", CASES)
def test_the_short_way_records_what_the_long_way_does(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "train.py", HEAD + CASES[case])
    monkeypatch.chdir(tmp_path)

    def watched() -> Recording:
        recording = warm.diagnose(Target("script", "train.py"), Options(probes=False)).recording
        assert recording is not None
        return recording

    short = watched()
    monkeypatch.setattr(Observer, "calm", property(lambda _: False, lambda *_: None), raising=False)
    long = watched()
    assert short.steps == long.steps
    for column in EXACT:
        np.testing.assert_array_equal(short.column(column), long.column(column), err_msg=column)
    assert np.array_equal(short.events, long.events)
    for part in ("sites", "nonfinite", "held_out", "task", "trace", "structure"):
        found, wanted = (msgspec.to_builtins(getattr(r.facts, part)) for r in (short, long))
        assert found == wanted, part
    if "breaks" in case:
        assert short.facts.nonfinite is not None
        assert (short.facts.nonfinite.step, short.facts.nonfinite.name) == (76, "second")
    if "stale" in case:
        assert np.all(short.column("stale")[:90] == 0)
        assert np.all(short.column("stale")[91:] > 0.9)
