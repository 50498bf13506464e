"""What was measured by parameter at sampled steps, within a fixed amount of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_ROWS = 400
"""Sampled steps that are kept; beyond, every other one is given up, again and again."""
SHOWN_ROWS = 200
"""Sampled steps that go into a recording."""
MAX_COLUMNS = 256
"""Parameters that are kept, the first that had a gradient."""


class SampledTables:
    """Rows by sampled step, columns by parameter."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._rows: list[tuple[int, dict[str, float], dict[str, float]]] = []
        self._seen = 0
        self._stride = 1

    def add(
        self, step: int, held: Sequence[str], norms: Sequence[float], labels: Sequence[str], ratios: Sequence[float]
    ) -> None:
        """Take in one step.

        Args:
            step: its number.
            held: parameters with a gradient.
            norms: norms of these gradients.
            labels: parameters that could be compared with themselves before the step.
            ratios: norm of their change over their norm.
        """
        self._seen += 1
        if (self._seen - 1) % self._stride:
            return
        for name in held:
            if len(self.names) == MAX_COLUMNS:
                break
            self.names[name] = None
        self._rows.append((step, self._kept(held, norms), self._kept(labels, ratios)))
        if len(self._rows) > MAX_ROWS:
            self._rows = self._rows[::2]
            self._stride *= 2

    def freeze(self) -> tuple[tuple[str, ...], dict[str, list[float] | list[list[float]]]]:
        """Names of the columns, and the tables of a recording."""
        kept = self._rows[:: max(1, math.ceil(len(self._rows) / SHOWN_ROWS))]
        if not kept:
            return tuple(self.names), {"sampled_steps": []}
        return tuple(self.names), {
            "grad_norm": [[norms.get(n, math.nan) for n in self.names] for _, norms, _ in kept],
            "update_ratio": [[ratios.get(n, math.nan) for n in self.names] for _, _, ratios in kept],
            "sampled_steps": [float(step) for step, _, _ in kept],
        }

    def _kept(self, names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
        """The first columns, and those that are known to be wanted."""
        found = dict(zip(names[:MAX_COLUMNS], values, strict=False))
        missing = [n for n in self.names if n not in found] if len(names) > MAX_COLUMNS else []
        if missing:
            every = dict(zip(names, values, strict=True))
            found |= {n: every[n] for n in missing if n in every}
        return found
