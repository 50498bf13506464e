"""The other tools that look at a run, wired as their own documentation says: a few lines each around a loop.

A class is a tool beside a loop that goes on (``ALONG``), a function is one call with a batch (``ONE_BATCH``).  What
they say comes back as :class:`Said`, in the tool's own order.  Shared by ``peers.py`` (what they find) and
``overhead.py`` (what they cost).
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import io
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

EVERY = 10
"""Of how many steps torch-audit looks at one; its default of 1000 would see only the first."""
LOSS_SPAN = 10.0
"""How far the rate in use has to be from the one that torch-lr-finder suggests to count as said to be wrong."""


@dataclass(frozen=True)
class Said:
    """One thing that a tool said: rule and message in one text, and whether it was a warning or more."""

    text: str
    alarm: bool = True


@dataclass(frozen=True)
class Batch:
    """What the tools with one call need: ``loss_fn(output, target)`` as in the script, and its loader if any."""

    inputs: tuple[Any, ...]
    target: Tensor
    loss_fn: Callable[[Any, Tensor], Tensor]
    loader: Any = None


def different(said: Iterable[Said]) -> list[Said]:
    """Each message once, in order: numbers, and layers told by a number, make no difference."""
    seen: dict[tuple[str, bool], Said] = {}
    for one in said:
        seen.setdefault((re.sub(r"[-+]?\d[\d.e+-]*", "#", one.text), one.alarm), one)
    return list(seen.values())


class Along:
    """A tool beside a loop.  The calls come in the order of a step; what a tool does not need it leaves out."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        self.model, self.optimizer, self.step, self.said = model, optimizer, 0, list[Said]()
        self.attach()

    def attach(self) -> None:
        """Hooks are placed."""

    def before_forward(self) -> None:
        """The next step begins."""

    def after_backward(self, loss: float, inputs: Any, target: Any) -> None:
        """Gradients are there and not yet used."""

    def after_step(self, loss: float, lr: float) -> None:
        """The weights have moved."""

    def after_validation(self, loss: float) -> None:
        """A mean loss on held-out data is known."""

    def findings(self) -> list[Said]:
        """What the tool has to say at the end."""
        return different(self.said)


class Torchmortem(Along):
    """Hooks on every module, judged at the end."""

    def attach(self) -> None:
        from torchmortem import Autopsy

        self.autopsy = Autopsy(self.model, optimizer=self.optimizer)
        self.autopsy.attach()
        atexit.unregister(self.autopsy._atexit_handler)  # it would leave a page in the current folder

    def after_step(self, loss: float, lr: float) -> None:
        self.autopsy.step(loss=loss)

    def findings(self) -> list[Said]:
        self.autopsy.detach()
        report = self.autopsy.get_report()
        found = sorted(report.findings, key=lambda f: -f.severity)
        insights = [Said(f"insight: {i.title}", False) for i in report.insights]
        return different([*(Said(f"{f.category}: {f.title}", f.severity >= 1) for f in found), *insights])


class TrainingDoctor(Along):
    """Numbers of each step, judged as they come."""

    def attach(self) -> None:
        from training_doctor import Doctor

        self.doctor = Doctor()
        self.grad_norm = 0.0

    def after_backward(self, loss: float, inputs: Any, target: Any) -> None:
        grads = [p.grad.norm() for p in self.model.parameters() if p.grad is not None and not p.grad.is_sparse]
        self.grad_norm = float(torch.stack(grads).norm()) if grads else 0.0

    def after_step(self, loss: float, lr: float) -> None:
        self._log(loss=loss, grad_norm=self.grad_norm, lr=lr)
        self.step += 1

    def after_validation(self, loss: float) -> None:
        self._log(eval_loss=loss)

    def _log(self, **numbers: float) -> None:
        for d in self.doctor.log(step=self.step, **numbers):
            self.said.append(Said(f"{d.detector_name}: {d.problem}", d.severity.name != "INFO"))


class TorchAudit(Along):
    """``autopatch``: replaces ``forward`` and ``step``."""

    def attach(self) -> None:
        from torch_audit import autopatch

        self.auditor = autopatch(self.model, optimizer=self.optimizer, every_n_steps=EVERY, reporters=[])

    def findings(self) -> list[Said]:
        found = self.auditor.finish(report=False).findings
        ranked = sorted(found, key=lambda f: f.severity, reverse=True)
        return different(Said(f"{f.rule_id}: {f.message}", f.severity.value != "INFO") for f in ranked)


class Traintools(Along):
    """The inspectors of batches and gradients, each step."""

    def attach(self) -> None:
        from traintools import BatchInspector, GradientHealthMonitor

        self.batches, self.gradients = BatchInspector(), GradientHealthMonitor()

    def after_backward(self, loss: float, inputs: Any, target: Any) -> None:
        lr = self.optimizer.param_groups[0]["lr"] if self.optimizer is not None else None
        lr = float(lr) if lr is not None else None
        for report in (
            self.batches.inspect(inputs, target, step=self.step),
            self.gradients.inspect(self.model, step=self.step, lr=lr),
        ):
            self.said += [Said(w) for w in report.warnings]
        self.step += 1


class NeuralObservatory(Along):
    """Hooks on every layer, judged at the end."""

    def attach(self) -> None:
        from neural_observatory import Observatory

        self.observatory = Observatory(self.model)
        self.observatory.watch()

    def before_forward(self) -> None:
        self.observatory.step(step=self.step, epoch=0)
        self.step += 1

    def findings(self) -> list[Said]:
        self.observatory.stop()
        results = sorted(self.observatory.report().results, key=lambda r: -r.severity)
        bad = ("warning", "critical")
        return different(
            Said(f"{r.analyzer_name}: {'; '.join(r.warnings)}", r.status.value in bad)
            for r in results
            if r.status.value != "healthy"
        )


