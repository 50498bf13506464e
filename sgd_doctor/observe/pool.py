"""How well the model as it is at the end predicts batches from the whole run, not only the latest ones."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sgd_doctor.observe.tasks import Pair, TargetStatistics, measure
from sgd_doctor.observe.tensors import first_floating

MAX_KEPT = 32

Call = tuple[nn.Module, tuple[Any, ...]]
"""A model and its positional arguments."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Kept:
    """A batch as it reached the model, and the loss function in which the outputs met ``target``."""

    root: nn.Module
    args: tuple[Any, ...]
    target: Tensor
    name: str


class Pool:
    """Keeps batches evenly spread over a replay and evaluates the model on them when it ends."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.stride = 1
        self.seen = 0

    def add(self, root: nn.Module, args: tuple[Any, ...], target: Tensor, name: str) -> None:
        """Keep this batch, if it is its turn."""
        if self.seen % self.stride == 0:
            self.kept.append(Kept(root, args, target, name))
            if len(self.kept) >= MAX_KEPT:
                self.kept = self.kept[::2]
                self.stride *= 2
        self.seen += 1

    def loss(self) -> float:
        """Mean task loss over the kept batches; NaN where it cannot be told."""
        found = [pair.loss for pair in evaluated(self.kept)]
        return sum(found) / len(found) if found else math.nan


def evaluated(kept: Sequence[Kept]) -> list[Pair]:
    """Loss and accuracy of each batch in evaluation mode; none where the model takes more than these arguments."""

    def judge(made: Iterator[Tensor | None]) -> list[Pair]:
        met = [
            measure(output, item.target, item.name, TargetStatistics())
            for item, output in zip(kept, made, strict=True)
            if output is not None
        ]
        return [pair for pair in met if pair is not None]

    return _apart([(item.root, item.args) for item in kept], judge)


def outputs(calls: Sequence[Call]) -> list[Tensor | None]:
    """What each model makes of its arguments in evaluation mode; none at all where one takes more than these."""
    return _apart(calls, list)


def _apart(calls: Sequence[Call], use: Callable[[Iterator[Tensor | None]], list[_T]]) -> list[_T]:
    """``use`` of the outputs, each computed when it is asked for, in a thread that the observer does not watch."""
    found: list[_T] = []
    if calls:
        worker = threading.Thread(target=lambda: found.extend(_evaluate(calls, use)))
        worker.start()
        worker.join()
    return found


def _evaluate(calls: Sequence[Call], use: Callable[[Iterator[Tensor | None]], list[_T]]) -> list[_T]:
    modes = [(m, m.training) for root in {id(root): root for root, _ in calls}.values() for m in root.modules()]
    for module, _ in modes:
        module.training = False
    try:
        with torch.no_grad():
            return use(first_floating(root(*args)) for root, args in calls)
    except Exception:  # the model takes more than its positional arguments: nothing can be told
        return []
    finally:
        for module, training in modes:
            module.training = training
