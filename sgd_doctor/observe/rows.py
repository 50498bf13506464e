"""The rows of a recording, step after step: the latest as they are, earlier ones packed."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable

BLOCK = 4096
"""Rows that are packed together."""
LEVEL = 1
"""Of zlib: columns that stay the same shrink to nothing at any level, and losses at none."""


class Rows:
    """Numbers by step and column; nothing is given up, whatever the number of steps.

    A million steps of :data:`~sgd_doctor.observe.steps.COLUMNS` would take 128 MB; most of these columns hardly
    change.
    """

    def __init__(self, width: int) -> None:
        self.width, self.count = width, 0
        self._recent = array("d")
        self._packed: list[bytes] = []

    def append(self, row: Iterable[float]) -> None:
        """Add a row of ``width`` values."""
        self._recent.extend(row)
        self.count += 1
        if not self.count % BLOCK:
            by_column = b"".join(self._recent[i :: self.width].tobytes() for i in range(self.width))
            self._packed.append(zlib.compress(by_column, LEVEL))
            self._recent = array("d")

    def columns(self, *wanted: int) -> list[array[float]]:
        """Columns by their numbers, all where none is named, each with a value for every row."""
        numbers = wanted or tuple(range(self.width))
        found = [array("d") for _ in numbers]
        size = BLOCK * array("d").itemsize
        for packed in self._packed:
            block = zlib.decompress(packed)
            for column, number in zip(found, numbers, strict=True):
                column.frombytes(block[number * size : (number + 1) * size])
        for column, number in zip(found, numbers, strict=True):
            column.extend(self._recent[number :: self.width])
        return found
