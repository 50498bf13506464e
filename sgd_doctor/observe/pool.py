"""How well the model as it is at the end predicts batches from the whole run, not only the latest ones."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sgd_doctor.observe.tasks import Pair, TargetStatistics, measure
from sgd_doctor.observe.tensors import tensors_in

MAX_KEPT = 32


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
    """Loss and accuracy of each batch in evaluation mode; none where the model takes more than these arguments.

    Evaluated in a thread of its own, which the observer does not watch.
    """
    found: list[Pair] = []
    if kept:
        worker = threading.Thread(target=_evaluate, args=(kept, found))
        worker.start()
        worker.join()
    return found


def _evaluate(kept: Sequence[Kept], found: list[Pair]) -> None:
    modes = [(m, m.training) for root in {id(k.root): k.root for k in kept}.values() for m in root.modules()]
    for module, _ in modes:
        module.training = False
    try:
        with torch.no_grad():
            for item in kept:
                output = next((t for t in tensors_in(item.root(*item.args)) if t.is_floating_point()), None)
                pair = measure(output, item.target, item.name, TargetStatistics()) if output is not None else None
                if pair is not None:
                    found.append(pair)
    except Exception:  # the model takes more than its positional arguments: nothing can be told
        found.clear()
    finally:
        for module, training in modes:
            module.training = training
