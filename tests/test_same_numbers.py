"""Watching changes no number: losses, weights, buffers and random streams are the same bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, write

pytest.importorskip("torch")
from tests.numbers import compare

sys.path.insert(0, str(ROOT / "benchmarks"))
from accuracy import SAMPLES, entries

sys.path.remove(str(ROOT / "benchmarks"))

FIRST = (
    "vision/bf16_cnn.py",
    "vision/deep_ckpt.py",
    "regression/lbfgs_fit.py",
    "sequence/tied_lm.py",
    "misc/gan_1d.py",
    "classification/hooked_update.py",
)
EVERY = 4
"""Faulty, repaired and neighbouring scripts are much alike: one of so many is enough to hold the promise."""
WHOLE = [entry for entry in entries() if entry["expect"] != "broken"]
SCRIPTS = [entry for number, entry in enumerate(WHOLE) if number % EVERY == 0 or entry["path"] in FIRST]


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, id=e["path"], marks=() if e["path"] in FIRST else pytest.mark.long) for e in SCRIPTS],
)
def test_sample_script_computes_the_same(entry: dict[str, Any], tmp_path: Path) -> None:
    compare(SAMPLES / entry["path"], tuple(entry.get("argv", ())), tmp_path)


UNUSUAL = {
    "everything random": """
        import random
        import numpy as np
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, RandomSampler, TensorDataset, random_split
        data = TensorDataset(torch.randn(64, 3, 8, 8), torch.randint(0, 4, (64,)))
        train, test = random_split(data, [48, 16])
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.RReLU(), nn.Dropout2d(0.3), nn.Flatten(),
                            nn.LazyLinear(16), nn.Dropout(0.5), nn.GELU(), nn.Linear(16, 4))
        net(torch.zeros(2, 3, 8, 8))
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
        for epoch in range(4):
            for x, y in DataLoader(train, 8, sampler=RandomSampler(train, replacement=True), drop_last=True):
                x = x + 0.1 * torch.randn_like(x) + random.random() + np.random.rand()
                loss = nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad(set_to_none=epoch % 2 == 0)
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            net.eval()
            with torch.no_grad():
                print(sum((net(x).argmax(1) == y).sum() for x, y in DataLoader(test, 8)))
            net.train()
    """,
    "own workings": """
        import torch
        from torch import nn
        from torch.func import functional_call
        from torch.utils.checkpoint import checkpoint

        class Straight(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.sign()

            @staticmethod
            def backward(ctx, gradient):
                (x,) = ctx.saved_tensors
                return gradient * (x.abs() < 1)

        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))
        table = nn.Embedding(10, 4, sparse=True)
        dense, sparse = torch.optim.SGD(net.parameters(), 0.05, 0.9), torch.optim.SparseAdam(table.parameters(), 0.01)
        handles = [net[0].register_forward_hook(lambda m, i, o: o * 1.01), net[3].weight.register_hook(lambda g: g * 2)]
        scheduler = torch.optim.lr_scheduler.OneCycleLR(dense, 0.1, total_steps=40)
        for step in range(40):
            index = torch.randint(0, 10, (16,))
            x = checkpoint(lambda i: Straight.apply(table(i)), index, use_reentrant=False)
            with torch.autocast("cpu", torch.bfloat16):
                out = functional_call(net, dict(net.named_parameters()), (x,))
            loss = (out.float().squeeze() - index / 10).pow(2).mean()
            penalty = torch.autograd.grad(loss, net[0].weight, create_graph=True)[0].pow(2).sum()
            (loss + 0.01 * penalty).backward()
            for optimizer in (dense, sparse):
                optimizer.step()
                optimizer.zero_grad()
            scheduler.step()
            with torch.no_grad():
                net[0].weight.mul_(0.999)
    """,
    "workers": """
        import torch
        from torch.utils.data import DataLoader, Dataset

        class Noise(Dataset):
            def __len__(self):
                return 64

            def __getitem__(self, index):
                return torch.randn(3) + index / 64, torch.tensor([index / 64])

        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for epoch in range(2):
            for x, y in DataLoader(Noise(), 16, shuffle=True, num_workers=2, persistent_workers=False):
                optimizer.zero_grad()
                ((net(x) - y) ** 2).mean().backward()
                optimizer.step()
    """,
    "compiled": """
        import torch
        net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        fast = torch.compile(net, backend="eager")
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for step in range(20):
            x = torch.randn(8, 3)
            loss = (fast(x) - x.sum(1, keepdim=True)).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
    "diverging": """
        import torch
        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), 100.0)
        for step in range(60):
            x = torch.randn(8, 3)
            loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_loop_computes_the_same(case: str, tmp_path: Path) -> None:
    path = write(tmp_path / "project" / "train.py", UNUSUAL[case])
    plain = compare(path, (), tmp_path)
    assert plain["why"] in ("enough", "finished"), plain["why"]
    assert len(plain["losses"]) > 5
