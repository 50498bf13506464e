"""Regret of suggested learning rates: ours against the published rules of the learning-rate finders.

For each task, momentum and seed every method names one lr; a full run at that lr is compared with the best lr of a
half-decade grid (chosen over all seeds). Loss is in units of the best constant predictor's (linear below 1, logarithmic
above, ten times the worst where not finite). Ours runs through the product: the task's loop is watched in a fork and
its probes are forks of that. The rules of torch-lr-finder, Lightning and fastai are written here from their
documentation and run on plain loops.

    python benchmarks/learning_rate.py                 15 tasks, momentum 0 and 0.9, 3 seeds
    python benchmarks/learning_rate.py --only wine --seeds 1
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from tasks import STEPS, Task, bounded, build, run

from sgd_doctor.lab import Lab
from sgd_doctor.proof.case import Case
from sgd_doctor.proof.suggest import LrSuggester
from sgd_doctor.report import SuggestedLr
from sgd_doctor.run.forked import Call, ForkedCall
from sgd_doctor.run.spec import RunSpec

GRID = tuple(10 ** (half / 2) for half in range(-8, 3))
"""Half decades from 1e-4 to 10."""
MOMENTA = (0.0, 0.9)
FAILED = 0.5
START = 1e-3
"""The lr in the watched script; the suggestion must not depend on it."""


@dataclass
class Cell:
    """One task at one momentum and seed."""

    task: Task
    momentum: float
    seed: int

    def ours(self) -> tuple[float | None, int]:
        """The product's suggestion, and the optimizer steps of its probes and of the watched run that it needed."""

        def train() -> None:
            run(self.task, START, self.momentum, self.seed)

        harness = ForkedCall(Call("callable", "train()", train), run=RunSpec(output="", max_steps=10, min_steps=10))
        try:
            deadline = time.monotonic() + 600
            recording = harness.observe(deadline)
            lab = Lab(recording, harness.probes_until(deadline))
            case = Case(lab, seconds_left=lambda: deadline - time.monotonic(), probes=True)
            found = LrSuggester(case).search()
        finally:
            harness.close()
        if not isinstance(found, SuggestedLr):
            print(f"  {self.task.name}: {found}")
            return None, lab.spent
        return found.lr, lab.spent + recording.steps


@dataclass
class Sweep:
    """An lr range test: rates, raw losses, and how many steps it took."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.rates)


def sweep(cell: Cell, low: float, high: float, worse: float, smooth: Callable[[list[float]], list[float]]) -> Sweep:
    """Exponentially growing lr over 100 steps; ends where the smoothed loss is ``worse`` times its lowest."""
    torch.manual_seed(cell.seed)
    model = cell.task.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=low, momentum=cell.momentum)
    rates: list[float] = []
    losses: list[float] = []
    for index, (x, y) in zip(range(100), cell.task.batches(cell.seed), strict=False):
        rates.append(low * (high / low) ** (index / 99))
        optimizer.param_groups[0]["lr"] = rates[-1]
        optimizer.zero_grad()
        loss = cell.task.loss(model(x), y)
        losses.append(loss.item())
        smoothed = smooth(losses)
        if not math.isfinite(losses[-1]) or smoothed[-1] > worse * min(smoothed):
            break
        loss.backward()
        optimizer.step()
    return Sweep(np.asarray(rates), np.asarray(smooth(losses)))


def debiased(losses: list[float], beta: float = 0.98) -> list[float]:
    """Exponential mean with the bias of its start taken out (fastai, Lightning)."""
    mean, found = 0.0, []
    for index, loss in enumerate(losses, start=1):
        mean = beta * mean + (1 - beta) * loss
        found.append(mean / (1 - beta**index))
    return found


def weighted(losses: list[float], share: float = 0.05) -> list[float]:
    """Exponential mean that starts at the first loss (torch-lr-finder)."""
    found = losses[:1]
    for loss in losses[1:]:
        found.append(share * loss + (1 - share) * found[-1])
    return found


def cut(found: Sweep, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates and finite losses without the first and last points."""
    rates, losses = found.rates[start:-end], found.losses[start:-end]
    finite = np.isfinite(losses)
    return rates[finite], losses[finite]


def torch_lr_finder(cell: Cell) -> tuple[float | None, int]:
    """torch-lr-finder: the steepest descent by point; skips 10 and 5, ends at 5 times the best."""
    found = sweep(cell, 1e-7, 10, 5.0, weighted)
    rates, losses = cut(found, 10, 5)
    return (float(rates[np.gradient(losses).argmin()]) if len(losses) > 1 else None), found.steps


