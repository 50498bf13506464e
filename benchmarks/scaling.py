"""How the cost of watching grows: with parameters, tensors, steps and features.

Usage: ``python benchmarks/scaling.py [parameters|tensors|steps|features ...]``.  Each row gives the CPU
milliseconds that watching adds to a step where only the exact signals are taken and where it is measured in full
(medians of interleaved single steps), and the latter for a thousand of what grows, which stays the same or falls
where growth is linear.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence

import torch
from torch import nn

from sgd_doctor.observe.freeze import freeze
from sgd_doctor.observe.hooks import install
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.observer import Observer

NEVER = 10**9
PAST = 33
"""Steps after which the first, fully traced ones are over; none of the next dozen is traced."""
Step = Callable[[], None]


def training(model: nn.Module, x: torch.Tensor) -> Step:
    """One step of plain SGD."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


class Sum(nn.Module):
    """Many small tensors and next to no arithmetic."""

    def __init__(self, tensors: int) -> None:
        super().__init__()
        self.all = nn.ParameterList(torch.ones(4) for _ in range(tensors))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x, *self.all]).sum(0)


def of_parameters(size: int) -> Step:
    """One weight matrix of ``size`` elements."""
    return training(nn.Linear(1000, size // 1000, bias=False), torch.randn(2, 1000))


def of_tensors(size: int) -> Step:
    """``size`` parameters of four elements each."""
    return training(Sum(size), torch.ones(4))


def of_features(size: int) -> Step:
    """An input of ``size`` features."""
    return training(nn.Linear(size, 2), torch.randn(64, size))


def added(step: Step, every: int, rounds: int) -> float:
    """Median CPU milliseconds that watching adds to a step; ``every``: 1 measures each in full, NEVER none."""
    observer = Observer(Limits(NEVER, NEVER, float(NEVER), 0.0))
    observer.steps.every = every
    bare, watched = [], []
    for number in range(PAST + rounds):
        if number >= PAST:
            bare.append(_seconds(step))
        patches = install(observer)
        try:
            watched.append(_seconds(step))
        finally:
            observer.tracer.switch(False)
            patches.undo()
    return (statistics.median(watched[PAST:]) - statistics.median(bare)) * 1e3


def _seconds(step: Step) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def grow(name: str, build: Callable[[int], Step], sizes: Sequence[int]) -> None:
    """One row a size."""
    print(f"{name:<12}{'exact ms':>10}{'in full ms':>12}{'us a 1000':>12}")
    for size in sizes:
        step = build(size)
        rounds = 9
        exact, full = added(step, NEVER, rounds), added(step, 1, rounds)
        print(f"{size:<12,}{exact:>10.2f}{full:>12.2f}{full / size * 1e6:>12.2f}", flush=True)


def over_steps(sizes: Sequence[int]) -> None:
    """One long run: added time a step, memory that the observer holds, and the size of the recording."""
    print(f"{'steps':<12}{'us a step':>10}{'MB held':>12}{'freeze s':>12}")
    step = training(nn.Linear(8, 1), torch.randn(4, 8))
    bare = statistics.median(_seconds(step) for _ in range(2000)) * 1e6
    for size in sizes:
        tracemalloc.start(1)
        observer = Observer(Limits(NEVER, NEVER, float(NEVER)))
        patches = install(observer)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(size):
            step()
        held = (tracemalloc.get_traced_memory()[0] - before) / 1e6
        tracemalloc.stop()
        started = time.process_time()
        for _ in range(1000):
            step()
        each = (time.process_time() - started) * 1e3 - bare
        observer.tracer.switch(False)
        patches.undo()
        started = time.process_time()
        freeze(observer, "finished")
        print(f"{size:<12,}{each:>10.0f}{held:>12.2f}{time.process_time() - started:>12.2f}", flush=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    tables: dict[str, Callable[[], None]] = {
        "parameters": lambda: grow("parameters", of_parameters, (10**5, 10**6, 10**7, 3 * 10**7)),
        "tensors": lambda: grow("tensors", of_tensors, (10, 100, 1000, 10_000)),
        "features": lambda: grow("features", of_features, (100, 1000, 10_000, 100_000)),
        "steps": lambda: over_steps((1000, 10_000, 30_000)),
    }
    parser.add_argument("what", nargs="*", choices=[*tables, []], help="all, if none is named")
    chosen = parser.parse_args().what or list(tables)
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, one thread")
    for name in chosen:
        tables[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
