"""Passes on what the script prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

MAX_SHOWN = 1 << 20
"""Bytes of the script's output that are shown."""


class Echo:
    """Passes the script's output on."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.sink = sink

    def follow(self, pipe: BinaryIO) -> None:
        while chunk := os.read(pipe.fileno(), 1 << 16):
            self.sink(chunk)


class Limited:
    """Shows the script's output up to a limit."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.sink, self.left = sink, MAX_SHOWN

    def __call__(self, data: bytes) -> None:
        if self.left > 0:
            self.sink(data[: self.left])
            self.left -= len(data)
            if self.left <= 0:
                self.sink(b"\n[the script prints more than 1 MB; the rest is not shown]\n")
