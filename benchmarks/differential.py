"""Differential diagnosis: single faults, two faults, healthy loops, and lr faults beside a harmless oddity.

Each loop is a function with known faults; the product diagnoses it through its Python interface, and the set of checks
among its errors and warnings is held against the faults. A fault counts where the loop with it alone ends clearly worse
than the good loop; one that does not hurt need not be named, and nothing needs to be where two faults undo each other.

    python benchmarks/differential.py                      everything
    python benchmarks/differential.py --only wine          one task
    python benchmarks/differential.py --case "raw +"       the loops whose name holds a text
    python benchmarks/differential.py --part 1/2           every second loop
    python benchmarks/differential.py --json done.jsonl    kept as they come; run again, it goes on where it ended
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch
from sklearn import datasets
from tasks import Task, build, floats
from torch import Tensor, nn

from sgd_doctor import diagnose
from sgd_doctor.report import Report

STEPS = 400
HARM = 0.1
"""Least loss, in units of the constant answer's, that a fault has to cost."""
LR = {"wine": 0.1, "breast cancer": 0.03, "digits mlp": 0.1, "moons": 0.1}
"""A rate that trains each task well with momentum 0.9."""


@dataclass(frozen=True)
class Loop:
    """How the loop deviates from a good one."""

    lr: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    init: float = 1.0
    raw: bool = False
    norm_first: bool = False
    zero: bool = True
    softmax: bool = False
    total: bool = False
    relu_out: bool = False


HIGH, LOW, RAW, ZERO, SOFT = (
    "lr-too-high",
    "lr-too-low",
    "unnormalized-inputs",
    "missing-zero-grad",
    "softmax-before-ce",
)
DECAY, MOMENTUM, INIT, CONSTANT = "weight-decay-too-large", "momentum-too-high", "init-too-large", "constant-init"
SUM, RELU = "sum-reduction", "final-activation-range"

NAMES = {
    "lr": {HIGH, LOW},
    "momentum": {MOMENTUM},
    "weight_decay": {DECAY},
    "init": {INIT, CONSTANT},
    "raw": {RAW},
    "norm_first": set(),
    "zero": {ZERO},
    "softmax": {SOFT},
    "total": {SUM},
    "relu_out": {RELU},
}
"""What each deviation is called."""

SINGLE: list[tuple[str, Loop, set[str]]] = [
    ("lr × 30", Loop(lr=30), {HIGH}),
    ("lr × 300", Loop(lr=300), {HIGH}),
    ("lr / 100", Loop(lr=1e-2), {LOW}),
    ("lr / 1000", Loop(lr=1e-3), {LOW}),
    ("raw inputs", Loop(raw=True), {RAW}),
    ("no zero_grad", Loop(zero=False), {ZERO}),
    ("softmax before the loss", Loop(softmax=True), {SOFT}),
    ("weight decay 0.3", Loop(weight_decay=0.3), {DECAY}),
    ("momentum 0.999", Loop(momentum=0.999), {MOMENTUM}),
    ("init × 10", Loop(init=10), {INIT}),
    ("init 0", Loop(init=0), {CONSTANT}),
    ("sum reduction", Loop(total=True, lr=3), {SUM}),
    ("ReLU at the end", Loop(relu_out=True), {RELU}),
]
HARMLESS: list[tuple[str, Loop, set[str]]] = [
    ("healthy", Loop(), set()),
    ("lr / 3", Loop(lr=1 / 3), set()),
    ("lr × 1.5", Loop(lr=1.5), set()),
    ("weight decay 1e-3", Loop(weight_decay=1e-3), set()),
    ("momentum 0.97", Loop(momentum=0.97, lr=0.3), set()),
    ("init × 2", Loop(init=2), set()),
    ("raw, BatchNorm first", Loop(raw=True, norm_first=True), set()),
]
ODDITIES = (
    ("weight decay 1e-3", Loop(weight_decay=1e-3)),
    ("momentum 0.97", Loop(momentum=0.97)),
    ("init × 2", Loop(init=2)),
    ("raw, BatchNorm first", Loop(raw=True, norm_first=True)),
)
BESIDE = [(f"{name} + lr × 100", replace(loop, lr=100), {HIGH}) for name, loop in ODDITIES] + [
    (f"{name} + lr / 100", replace(loop, lr=0.01), {LOW}) for name, loop in ODDITIES
]
DOUBLE: list[tuple[str, Loop, set[str]]] = [
    ("raw + lr × 30", Loop(raw=True, lr=30), {RAW, HIGH}),
    ("raw + lr / 300", Loop(raw=True, lr=1 / 300), {RAW, LOW}),
    ("no zero_grad + raw", Loop(zero=False, raw=True), {ZERO, RAW}),
    ("weight decay 0.3 + lr / 100", Loop(weight_decay=0.3, lr=0.01), {DECAY, LOW}),
    ("softmax + lr / 1000", Loop(softmax=True, lr=1e-3), {SOFT, LOW}),
    ("softmax + raw", Loop(softmax=True, raw=True), {SOFT, RAW}),
    ("init × 10 + lr × 30", Loop(init=10, lr=30), {INIT, HIGH}),
]
GROUPS = {"single": SINGLE, "harmless": HARMLESS, "lr beside an oddity": BESIDE, "two faults": DOUBLE}


