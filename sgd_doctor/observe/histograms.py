"""How values are spread: a few rows of each batch are kept and counted when the run is over."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 24
ROWS = 128
"""Rows kept of each batch: with the 24 batches that are looked at, about 3000 values for a column."""
COLUMNS = 60
"""Columns kept; of more, evenly spaced ones."""


class KeptRows:
    """Rows of the batches as they were; while the run is watched they are copied and nothing else."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []
        self.columns: Tensor | None = None

    def add(self, rows: Tensor) -> None:
        """Keep evenly spaced rows of ``rows`` (a matrix; always the same number of columns)."""
        if self.columns is None:
            width = rows.shape[1]
            # Positions are integers: an evenly spaced float would round two neighbours to one.
            self.columns = (torch.arange(min(width, COLUMNS), device=rows.device) * width) // min(width, COLUMNS)
        every = rows.shape[0] // ROWS + 1
        self.rows.append(rows[::every].index_select(1, self.columns).float())

    def positions(self) -> tuple[int, ...]:
        """Which columns were kept."""
        return tuple(self.columns.tolist()) if self.columns is not None else ()

    def histograms(self, low: Tensor, high: Tensor) -> tuple[tuple[int, ...], ...]:
        """Counts in :data:`BINS` equal bins between each kept column's ``low`` and ``high`` (of all columns).

        Values that are not finite are not counted; a column whose bounds are not finite has no counts.
        """
        if self.columns is None:
            return ()
        values, chosen = torch.cat(self.rows).double().cpu(), self.columns.cpu()
        low, high = low.cpu()[chosen].double(), high.cpu()[chosen].double()
        width = torch.where(high > low, high - low, torch.ones_like(low))
        share = ((values - low) / width).nan_to_num(nan=-1.0, posinf=-1.0, neginf=-1.0)
        bins = (share * BINS).long().clamp(max=BINS - 1)
        known = values.isfinite() & low.isfinite() & high.isfinite() & (share >= 0)
        table = torch.zeros(len(chosen), BINS, dtype=torch.long, device="cpu")
        columns = torch.arange(len(chosen), device="cpu").expand_as(bins)
        table.index_put_((columns[known], bins[known]), torch.ones_like(bins[known]), accumulate=True)
        return tuple(tuple(counts) for counts in table.tolist())
