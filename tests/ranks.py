"""A diagnosis of two real processes that train together over gloo, both forks of this one."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from pathlib import Path

import pytest

from sgd_doctor.options import Options
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from sgd_doctor.start import run_spec
from tests.helpers import write
from tests.warm import WarmHarness, diagnose

BEGIN = """
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, Subset, TensorDataset

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
X = torch.randn(384, 10)
data = TensorDataset(X, (X[:, :3].sum(1) > 0).long())
net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2))
"""

MIDDLE = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    if isinstance(loader.sampler, DistributedSampler):
        loader.sampler.set_epoch(epoch)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
dist.destroy_process_group()
"""

HEALTHY = (
    BEGIN
    + """
loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
model = DistributedDataParallel(net)
"""
    + MIDDLE
)


def diagnose_two(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch, steps: int | None = None) -> Report:
    """The report of the first of two processes."""
    path = write(folder / "train.py", script)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in (("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", str(port)), ("WORLD_SIZE", "2"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    options, target = Options(steps=steps), Target("script", str(path), ())
    pid = os.fork()
    if not pid:
        _second(target, options)
    try:
        return diagnose(target, options).report
    finally:
        assert os.waitpid(pid, 0)[1] == 0


def _second(target: Target, options: Options) -> None:
    status = 1
    try:
        os.environ["RANK"] = "1"
        harness = WarmHarness(target, run=run_spec(options))
        try:
            harness.observe(time.monotonic() + 60.0)
            status = 0
        finally:
            harness.close()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
