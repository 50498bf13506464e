"""How many replays fit into memory side by side."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

SHARE = 0.8
"""Of what is free; the rest is for whatever else runs."""
CONTEXT = 500 << 20
"""Bytes that CUDA takes in every process: 300 to 500 MiB on current devices, by ``nvidia-smi`` in many reports."""
_UNLIMITED = 1 << 60
_CGROUP = Path("/sys/fs/cgroup")


def peak() -> int:
    """Bytes that this process had in memory at most; 0 where that is not known."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def fit_on_devices() -> int:
    """How many processes like this one fit on the CUDA devices that it used, once it has ended; 0: it used none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    fit = []
    with contextlib.suppress(Exception):  # a device that is lost answers nothing
        for device in range(torch.cuda.device_count()):
            taken = torch.cuda.max_memory_reserved(device)
            if taken:
                free, _ = torch.cuda.mem_get_info(device)
                room = SHARE * (free + torch.cuda.memory_reserved(device) + CONTEXT)
                fit.append(max(1, int(room // (taken + CONTEXT))))
    return min(fit, default=0)


def available() -> int | None:
    """Bytes that new processes may take, by the machine and by its container; None where nobody says."""
    with contextlib.suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return min(int(found[1]) * 1024, _left_in_container()) if found is not None else None
    return None


def _left_in_container() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((_CGROUP / "memory.max").read_text()) - int((_CGROUP / "memory.current").read_text())
    return _UNLIMITED


def side_by_side(wanted: int, size: int) -> int:
    """How many of ``wanted`` processes of ``size`` bytes may run at a time: one in any case."""
    free = available()
    if free is None or size <= 0:
        return wanted
    return max(1, min(wanted, int(SHARE * free) // size))
