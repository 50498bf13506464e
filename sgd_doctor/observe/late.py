"""Numbers that a device has not computed yet: read when they are there, so that nobody waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LAG = 8
"""Reads that may be on their way; before more begin, the oldest is waited for.  The device has work queued by then."""

Use = Callable[[list[float]], None]


@dataclass(frozen=True)
class _Read:
    buffer: Tensor
    done: Any
    """The event after which ``buffer`` is filled; None where the copy was finished at once."""
    use: Use


class LateReads:
    """Reads through pinned memory on a stream of its own; every result is used once, in the order of asking."""

    def __init__(self) -> None:
        self._waiting: deque[_Read] = deque()
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def read(self, values: Sequence[Tensor], use: Use) -> None:
        """Hand all elements of ``values``, in double precision, to ``use`` once they are known.

        Args:
            values: tensors of any shape on one device; they may be changed as soon as this returns.
            use: called from :meth:`poll` or :meth:`settle`.
        """
        with torch.no_grad():
            joined = torch.cat([v.detach().reshape(-1).double() for v in values])
        if len(self._waiting) >= LAG:
            self._use_oldest()
        self._waiting.append(self._copied(joined, use) if joined.is_cuda else _Read(joined, None, use))

    def _copied(self, joined: Tensor, use: Use) -> _Read:
        stream = self._streams.get(joined.device)
        if stream is None:
            stream = self._streams[joined.device] = torch.cuda.Stream(joined.device)  # type: ignore[no-untyped-call]
        buffer = torch.empty(joined.shape, dtype=joined.dtype, pin_memory=True)
        stream.wait_stream(torch.cuda.current_stream(joined.device))
        with torch.cuda.stream(stream):
            buffer.copy_(joined, non_blocking=True)
            done = stream.record_event()
        joined.record_stream(stream)  # its memory is not given to others before the copy is done
        return _Read(buffer, done, use)

    def poll(self) -> None:
        """Use what has arrived."""
        while self._waiting and (self._waiting[0].done is None or self._waiting[0].done.query()):
            self._use_oldest()

    def settle(self) -> None:
        """Wait for all that was asked for, and use it."""
        while self._waiting:
            self._use_oldest()

    def _use_oldest(self) -> None:
        read = self._waiting.popleft()
        if read.done is not None:
            read.done.synchronize()
        read.use(read.buffer.tolist())
