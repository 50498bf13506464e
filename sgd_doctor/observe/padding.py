"""Padding masks that reach attention: which end of the rows do they leave out?"""

from __future__ import annotations

import torch
from torch import Tensor

from sgd_doctor.observe.tensors import plain
from sgd_doctor.signals import Padding

ATTENTION = "multi_head_attention_forward"


class PaddingRecorder:
    """Counts rows of the masks of training batches."""

    def __init__(self) -> None:
        self.rows = self.leading = 0
        self.site = -1

    @torch.no_grad()
    def look(self, mask: Tensor, site: int) -> None:
        """Take in one mask, (batch, positions): boolean, or added to the scores."""
        if not plain(mask) or mask.dim() != 2 or mask.shape[1] < 2:
            return
        hidden = left_out(mask)
        mixed = hidden.any(dim=1) & ~hidden.all(dim=1)
        self.rows += int(mixed.sum())
        self.leading += int((mixed & hidden[:, 0] & ~hidden[:, -1]).sum())
        if self.site < 0:
            self.site = site

    def freeze(self) -> Padding | None:
        return Padding(self.site, self.rows, self.leading) if self.rows else None


def left_out(mask: Tensor) -> Tensor:
    """Which positions attention does not see."""
    return mask if mask.dtype == torch.bool else mask < 0
