"""What watching costs: process CPU time of a loop with the observer over the same loop without.

Usage: ``python benchmarks/overhead.py [--rounds N] [--only TEXT] [--peers]``.  Watched and bare stretches are
interleaved on one thread, in an order that changes from round to round; the table shows the median ratio and
its quartiles.  ``--peers`` puts the other tools that run along beside the default, in the environment of
``peers.py``: each has a loop of its own, is called as its documentation says, and is not asked for its verdict.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from loops import LOOPS, Beside, Loop, Run

from sgd_doctor.observe.hooks import install
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.observer import Observer

NEVER = 10**9
WARM_UP = 40
"""Watched steps before the clock starts: the first ones are traced and measured in full, once."""


@dataclass(frozen=True)
class Strategy:
    """One way of watching: ``overhead`` as on the command line, ``every`` the longest distance of sampled steps."""

    name: str
    overhead: float
    every: int | None = None


STRATEGIES = (
    Strategy("exact signals only", 0.0, NEVER),
    Strategy("default (5 %)", 0.05),
    Strategy("everything each step", float(NEVER)),
)
"""Beside the bare loop, which all are divided by."""


class Watched:
    """An observer as a diagnosis has it, that never ends the run and goes on from stretch to stretch."""

    def __init__(self, strategy: Strategy) -> None:
        self.observer = Observer(Limits(NEVER, NEVER, float(NEVER), strategy.overhead))
        if strategy.every is not None:
            self.observer.steps.every = strategy.every
        self.left = time.perf_counter()

    def __enter__(self) -> None:
        self.observer.steps.started += time.perf_counter() - self.left  # the others' time is no budget of this one
        self.patches = install(self.observer)
        self.observer.set_tracer()

    def __exit__(self, *_: object) -> None:
        self.observer.tracer.switch(False)
        self.patches.undo()
        self.left = time.perf_counter()


def timed(run: Run, steps: int, around: AbstractContextManager[None]) -> float:
    """CPU seconds of ``steps`` steps."""
    with around:
        run(1)
        started = time.process_time()
        run(steps)
        return time.process_time() - started


Tool = Callable[[torch.nn.Module, torch.optim.Optimizer], Beside]


def measure(loop: Loop, strategies: Sequence[Strategy], rounds: int, tools: dict[str, Tool]) -> dict[str, list[float]]:
    """CPU seconds of every way in every round, the bare loop under the name ``""``."""
    run = loop.build()
    ways: dict[str, tuple[Run, AbstractContextManager[None]]] = {"": (run, nullcontext())}
    ways |= {s.name: (run, Watched(s)) for s in strategies}
    for name, tool in tools.items():
        own = loop.build()
        own.beside = tool(own.model, own.optimizer)
        ways[name] = (own, nullcontext())
    for way in ways.values():
        timed(way[0], WARM_UP, way[1])
    found: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(timed(ways[name][0], loop.steps, ways[name][1]))
    return found


def show(loop: Loop, found: dict[str, list[float]]) -> None:
    """One row a way."""
    bare = found.pop("")
    for name, seconds in found.items():
        ratios = [w / b for w, b in zip(seconds, bare, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        wanted = f"{loop.target:>8.2f}" if name.startswith("default") else ""
        ms = statistics.median(bare) / loop.steps * 1e3
        print(f"{loop.name:<22}{ms:>10.2f}  {name:<26}{middle:>7.3f}{f'{low:.3f}-{high:.3f}':>16}{wanted}", flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--only", default="", help="loops whose name contains this")
    parser.add_argument("--peers", action="store_true", help="the other tools that run along beside the default")
    options = parser.parse_args()
    strategies, tools = STRATEGIES, dict[str, Tool]()
    if options.peers:
        from peer_adapters import ALONG

        strategies, tools = tuple(s for s in STRATEGIES if s.name.startswith("default")), dict(ALONG)
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f}, {options.rounds} rounds, torch {torch.__version__}, one thread")
    print(f"{'loop':<22}{'ms a step':>10}  {'watched':<26}{'ratio':>7}{'quartiles':>16}{'target':>8}")
    for loop in LOOPS:
        if options.only in loop.name:
            show(loop, measure(loop, strategies, options.rounds, tools))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