def raw_inputs(task: Task) -> Tensor:
    """The task's inputs on a scale that nobody looked after."""
    if task.name == "wine":
        return floats(datasets.load_wine().data)
    if task.name == "breast cancer":
        return floats(datasets.load_breast_cancer().data)
    return task.inputs * (torch.tensor([1.0, 500.0]) if task.inputs.shape[1] == 2 else 255.0)


def training(task: Task, loop: Loop, answers: list[Tensor] | None = None) -> Callable[[], None]:
    """A function that trains as ``loop`` says, and leaves the outputs for all inputs in ``answers``."""
    used = replace(task, inputs=raw_inputs(task)) if loop.raw else task

    def train() -> None:
        torch.manual_seed(0)
        model: nn.Module = task.model()
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(loop.init)
        if loop.norm_first:
            model = nn.Sequential(nn.BatchNorm1d(task.inputs.shape[1]), model)
        optimizer = torch.optim.SGD(
            model.parameters(), lr=LR[task.name] * loop.lr, momentum=loop.momentum, weight_decay=loop.weight_decay
        )
        for _, (x, y) in zip(range(STEPS), used.batches(0), strict=False):
            if loop.zero:
                optimizer.zero_grad()
            out = model(x)
            if loop.relu_out:
                out = torch.relu(out)
            if loop.softmax:
                out = out.softmax(dim=1)
            loss = nn.functional.cross_entropy(out, y, reduction="sum" if loop.total else "mean")
            loss.backward()
            optimizer.step()
        if answers is not None:
            with torch.no_grad():
                out = model(used.inputs)
                out = torch.relu(out) if loop.relu_out else out
                answers.append(out.softmax(dim=1) if loop.softmax else out)

    return train


def end_of(task: Task, loop: Loop) -> float:
    """Cross-entropy of what the trained loop answers, in units of the constant answer's; 10 where not finite."""
    answers: list[Tensor] = []
    training(task, loop, answers)()
    used = (answers[0] + 1e-12).log() if loop.softmax else answers[0]
    end = float(nn.functional.cross_entropy(used, task.targets)) / task.trivial
    return min(end, 10.0) if end == end else 10.0


def hurting(task: Task, loop: Loop, faults: dict[str, Loop]) -> set[str]:
    """The faults that alone cost more than :data:`HARM`; none where ``loop``, with all of them, does not."""
    good = end_of(task, Loop())
    if not end_of(task, loop) - good > HARM:
        return set()
    return {name for name, loop in faults.items() if end_of(task, loop) - good > HARM}