def lightning(cell: Cell) -> tuple[float | None, int]:
    """Lightning's suggestion: the steepest descent over the linear lr; 1e-8 to 1, ends at 4 times the best."""
    found = sweep(cell, 1e-8, 1.0, 4.0, debiased)
    rates, losses = cut(found, 10, 1)
    return (float(rates[np.gradient(losses, rates).argmin()]) if len(losses) > 1 else None), found.steps


def fastai(rule: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Cell], tuple[float | None, int]]:
    """One of fastai's rules on its sweep: 1e-7 to 10, to 4 times the best, without the first tenth and last five."""

    def suggest(cell: Cell) -> tuple[float | None, int]:
        found = sweep(cell, 1e-7, 10, 4.0, debiased)
        rates, losses = cut(found, 10, 5)
        return (rule(rates, losses) if len(losses) > 16 else None), found.steps

    return suggest


def valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """Two thirds along the longest decreasing subsequence."""
    length = [1] * len(losses)
    for i in range(1, len(losses)):
        length[i] = max([length[j] + 1 for j in range(i) if losses[i] < losses[j]], default=1)
    end = int(np.argmax(length))
    third = length[end] / 3
    return float(rates[end - length[end] + int(third) + int(third / 2)])


def minimum(rates: np.ndarray, losses: np.ndarray) -> float:
    """A tenth of the lr with the lowest loss."""
    return float(rates[int(losses.argmin())]) / 10


def steep(rates: np.ndarray, losses: np.ndarray) -> float:
    """The steepest descent over the logarithm of lr."""
    return float(rates[int((np.diff(losses) / np.diff(np.log(rates))).argmin())])


def slide(rates: np.ndarray, losses: np.ndarray) -> float:
    """From the right, an interval of 15 points slides to the left until its gradients agree."""
    gradient = np.gradient(losses)
    right = len(losses) - 1
    while right - 15 > 0 and abs(gradient[right] - gradient[right - 15]) > 0.005:
        right -= 1
    return float(rates[right - 15])


RULES: dict[str, Callable[[Cell], tuple[float | None, int]]] = {
    "sgd-doctor --suggest lr": Cell.ours,
    "fastai valley (its default)": fastai(valley),
    "fastai slide": fastai(slide),
    "fastai minimum / 10": fastai(minimum),
    "fastai steep": fastai(steep),
    "torch-lr-finder": torch_lr_finder,
    "Lightning": lightning,
    "lr = 0.1 for all": lambda _: (0.1, 0),
    "lr = 0.01 for all": lambda _: (0.01, 0),
}


@dataclass
class Score:
    """What one method reached."""

    regrets: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    worst: str = ""

    def add(self, regret: float, steps: int, where: str) -> None:
        if regret >= max(self.regrets, default=-1.0):
            self.worst = where
        self.regrets.append(regret)
        self.steps.append(steps)

    def row(self, name: str) -> str:
        r = np.asarray(self.regrets)
        numbers = (r.mean(), np.median(r), np.quantile(r, 0.9), r.max(), (r <= 0.05).mean(), (r > FAILED).mean())
        cells = " | ".join(f"{v:.3f}" for v in numbers)
        return f"| {name} | {cells} | {np.median(self.steps):.0f} | {self.worst} |"


def measure(task: Task, seeds: int, scores: dict[str, Score]) -> None:
    """Grid, suggestions and full runs of one task."""
    for momentum in MOMENTA:
        grid = {
            lr: [bounded(task, run(task, lr, momentum, seed)) for seed in range(seeds)] for lr in GRID
        }  # fmt: skip
        best = min(grid, key=lambda lr: float(np.mean(grid[lr])))
        for seed in range(seeds):
            cell = Cell(task, momentum, seed)
            for name, rule in RULES.items():
                lr, steps = rule(cell)
                end = bounded(task, run(task, lr, momentum, seed) if lr else [math.inf])
                regret = max(0.0, end - grid[best][seed])
                scores[name].add(
                    regret, steps, f"{task.name}, β {momentum:g}: lr {lr or math.nan:.2g}, best {best:.2g}"
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scores: dict[str, Score] = defaultdict(Score)
    chosen = [t for t in build() if arguments.only in t.name]
    for task in chosen:
        started = time.monotonic()
        measure(task, arguments.seeds, scores)
        mine = scores[next(iter(RULES))]
        print(f"{task.name}: {time.monotonic() - started:.0f} s, ours so far {np.mean(mine.regrets):.3f}", flush=True)
    print(f"\n{len(chosen)} tasks × momentum {MOMENTA} × {arguments.seeds} seeds, {STEPS} steps a full run\n")
    print("| method | mean | median | p90 | worst | share ≤ .05 | failures > .5 | steps (median) | worst case |")
    print("|--|--|--|--|--|--|--|--|--|")
    for name, score in scores.items():
        print(score.row(name))


if __name__ == "__main__":
    main()
