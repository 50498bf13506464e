"""What watching costs: process CPU time of a loop with the observer over the same loop without.

Usage: ``python benchmarks/overhead.py [--rounds N]``.  Watched and bare runs are interleaved on one
thread; the table shows the median ratio and its quartiles.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from sgd_doctor.observe.hooks import install
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.observer import Observer

NEVER = 10**9


def mlp() -> Callable[[int], None]:
    """(a) a small MLP on 64 features, batch 64: the worst case for any observer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    return _loop(model, torch.randn(64, 64), torch.randint(0, 10, (64,)))


def cnn() -> Callable[[int], None]:
    """(b) a small CNN, batch 32 of 28 x 28."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip
    return _loop(model, torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,)))


def transformer() -> Callable[[int], None]:
    """(d) a transformer of 4 layers, width 256, 128 tokens, batch 8: where real work starts."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 4), nn.Flatten(), nn.Linear(256 * 128, 10))
    return _loop(model, torch.randn(8, 128, 256), torch.randint(0, 10, (8,)))


def _loop(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[int], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    def run(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()

    return run


WARM_UP = 30
"""Watched steps before the clock starts: the first ones are traced and measured in full, once."""
LOOPS = {"(a) MLP": (mlp, 600), "(b) CNN": (cnn, 60), "(d) transformer": (transformer, 6)}
TARGETS = {"(a) MLP": 1.20, "(b) CNN": 1.05, "(d) transformer": 1.03}


def timed(run: Callable[[int], None], steps: int) -> float:
    """CPU seconds of ``steps`` steps."""
    started = time.process_time()
    run(steps)
    return time.process_time() - started


def watched(run: Callable[[int], None], steps: int) -> float:
    """The same under an observer that is past its first, fully measured steps."""
    observer = Observer(Limits(NEVER, NEVER, float(NEVER)))
    patches = install(observer)
    try:
        run(WARM_UP)
        return timed(run, steps)
    finally:
        observer.tracer.switch(False)
        patches.undo()


def main() -> int:
    """Print one row a loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f}, {rounds} rounds, torch {torch.__version__}")
    print(f"{'loop':<18}{'ms a step':>10}{'ratio':>8}{'quartiles':>16}{'target':>8}")
    for name, (build, steps) in LOOPS.items():
        run = build()
        timed(run, max(2, steps // 4))
        pairs = [(timed(run, steps), watched(run, steps)) for _ in range(rounds)]
        ratios = sorted(w / b for b, w in pairs)
        low, _, high = statistics.quantiles(ratios, n=4)
        bare = statistics.median(b for b, _ in pairs) / steps * 1e3
        print(f"{name:<18}{bare:>10.2f}{statistics.median(ratios):>8.3f}{f'{low:.3f}-{high:.3f}':>16}{TARGETS[name]:>8.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
