"""How well the model as it is at the end predicts batches from the whole run, not only the latest ones."""

from __future__ import annotations

import math
import threading
from typing import Any

import torch
from torch import Tensor, nn

from sgd_doctor.observe.tasks import TargetStatistics, measure
from sgd_doctor.observe.tensors import tensors_in

MAX_KEPT = 32


class Pool:
    """Keeps batches evenly spread over a replay and evaluates the model on them when it ends."""

    def __init__(self) -> None:
        self.kept: list[tuple[nn.Module, tuple[Any, ...], Tensor, str]] = []
        self.stride = 1
        self.seen = 0

    def add(self, root: nn.Module, args: tuple[Any, ...], target: Tensor, name: str) -> None:
        if self.seen % self.stride == 0:
            self.kept.append((root, args, target, name))
            if len(self.kept) >= MAX_KEPT:
                self.kept = self.kept[::2]
                self.stride *= 2
        self.seen += 1

    def loss(self) -> float:
        """Mean task loss over the kept batches; NaN where it cannot be told.

        Evaluated in a thread of its own, which the observer does not watch.
        """
        found: list[float] = []
        if self.kept:
            worker = threading.Thread(target=self._evaluate, args=(found,))
            worker.start()
            worker.join()
        return sum(found) / len(found) if found else math.nan

    def _evaluate(self, found: list[float]) -> None:
        modes = [(m, m.training) for root in {id(k[0]): k[0] for k in self.kept}.values() for m in root.modules()]
        for module, _ in modes:
            module.training = False
        try:
            with torch.no_grad():
                for root, args, target, name in self.kept:
                    output = next((t for t in tensors_in(root(*args)) if t.is_floating_point()), None)
                    pair = measure(output, target, name, TargetStatistics()) if output is not None else None
                    if pair is not None:
                        found.append(pair.loss)
        except Exception:  # the model takes more than its positional arguments: nothing can be told
            found.clear()
        finally:
            for module, training in modes:
                module.training = training
