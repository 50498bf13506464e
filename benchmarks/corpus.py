"""Check the sample scripts natively: every fault hurts, every repair helps, the healthy ones learn.

sgd-doctor itself is not used here. Each script named in ``sample_scripts/expected.toml`` runs to its end
in a child process, from its own folder, over several seeds. What it prints last as its metric, the losses
it differentiates and the distance its weights move are compared between a script and its repaired twin.

    python benchmarks/corpus.py                    everything, three seeds
    python benchmarks/corpus.py --only wine        scripts whose path, cause or note contains a word
    python benchmarks/corpus.py --ladder           also every healthy script at other learning rates
    python benchmarks/corpus.py --samples DIR      the scripts of another folder with its expected.toml
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import argparse
import dataclasses
import json
import math
import random
import re
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import sklearn.datasets
import sklearn.model_selection
import sklearn.preprocessing  # noqa: F401  imported once here, so that the forked children need not
import torch
import torch._dynamo  # optimizers import it at their first use

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAMPLES = Path(__file__).resolve().parent.parent / "sample_scripts"
METRIC = re.compile(
    r"(?P<name>acc(?:uracy)?|r2|iou|reward|return|loss|mse|mae|rmse|nll|elbo|perplexity|ppl|err(?:or)?)"
    r"[^\d\n]{0,24}?(?P<value>-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)\b)(?P<unit>\s*%)?",
    re.IGNORECASE,
)
HIGHER = ("acc", "r2", "iou", "reward", "return")
STRUCTURAL = {"missing-backward", "missing-step", "zero-grad-misplaced", "script-crashed"}
LADDER_CAUSES = {"unnormalized-inputs", "momentum-too-high", "broadcast-target-shape"}
TIME_LIMIT = 90


@dataclasses.dataclass
class Change:
    """What a run is given on top of the script: another seed, other values in every optimizer."""

    seed: int = 0
    lr: float = 1.0
    weight_decay: float | None = None
    momentum: float | None = None


@dataclasses.dataclass
class Run:
    """What one native run left."""

    exit: str = "ok"
    seconds: float = 0.0
    metric_name: str = ""
    metric: float = math.nan
    steps: int = 0
    first_loss: float = math.nan
    last_loss: float = math.nan
    moved: float = 0.0
    lr: float = math.nan
    out: str = ""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the printed metric is better."""
        return self.metric_name.lower().startswith(HIGHER)

    @property
    def cost(self) -> float:
        """The metric as something to be small: 1 - accuracy, or the loss itself."""
        value = 1.0 - self.metric if self.higher_is_better else self.metric
        return value if math.isfinite(value) else math.inf


