"""Run a script as it is, with other tools wired in where its author would have put them.

The watched model is the outermost module with parameters that is first called while gradients are on.  There, ahead
of the script's first training step, one child is forked for each tool that runs along; it goes on with the script for
at most ``STEPS`` steps or ``SECONDS``.  At the first loss, a child is forked for each tool that wants one batch.  The
parent runs to the end and writes the log for the tools that read logs.  Everything lands in one folder: ``TOOL.json``
each, ``log.jsonl``, ``out.txt`` and ``end.json``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import random
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peer_adapters import ALONG, ONE_BATCH, Along, Batch, Said, loss_like
from torch import Tensor, nn
from torch.utils.data import DataLoader

STEPS = 300
SECONDS = 2.5
"""What a tool that runs along sees of the script, in steps or CPU seconds; the longest window of any is 200 steps."""
LOG_SECONDS = 10.0
"""CPU seconds of the script after which the log ends, as somebody's would who looks after a while."""
TOOL_SECONDS = 30
"""A tool that has not answered after so many CPU seconds is stopped."""
TOOL_WALL_SECONDS = 300
"""The same by the clock, for a tool that waits for something."""
LOSSES = (
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div", "gaussian_nll_loss", "poisson_nll_loss",
)  # fmt: skip


class Wiring:
    """Meets the events of the loop and hands them to a tool, or to the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model: nn.Module | None = None
        self.optimizers: list[torch.optim.Optimizer] = []
        self.loader: Any = None
        self.tool: Along | None = None
        self.name = ""
        self.log: list[dict[str, float]] = []
        self.held_out: list[float] = []
        self.inputs: tuple[Any, ...] = ()
        self.target: Any = None
        self.asked_once = False
        self.inside = False
        self.started = time.process_time()
        self._begin()

    def _begin(self) -> None:
        self.loss, self.grad_norm, self.seen_backward = math.nan, 0.0, False

    def install(self) -> None:
        """Replace what every loop goes through; nothing of it is visible to the script."""
        patch(nn.Module, "__call__", self._call)
        patch(torch.Tensor, "backward", self._backward)
        patch(torch.optim.Optimizer, "__init__", self._new_optimizer)
        patch(DataLoader, "__init__", _without_workers)
        patch(DataLoader, "__iter__", self._iterate)
        for name in LOSSES:
            patch(F, name, self._loss)

    def _new_optimizer(self, original: Any, optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
        original(optimizer, *args, **kwargs)
        if optimizer not in self.optimizers:
            self.optimizers.append(optimizer)

    def _iterate(self, original: Any, loader: Any) -> Any:
        self.loader = self.loader or loader
        return original(loader)

    def _call(self, original: Any, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        training = torch.is_grad_enabled() and not self.inside
        if training and self.model is None and next(module.parameters(), None) is not None:
            self.model = module
            self.inputs = args
            for name, tool in ALONG.items():
                if self._fork(functools.partial(self._attach, name, tool)):
                    break
        if module is not self.model or not training:
            return original(module, *args, **kwargs)
        self.close()
        self.inputs = args
        if self.tool is not None:
            self._ask(self.tool.before_forward)
        return original(module, *args, **kwargs)

    def _loss(self, original: Any, operand: Any, target: Any = None, *args: Any, **kwargs: Any) -> Any:
        value = original(operand, target, *args, **kwargs)
        if self.inside or self.model is None or not isinstance(value, Tensor):
            return value
        if not torch.is_grad_enabled():
            self.held_out.append(float(value.detach().float().mean()))
            return value
        self.target = target
        self.loss = float(value.detach().float().mean())
        if not self.asked_once and self.tool is None and isinstance(target, Tensor) and self.inputs:
            self.asked_once = True
            batch = Batch(self.inputs, target.detach(), loss_like(original, operand, kwargs), self.loader)
            for name, call in ONE_BATCH.items():
                self._fork(functools.partial(self._once, name, call, batch))
        return value

    def _backward(self, original: Any, tensor: Tensor, *args: Any, **kwargs: Any) -> None:
        original(tensor, *args, **kwargs)
        if self.model is None or self.inside:
            return
        if tensor.numel() == 1:
            self.loss = float(tensor.detach())
        self._measure()

    def _measure(self) -> None:
        """After the backward pass, or where it ought to have been."""
        assert self.model is not None
        self.seen_backward = True
        grads = [p.grad.norm() for p in self.model.parameters() if p.grad is not None and not p.grad.is_sparse]
        self.grad_norm = float(torch.stack(grads).norm()) if grads else 0.0
        if self.tool is not None:
            inputs = self.inputs[0] if self.inputs else None
            self._ask(self.tool.after_backward, self.loss, inputs, self.target)

    def close(self) -> None:
        """The step before is over."""
        if self.model is None or (math.isnan(self.loss) and not self.seen_backward):
            return
        if not self.seen_backward:
            self._measure()
        lr = float(self.optimizer.param_groups[0]["lr"]) if self.optimizer else math.nan
        row = {"step": len(self.log), "loss": self.loss, "grad_norm": self.grad_norm, "lr": lr}
        if self.tool is not None:
            self._ask(self.tool.after_step, self.loss, lr)
        if self.held_out:
            row["val_loss"] = sum(self.held_out) / len(self.held_out)
            self.held_out.clear()
            if self.tool is not None:
                self._ask(self.tool.after_validation, row["val_loss"])
        self.log.append(row)
        self._begin()
        over = time.process_time() - self.started
        if self.tool is not None and (len(self.log) >= STEPS or over > SECONDS):
            self.finish("stopped")
        if self.tool is None and over > LOG_SECONDS:
            self.finish("stopped")

    @property
    def optimizer(self) -> torch.optim.Optimizer | None:
        """The optimizer that holds the model's parameters, or the last one that was built."""
        own = {id(p) for p in self.model.parameters()} if self.model is not None else set()
        for optimizer in self.optimizers:
            if any(id(p) in own for g in optimizer.param_groups for p in g["params"]):
                return optimizer
        return self.optimizers[-1] if self.optimizers else None

    def _attach(self, name: str, tool: type[Along]) -> None:
        assert self.model is not None
        self.name, self.started = name, time.process_time()
        self.tool = self._ask(tool, self.model, self.optimizer)

    def _once(self, name: str, call: Callable[..., list[Said]], batch: Batch) -> None:
        self.name = name
        said = self._ask(call, self.model, self.optimizer, batch)
        self._answer(said=said)

    def _ask(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call the tool; its exception is the answer."""
        self.inside = True
        try:
            return call(*args)
        except BaseException as error:
            self._answer(crash=f"{type(error).__name__}: {error}")
        finally:
            self.inside = False

    def finish(self, end: str) -> None:
        """The script is over, or enough of it was seen.  Never returns."""
        if self.tool is not None:
            self._answer(said=self._ask(self.tool.findings), end=end)
        (self.folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.log))
        (self.folder / "end.json").write_text(json.dumps({"end": end, "steps": len(self.log)}))
        sys.stdout.flush()
        os._exit(0)

    def _answer(self, said: list[Said] | None = None, crash: str = "", end: str = "") -> None:
        rows = [dataclasses.asdict(s) for s in said or []]
        result = {"said": rows, "crash": crash, "end": end, "steps": len(self.log)}
        (self.folder / f"{self.name}.json").write_text(json.dumps(result))
        os._exit(0)

    def _fork(self, begin: Callable[[], None]) -> bool:
        """Begin something in a child, which goes on with the script where that returns; whether this is the child."""
        state = random.getstate()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            random.setstate(state)
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            signal.signal(signal.SIGPROF, _too_slow)
            signal.setitimer(signal.ITIMER_PROF, TOOL_SECONDS)
            begin()
            return True
        until = time.monotonic() + TOOL_WALL_SECONDS
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.01)
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
        random.setstate(state)
        self.started = time.process_time()
        return False


def patch(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace ``owner.name`` by ``around(original, ...)``."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, call)


def _without_workers(original: Any, loader: Any, *args: Any, **kwargs: Any) -> None:
    """Worker processes do not survive the forks."""
    for name in ("num_workers", "persistent_workers", "prefetch_factor", "multiprocessing_context"):
        kwargs.pop(name, None)
    original(loader, *args, **kwargs)


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"no answer after {TOOL_SECONDS} CPU seconds")


def run_script(folder: Path, script: Path, argv: list[str]) -> None:
    """Run the script in this process, which ends with it; what happened lies in ``folder``."""
    sink = os.open(folder / "out.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    torch.set_num_threads(1)
    os.chdir(script.parent)
    sys.argv = [script.name, *argv]
    sys.path[0] = str(script.parent)
    wiring = Wiring(folder)
    wiring.install()
    end = "ok"
    try:
        runpy.run_path(script.name, run_name="__main__")
    except SystemExit as stop:
        end = "ok" if stop.code in (None, 0) else f"exit {stop.code}"
    except BaseException as error:
        end = f"{type(error).__name__}: {error}"
        traceback.print_exc()
    wiring.close()
    wiring.finish(end)
