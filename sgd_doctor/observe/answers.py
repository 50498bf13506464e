"""Sequences whose targets are among their own inputs: the next token, or the very same one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from sgd_doctor.observe.tasks import IGNORE_INDEX
from sgd_doctor.observe.tensors import plain
from sgd_doctor.signals import Answers

LEAST_LENGTH = 4
LEAST_TOKENS = 3
"""Different tokens in a batch, below which equal sequences are no evidence."""


class AnswerRecorder:
    """Keeps the places that held the targets in every batch that was looked at."""

    def __init__(self) -> None:
        self.batches = 0
        self._places: set[Answers] | None = None

    def look(self, args: tuple[Any, ...], target: Tensor) -> None:
        """Compare the integer arguments of the model with what its outputs met in the loss."""
        if target.is_floating_point() or not plain(target) or not target.numel():
            return
        found = {place for place in _places(args) if _holds(args[place.argument], target, place)}
        self._places = found if self._places is None else self._places & found
        self.batches += 1

    def freeze(self) -> Answers | None:
        """The first place that never failed; None where there is none, or only one batch was seen."""
        if self.batches < 2 or not self._places:
            return None
        return min(self._places, key=lambda p: (p.shift, p.argument, p.axis))


def _places(args: tuple[Any, ...]) -> Iterator[Answers]:
    for number, argument in enumerate(args):
        if not isinstance(argument, Tensor) or argument.is_floating_point() or argument.dim() != 2:
            continue
        for axis in (1, 0):
            if plain(argument) and argument.shape[axis] >= LEAST_LENGTH:
                yield from (Answers(number, shift, axis) for shift in (0, 1))


def _holds(argument: Tensor, target: Tensor, place: Answers) -> bool:
    """Whether the target of each position stands ``shift`` positions further on in the argument."""
    length = argument.shape[place.axis]
    others = argument.numel() // length
    known = argument.narrow(place.axis, place.shift, length - place.shift)
    for wanted in (length, length - place.shift):  # the last target may lie beyond the argument
        if target.numel() != wanted * others:
            continue
        shaped = target.reshape(wanted, others) if place.axis == 0 else target.reshape(others, wanted)
        shaped = shaped.narrow(place.axis, 0, length - place.shift)
        counted = shaped != IGNORE_INDEX
        same = bool((shaped[counted] == known[counted]).all())
        return same and len(torch.unique(known[counted])) >= LEAST_TOKENS
    return False
