"""Whether this command is one of several processes that train together, as torchrun and its like tell them."""

from __future__ import annotations

import os
import signal


def rank() -> int:
    """The number of this process among those of the run; 0 for a process on its own."""
    return _number("RANK", 0) if world_size() > 1 else 0


def world_size() -> int:
    """How many processes train together."""
    return max(1, _number("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def _number(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, ""))
    except ValueError:
        return default


def heed_termination() -> None:
    """Where several processes train together, treat SIGTERM as Ctrl-C: whoever started them ends them so."""
    if world_size() > 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
