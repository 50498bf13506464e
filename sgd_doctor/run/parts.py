"""A training loop of our own around the user's model, data, optimizer and loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.utils.data import Dataset, IterableDataset

from sgd_doctor.errors import UsageError

EVALUATE_EVERY = 100
"""Steps between two evaluations within an epoch."""
MAX_EVALUATED = 64
"""Batches of an evaluation."""


@dataclass(frozen=True)
class Parts:
    """What a user trains with.

    Attributes:
        model: called as ``model(*inputs)``, or as ``model(**batch)`` where batches are mappings.
        loader: gives the batches of one epoch each time it is iterated: ``(x, ..., target)``, a mapping,
            or one tensor that is its own target.
        optimizer: steps after each batch.
        loss_fn: called as ``loss_fn(output, target)``; None where the model's output holds its loss, as
            attribute ``loss`` or under the key ``"loss"``.
        val_loader: held-out batches of the same form.
    """

    model: nn.Module
    loader: Iterable[Any]
    optimizer: Optimizer
    loss_fn: Callable[..., Any] | None = None
    val_loader: Iterable[Any] | None = None

    def __post_init__(self) -> None:
        """Look for what is certainly wrong, without taking a batch.

        Raises:
            UsageError: an argument is of the wrong kind.
        """
        if not isinstance(self.model, nn.Module):
            raise UsageError(f"model must be a torch.nn.Module, not {_kind(self.model)}")
        if not isinstance(self.optimizer, Optimizer):
            raise UsageError(f"optimizer must be a torch.optim.Optimizer, not {_kind(self.optimizer)}")
        if self.loss_fn is not None and not callable(self.loss_fn):
            raise UsageError(f"loss_fn must be callable as loss_fn(output, target), not {_kind(self.loss_fn)}")
        _require_batches("loader", self.loader)
        if self.val_loader is not None:
            _require_batches("val_loader", self.val_loader)

    @property
    def modules(self) -> list[nn.Module]:
        """The model, and the loss where it is a module."""
        return [self.model, *([self.loss_fn] if isinstance(self.loss_fn, nn.Module) else [])]

    @property
    def loaders(self) -> list[Iterable[Any]]:
        """The loaders that there are."""
        return [self.loader, *([self.val_loader] if self.val_loader is not None else [])]

    @property
    def devices(self) -> set[str]:
        """Kinds of device on which the model lies."""
        return {t.device.type for m in self.modules for t in (*m.parameters(), *m.buffers())}


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _require_batches(name: str, loader: object) -> None:
    if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
        raise UsageError(f"{name} is a data set; put it into a torch.utils.data.DataLoader, which makes batches")
    if not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise UsageError(f"{name} must give batches when iterated, and {_kind(loader)} cannot be iterated")
    if isinstance(loader, (str, bytes, Tensor)):
        raise UsageError(f"{name} must give batches when iterated, not {_kind(loader)}")
    try:
        empty = isinstance(loader, Sized) and len(loader) == 0
    except TypeError:  # a loader of an iterable data set has __len__, and does not know it
        empty = False
    if empty:
        raise UsageError(f"{name} has no batches")


class Loop:
    """Trains the parts.

    Args:
        parts: what to train.
        enough: asked after each step whether to stop.
    """

    def __init__(self, parts: Parts, enough: Callable[[], bool]) -> None:
        self.parts, self.enough = parts, enough
        self.steps = self._evaluated = 0
        device = next((t.device for m in parts.modules for t in (*m.parameters(), *m.buffers())), None)
        self.device = device or torch.device("cpu")

    def run(self) -> None:
        """Train epoch after epoch until it is enough or the loader gives nothing more.

        Raises:
            UsageError: the batches, the output or the loss are of a form that cannot be trained.
        """
        self.parts.model.train()
        while True:
            begun = self.steps
            for batch in self.parts.loader:
                self.step(batch)
                if self.enough():
                    return
                if self.steps - self._evaluated >= EVALUATE_EVERY:
                    self.evaluate()
            if not self.steps:
                raise UsageError("loader has no batches")
            if self.steps == begun:
                return
            self.evaluate()

    def step(self, batch: Any) -> None:
        """One optimizer step."""
        optimizer = self.parts.optimizer

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            return loss

        asks_again = isinstance(optimizer, LBFGS)
        if asks_again:
            optimizer.step(closure)  # type: ignore[arg-type]  # torch's own loops give it a tensor as well
        else:
            closure()
            optimizer.step()
        self.steps += 1

    def loss(self, batch: Any) -> Tensor:
        """The loss of one batch, a tensor with one element."""
        batch = _moved(batch, self.device)
        output, target = self._output(batch)
        if self.parts.loss_fn is not None:
            loss = self.parts.loss_fn(output, target)
        elif isinstance(output, Mapping):
            loss = output.get("loss")
        else:
            loss = getattr(output, "loss", None)
            if loss is None:
                raise UsageError(f"loss_fn is None, and the model's output ({_kind(output)}) holds no loss")
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else _kind(loss)
            raise UsageError(f"the loss must be a tensor with one element, not {found}")
        return loss

    def _output(self, batch: Any) -> tuple[Any, Any]:
        """The model's output and what it is compared with."""
        model = self.parts.model
        if isinstance(batch, Tensor):
            return model(batch), batch
        if isinstance(batch, Mapping):
            return model(**batch), batch
        if isinstance(batch, (tuple, list)) and batch:
            *inputs, target = batch
            return model(*(inputs or [target])), target
        raise UsageError(f"a batch must be (inputs, target), a mapping or a tensor, not {_kind(batch)}")

    def evaluate(self) -> None:
        """Compute the loss on held-out batches; the model's modes are afterwards as before."""
        if self.parts.val_loader is None or self._evaluated == self.steps:
            return
        self._evaluated = self.steps
        modes = [(m, m.training) for m in self.parts.model.modules()]
        self.parts.model.eval()
        try:
            with torch.no_grad():
                for batch in islice(self.parts.val_loader, MAX_EVALUATED):
                    self.loss(batch)
        finally:
            for module, mode in modes:
                module.training = mode


def _moved(value: Any, device: torch.device) -> Any:
    """``value`` with its tensors on ``device``."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_moved(item, device) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(item, device) for item in value)
    return value.to(device) if isinstance(value, Mapping) and hasattr(value, "to") else value