@dataclass
class Outcome:
    """What was found for one loop."""

    task: str
    case: str
    group: str
    faults: set[str]
    found: list[str]
    steps: int

    harmful: set[str] = field(default_factory=set)

    @property
    def exact(self) -> bool:
        return self.harmful <= set(self.found) <= self.faults

    @property
    def first(self) -> bool:
        return self.found[0] in self.faults if self.found else not self.harmful


def alone(loop: Loop, faults: set[str]) -> dict[str, Loop]:
    """Each fault of the loop by itself."""
    if len(faults) < 2:
        return dict.fromkeys(faults, loop)
    good = Loop()
    parts = {
        f.name: {f.name: getattr(loop, f.name)} for f in fields(loop) if getattr(loop, f.name) != getattr(good, f.name)
    }
    return {name: replace(good, **change) for field_, change in parts.items() for name in faults & NAMES[field_]}


def judge(task: str, case: str, group: str, faults: set[str], report: Report) -> Outcome:
    """Errors and warnings; that a larger lr is merely faster is advice, and counts where the lr was made smaller."""
    found = [f.check for f in report.findings if f in report.problems or f.check in faults & {LOW}]
    return Outcome(task, case, group, faults, found, sum(p.steps for p in report.run.probes))


def kept(path: Path | None) -> dict[tuple[str, str], Outcome]:
    """The outcomes of an earlier run, by task and case."""
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = [Outcome(**row | {name: set(row[name]) for name in ("faults", "harmful")}) for row in rows]
    return {(outcome.task, outcome.case): outcome for outcome in found}


def keep(path: Path | None, outcome: Outcome) -> None:
    """Add an outcome to those kept."""
    if path is not None:
        row = asdict(outcome) | {name: sorted(getattr(outcome, name)) for name in ("faults", "harmful")}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def examined(task: Task, case: str, group: str, loop: Loop, faults: set[str], budget: float) -> Outcome:
    """Diagnose one loop, and print what came."""
    started = time.monotonic()
    outcome = judge(task.name, case, group, faults, diagnose(training(task, loop), budget=budget))
    outcome.harmful = hurting(task, loop, alone(loop, faults))
    harmless = ", ".join(sorted(faults - outcome.harmful))
    mark = "ok   " if outcome.exact else "first" if outcome.first else "WRONG"
    found = ", ".join(outcome.found) or "nothing"
    note = f"(no harm: {harmless}) " if harmless else ""
    print(f"{mark} {task.name:14} {case:32} {found:45} {note}{time.monotonic() - started:4.1f} s", flush=True)
    return outcome


def main() -> None:
    """Print one line a loop, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--case", default="")
    parser.add_argument("--part", default="1/1", help="K/N: every N-th loop, from the K-th on")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of replays for each loop")
    parser.add_argument("--json", type=Path, help="file that keeps the outcomes")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    torch.set_num_threads(1)
    chosen = [t for t in build() if t.name in LR and arguments.only in t.name]
    cases = [(t, group, *case) for t in chosen for group, rows in GROUPS.items() for case in rows]
    cases = [case for case in cases if arguments.case in case[2]]
    done = kept(arguments.json)
    outcomes: list[Outcome] = []
    for task, group, name, loop, faults in cases[part - 1 :: parts]:
        if (task.name, name) not in done:
            outcome = examined(task, name, group, loop, faults, arguments.budget)
            keep(arguments.json, done.setdefault((task.name, name), outcome))
        outcomes.append(done[task.name, name])
    print("\n| loops | number | cause set exact | first finding right | probe steps (median) |\n|--|--|--|--|--|")
    for group in GROUPS:
        rows = [o for o in outcomes if o.group == group]
        if rows:
            steps = sorted(o.steps for o in rows)[len(rows) // 2]
            exact, first = (sum(v) / len(rows) for v in ([o.exact for o in rows], [o.first for o in rows]))
            print(f"| {group} | {len(rows)} | {exact:.2f} | {first:.2f} | {steps} |")


if __name__ == "__main__":
    main()
