"""Whether this command is one of several processes that train together, as torchrun and its like tell them."""

from __future__ import annotations

import os
import signal
import socket


def rank() -> int:
    """The number of this process among those of the run; 0 for a process on its own."""
    return _number("RANK", 0) if world_size() > 1 else 0


def world_size() -> int:
    """How many processes train together."""
    return max(1, _number("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def on_one_machine() -> bool:
    """Whether all of them are on this machine, as torchrun tells; where nobody tells, they are taken not to be."""
    return world_size() > 1 and _number("LOCAL_WORLD_SIZE", 0) == world_size()


def places() -> list[dict[str, str]]:
    """What the processes of a replay find in their environment, by rank: they meet each other at a port of their own.

    Of one process, or of several on one machine; the variables are those of torchrun.
    """
    if world_size() == 1:
        return [{}]
    meeting = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        # The first process holds the store, not the torchrun of the watched run.
        "TORCHELASTIC_USE_AGENT_STORE": "False",
    }
    return [meeting | dict.fromkeys(("RANK", "LOCAL_RANK", "ROLE_RANK"), str(n)) for n in range(world_size())]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _number(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, ""))
    except ValueError:
        return default


def heed_termination() -> None:
    """Where several processes train together, treat SIGTERM as Ctrl-C: whoever started them ends them so."""
    if world_size() > 1:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
