"""Evaluation passes: outputs that met targets without a backward call after them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from sgd_doctor.observe.layers import has_mode
from sgd_doctor.observe.tasks import LOSS_FUNCTIONS, Pair, TargetStatistics, measure
from sgd_doctor.recording import HeldOut

MAX_GROUPS = 16


@dataclass
class _Sums:
    loss: float = 0.0
    loss_samples: int = 0
    hits: float = 0.0
    hit_samples: int = 0

    def add(self, pair: Pair) -> None:
        if not math.isnan(pair.loss):
            self.loss += pair.loss * pair.samples
            self.loss_samples += pair.samples
        if pair.accuracy is not None:
            self.hits += pair.accuracy * pair.samples
            self.hit_samples += pair.samples


@dataclass
class _Group:
    site: int
    training_mode: bool = False
    mode_flags_matter: bool = False
    by_step: dict[int, _Sums] = field(default_factory=lambda: defaultdict(_Sums))


class HeldOutRecorder:
    """Collects evaluation passes by the stack of user lines that called the model."""

    def __init__(self) -> None:
        self.groups: dict[tuple[int, ...], _Group] = {}
        self._key: tuple[int, ...] = ()
        self._step = 0
        self._pair: Pair | None = None
        self._from_loss = False

    def begin(self, step: int, stack: tuple[int, ...], site: int, module: nn.Module) -> None:
        """An evaluation forward starts."""
        self.commit()
        self._key, self._step = stack, step
        if stack not in self.groups and len(self.groups) < MAX_GROUPS:
            matters = any(has_mode(child) for child in module.modules())
            self.groups[stack] = _Group(site, module.training, matters)

    def meet(
        self,
        output: Tensor,
        target: Tensor,
        name: str,
        model_output: Tensor | None,
        statistics: TargetStatistics,
        binary: str = "",
    ) -> None:
        """Outputs met targets; a loss function counts more than a comparison of predictions.

        Args:
            output, target: what met in the function ``name``.
            model_output: what the model had put out.
            statistics: of the training targets.
            binary: the loss function of the training where its targets are 0 and 1; predictions that are compared
                with such labels say too little, and a score that is no error of theirs would be made of them.
        """
        is_loss = name in LOSS_FUNCTIONS
        if self._pair is not None and (self._from_loss or not is_loss):
            return
        source: Any = output
        if not output.is_floating_point() and model_output is not None:
            source = model_output
        if binary and not is_loss and model_output is not None and model_output.numel() == target.numel():
            source, name = model_output, binary
        # Held-out targets must not enter the statistics of the training targets.
        pair = measure(source, target, name, TargetStatistics(classes=statistics.classes))
        if pair is None:
            pair = _hits(output, target)
        if pair is not None:
            self._pair, self._from_loss = pair, is_loss

    def commit(self) -> None:
        group = self.groups.get(self._key)
        if self._pair is not None and group is not None:
            group.by_step[self._step].add(self._pair)
        self._pair, self._from_loss = None, False

    def discard(self) -> None:
        """The forward was no evaluation after all: a backward followed."""
        self._pair = None
        group = self.groups.get(self._key)
        if group is not None and not group.by_step:
            del self.groups[self._key]

    def freeze(self) -> tuple[HeldOut, ...]:
        self.commit()
        found = []
        for group in self.groups.values():
            steps = tuple(sorted(group.by_step))
            sums = [group.by_step[s] for s in steps]
            found.append(
                HeldOut(
                    site=group.site,
                    steps=steps,
                    loss=tuple(_ratio(s.loss, s.loss_samples) for s in sums),
                    accuracy=tuple(_ratio(s.hits, s.hit_samples) for s in sums),
                    samples=max((max(s.loss_samples, s.hit_samples) for s in sums), default=0),
                    training_mode=group.training_mode,
                    mode_flags_matter=group.mode_flags_matter,
                )
            )
        return tuple(found)


def _hits(predictions: Tensor, labels: Tensor) -> Pair | None:
    """The accuracy of predictions that were collected sample by sample; None where these are no labels."""
    same = predictions.shape == labels.shape and predictions.dim() == 1 and len(labels) > 1
    if not same or predictions.is_floating_point() or labels.is_floating_point():
        return None
    right = float((predictions == labels).double().mean())
    return Pair("class", math.nan, right, len(labels))


def _ratio(joint: float, count: int) -> float | None:
    value = joint / count if count else math.nan
    return value if math.isfinite(value) else None