class Trainscope(Along):
    """Records each step between ``backward`` and ``step``; spikes are told as they come."""

    def attach(self) -> None:
        from trainscope import TrainScope
        from trainscope.core.config import TrainScopeConfig

        folder = tempfile.mkdtemp(prefix="trainscope")
        self.scope = TrainScope(self.model, self.optimizer, config=TrainScopeConfig(run_dir=folder)).attach()

    def after_backward(self, loss: float, inputs: Any, target: Any) -> None:
        if self.scope.step(loss):
            self.said.append(Said("spike of the loss"))


class Neuraldbg(Along):
    """Hooks on every layer; every event counts as said, as ``explain_failure`` repeats each."""

    def attach(self) -> None:
        from neuraldbg import NeuralDbg

        self.debugger = NeuralDbg(self.model)
        self.debugger.__enter__()

    def after_backward(self, loss: float, inputs: Any, target: Any) -> None:
        self.debugger.record_loss(loss)

    def after_step(self, loss: float, lr: float) -> None:
        self.debugger.step_iteration()

    def findings(self) -> list[Said]:
        self.debugger.__exit__(None, None, None)
        calm = ("healthy", "normal", "stable")
        said = []
        for event in self.debugger.get_events():
            state = str(getattr(event.to_state, "value", event.to_state))
            said.append(Said(f"{event.event_type.value}: {state}", state not in calm))
        return different(said)


ALONG: dict[str, type[Along]] = {
    "torchmortem": Torchmortem,
    "training-doctor": TrainingDoctor,
    "torch-audit": TorchAudit,
    "traintools": Traintools,
    "neural-observatory": NeuralObservatory,
    "trainscope": Trainscope,
    "neuraldbg": Neuraldbg,
}
"""The tools that run along, by the names of their packages."""


def torchtest2(model: nn.Module, optimizer: Any, batch: Batch) -> list[Said]:
    """One call; failures first, as its summary counts them."""
    import torchtest2

    inputs = batch.inputs[0] if len(batch.inputs) == 1 else batch.inputs
    report = torchtest2.check_model(model, inputs, batch.target, loss_fn=batch.loss_fn, optimizer=optimizer)
    return [Said(f"{r.name}: {r.message}") for r in (*report.failures, *report.warnings)]


def torchdiag(model: nn.Module, optimizer: Any, batch: Batch) -> list[Said]:
    """Its four reports; what they print after a dot is what they object to."""
    import torchdiag

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        torchdiag.summary(model)
        torchdiag.verify_step(model, optimizer, batch.loss_fn, batch.inputs[0], batch.target)
        torchdiag.check_gradients(model)
        torchdiag.check_dead_neurons(model, batch.inputs[0])
    return different(Said(line.strip(" •")) for line in printed.getvalue().splitlines() if line.strip().startswith("•"))


def lr_finder(model: nn.Module, optimizer: Any, batch: Batch) -> list[Said]:
    """A range test of 100 rates; the suggestion is held against the rate in use."""
    from torch.utils.data import DataLoader, TensorDataset
    from torch_lr_finder import LRFinder

    used = float(optimizer.param_groups[0]["lr"])
    for group in optimizer.param_groups:
        group["lr"] = used / 1000
        group.pop("initial_lr", None)
    loader = batch.loader or DataLoader(TensorDataset(batch.inputs[0], batch.target), batch_size=len(batch.target))
    finder = LRFinder(model, optimizer, batch.loss_fn)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        finder.range_test(loader, end_lr=max(10.0, used * 100), num_iter=100)
    losses = torch.tensor(finder.history["loss"])[10:-5]
    rates = finder.history["lr"][10:-5]
    if len(losses) < 2:
        return []
    suggested = float(rates[int(torch.gradient(losses)[0].argmin())])
    if used > suggested * LOSS_SPAN:
        return [Said(f"used rate {used:.3g} is too high: {suggested:.3g} is suggested")]
    if used < suggested / LOSS_SPAN:
        return [Said(f"used rate {used:.3g} is too low: {suggested:.3g} is suggested")]
    return []


ONE_BATCH: dict[str, Callable[[nn.Module, Any, Batch], list[Said]]] = {
    "torchtest2": torchtest2,
    "torchdiag": torchdiag,
    "torch-lr-finder": lr_finder,
}
"""The tools that are called once with a model and a batch."""


Loss = Callable[[Any, Tensor], Tensor]


def loss_like(function: Callable[..., Tensor], operand: Tensor, keywords: dict[str, Any]) -> Loss:
    """``function`` as the script called it on ``operand``, for an output of the model as it comes."""
    shape = operand.shape
    keywords = copy.copy(keywords)

    def loss(output: Any, target: Tensor) -> Tensor:
        found = first_tensor(output)
        if found.shape[1:] != shape[1:] and found.numel() % max(shape[1:].numel(), 1) == 0:
            found = found.reshape(-1, *shape[1:])
        return function(found, target, **keywords)

    return loss


def first_tensor(value: Any) -> Tensor:
    """The first tensor in nested outputs."""
    if isinstance(value, Tensor):
        return value
    for part in value.values() if isinstance(value, dict) else value:
        with contextlib.suppress(TypeError, ValueError):
            return first_tensor(part)
    raise ValueError("no tensor in the output")