class _Recorder:
    """Collects losses, step counts and start weights from inside the child."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.losses: list[float] = []
        self.steps = 0
        self.start: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.optimizers: list[torch.optim.Optimizer] = []

    def install(self) -> None:
        self._shift_seeds()
        recorder = self
        backward = torch.Tensor.backward
        init = torch.optim.Optimizer.__init__

        def recording_backward(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> None:
            if tensor.numel() == 1:
                recorder.losses.append(float(tensor.detach()))
            backward(tensor, *args, **kwargs)

        def changing_init(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            init(optimizer, *args, **kwargs)
            recorder.adopt(optimizer)

        setattr(torch.Tensor, "backward", recording_backward)  # noqa: B010  mypy refuses the assignment
        setattr(torch.optim.Optimizer, "__init__", changing_init)  # noqa: B010

    def adopt(self, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] *= self.change.lr
            if self.change.weight_decay is not None and "weight_decay" in group:
                group["weight_decay"] = self.change.weight_decay
            if self.change.momentum is not None and "momentum" in group:
                group["momentum"] = self.change.momentum
            known = [p for p in group["params"] if not torch.nn.parameter.is_lazy(p)]
            self.start += [(p, p.detach().clone()) for p in known]
        self.optimizers.append(optimizer)
        optimizer.register_step_post_hook(self._count)

    def _count(self, *_: Any) -> None:
        self.steps += 1

    def _shift_seeds(self) -> None:
        offset = 1000 * self.change.seed
        torch.manual_seed(offset + 7)
        np.random.seed(offset + 7)
        random.seed(offset + 7)
        if not offset:
            return

        def shifted(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(seed: Any = None, *args: Any, **kwargs: Any) -> Any:
                return function(seed + offset if isinstance(seed, int) else seed, *args, **kwargs)

            return call

        torch.manual_seed = shifted(torch.manual_seed)
        torch.random.manual_seed = torch.manual_seed
        np.random.seed = shifted(np.random.seed)
        np.random.default_rng = shifted(np.random.default_rng)
        random.seed = shifted(random.seed)

    def result(self) -> dict[str, float]:
        with torch.no_grad():
            moved = max((float((p - before).abs().max()) for p, before in self.start), default=0.0)
        head = self.losses[:5]
        tail = self.losses[-max(len(self.losses) // 10, 1) :]
        return {
            "steps": self.steps,
            "first_loss": mean(head) if head else math.nan,
            "last_loss": mean(tail) if tail else math.nan,
            "moved": moved,
            "lr": self.optimizers[0].param_groups[0]["lr"] if self.optimizers else math.nan,
        }


def _child(script: Path, argv: list[str], change: Change, out: str, answer: str) -> None:
    """Run the script as ``python script.py`` would, with the changes; never returns."""
    sink = os.open(out, os.O_WRONLY | os.O_CREAT)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    torch.set_num_threads(1)
    os.chdir(script.parent)
    sys.argv = [script.name, *argv]
    sys.path[0] = str(script.parent)
    recorder = _Recorder(change)
    recorder.install()
    exit_text = "ok"
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        exit_text = "ok" if stop.code in (None, 0) else f"exit {stop.code}"
    except BaseException as error:
        traceback.print_exc()
        frames = [f for f in traceback.extract_tb(error.__traceback__) if str(script.parent) in f.filename]
        line = frames[-1].lineno if frames else "?"
        exit_text = f"{type(error).__name__} at line {line}"
    sys.stdout.flush()
    Path(answer).write_text(json.dumps({"exit": exit_text, **recorder.result()}))
    os._exit(0)


def run(script: Path, argv: list[str], change: Change) -> Run:
    """Run one script once in a forked child."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out, answer = os.path.join(folder, "out"), os.path.join(folder, "answer")
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _child(script, argv, change, out, answer)
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.perf_counter() - start > TIME_LIMIT:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return Run(exit="too slow", seconds=TIME_LIMIT)
            time.sleep(0.02)
        text = Path(out).read_text(errors="replace") if os.path.exists(out) else ""
        found = json.loads(Path(answer).read_text()) if os.path.exists(answer) else {"exit": "killed"}
    return Run(seconds=time.perf_counter() - start, out=text, **_metric(text), **found)


def _metric(text: str) -> dict[str, Any]:
    matches = list(METRIC.finditer(text))
    if not matches:
        return {}
    last = matches[-1]
    value = float(last["value"]) / (100.0 if last["unit"] else 1.0)
    return {"metric_name": last["name"].lower(), "metric": value}


def _path(entry: dict[str, Any]) -> Path:
    path: Path = entry["folder"] / entry["path"]
    return path


def _runs(entry: dict[str, Any], seeds: int, **change: Any) -> list[Run]:
    argv = entry.get("argv", [])
    return [run(_path(entry), argv, Change(seed=s, **change)) for s in range(seeds)]


def _values(runs: list[Run]) -> str:
    numbers = " ".join("  -  " if math.isnan(r.metric) and not r.metric_name else f"{r.metric:.4g}" for r in runs)
    bad = {r.exit for r in runs} - {"ok"}
    return f"{runs[0].metric_name} {numbers}" + (f" [{', '.join(sorted(bad))}]" if bad else "")


def worse(faulty: Run, repaired: Run) -> bool:
    """Whether the faulty run ended clearly worse than the repaired one (same seed)."""
    if faulty.exit != "ok":
        return repaired.exit == "ok"
    if repaired.exit != "ok" or not math.isfinite(repaired.cost):
        return False
    if faulty.higher_is_better:
        return faulty.cost - repaired.cost > 0.04
    return faulty.cost > 1.08 * repaired.cost + 1e-9


def _structure(cause: str, runs: list[Run], lines: list[int]) -> str:
    """What is wrong with the claim that the program itself is at fault, or nothing."""
    if cause == "script-crashed":
        ends = {r.exit for r in runs}
        good = all(any(end.endswith(f"line {line}") for line in lines) for end in ends)
        return "" if good else f"ends with {ends}, not at {lines}"
    if any(r.moved > 0 for r in runs):
        return f"weights moved by {max(r.moved for r in runs):.2g}"
    return ""


def _at_best_lr(entry: dict[str, Any], seeds: int) -> list[Run]:
    """The faulty script at the best of other learning rates, seed by seed."""
    arms = [_runs(entry, seeds, lr=f) for f in (1e-3, 1e-2, 0.1, 0.32, 1.0, 3.2, 10.0)]
    return [min(column, key=lambda r: r.cost) for column in zip(*arms, strict=True)]


def judge_faulty(entry: dict[str, Any], table: dict[str, dict[str, Any]], seeds: int) -> tuple[list[str], list[str]]:
    """Table cells and complaints about one faulty script, held against its twin seed by seed."""
    cause = entry["cause"]
    runs = _runs(entry, seeds)
    cells = [f"{cause:24}", _values(runs)]
    complaints: list[str] = []
    if cause in STRUCTURAL and (complaint := _structure(cause, runs, entry["lines"])):
        complaints.append(complaint)
    twin = table.get(entry.get("repaired", ""))
    if twin is None:
        return [*cells, "no twin"], complaints
    repaired = _runs(twin, seeds)
    cells.append(f"repaired {_values(repaired)}")
    if not all(worse(a, b) for a, b in zip(runs, repaired, strict=True)):
        complaints.append("the repair does not help clearly on every seed")
    if cause in LADDER_CAUSES:
        best = _at_best_lr(entry, seeds)
        cells.append(f"best lr alone {_values(best)}")
        if not all(worse(a, b) for a, b in zip(best, repaired, strict=True)):
            complaints.append("another lr alone does as well")
    return cells, complaints


def judge_healthy(entry: dict[str, Any], seeds: int, ladder: bool) -> tuple[list[str], list[str]]:
    """Table cells and complaints about one healthy (or inconclusive) script."""
    runs = _runs(entry, seeds)
    own = mean(r.last_loss for r in runs)
    first = mean(r.first_loss for r in runs)
    cells = [_values(runs), f"loss {first:.3g} -> {own:.3g}"]
    if not all(r.exit == "ok" and math.isfinite(r.cost) for r in runs):
        return cells, ["does not end well"]
    if ladder and runs[0].steps > 1:
        arms = {f: _runs(entry, min(seeds, 2), lr=f) for f in (0.1, 0.32, 3.2, 10.0)}
        ends = {f: mean(r.last_loss for r in arm) for f, arm in arms.items()}
        cells += [f"x{f:g}: {ends[f]:.3g} ({mean(r.metric for r in arm):.3g})" for f, arm in arms.items()]
        finite = [end for end in ends.values() if math.isfinite(end)]
        tuned = min((mean(r.cost for r in arm) for arm in arms.values()), default=math.inf)
        better = tuned < 0.98 * mean(r.cost for r in runs)
        if finite and own - min(finite) > 0.1 * abs(first) and better:
            return cells, ["another lr learns clearly better"]
    return cells, []


def main() -> int:
    """Run the checks and print one line a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="scripts whose path, cause or note contains this")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=Path, default=SAMPLES)
    parser.add_argument("--ladder", action="store_true", help="healthy scripts at other learning rates too")
    options = parser.parse_args()
    samples = options.samples.resolve()
    entries = [e | {"folder": samples} for e in tomllib.loads((samples / "expected.toml").read_text())["script"]]
    table = {entry["path"]: entry for entry in entries}
    failed = 0
    for entry in entries:
        if options.only not in " ".join((entry["path"], entry.get("cause", ""), entry.get("note", ""))):
            continue
        start = time.perf_counter()
        if entry["expect"] == "faulty":
            cells, complaints = judge_faulty(entry, table, options.seeds)
        else:
            cells, complaints = judge_healthy(entry, options.seeds, options.ladder)
        failed += bool(complaints)
        seconds = time.perf_counter() - start
        verdict = "BAD" if complaints else "ok "
        line = " | ".join([*cells, *complaints])
        print(f"{verdict} {entry['path']:34} {entry['expect']:8} {line} | {seconds:.0f} s", flush=True)
    print(f"{failed} of the scripts do not do what the table says" if failed else "all as the table says")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
