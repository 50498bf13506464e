"""What the parent tells a child to run, and what the child tells back: plain values, no torch."""

from __future__ import annotations

import signal
from typing import Any

import msgspec

from sgd_doctor.findings import Intervention
from sgd_doctor.futility import Rival

STOP = signal.SIGRTMIN + 9 if hasattr(signal, "SIGRTMIN") else signal.SIGXCPU
"""Asks a watched process to save what it has and to end; scripts have no use for this signal of their own."""

PROBE_SEED = 0
"""Seed of replays from the first line where the user names none: the control and the treated runs of a script
that sets no seed have to start from the same weights and see the same batches."""

BROKEN_STEPS = 10
"""A replay whose loss and gradients are not finite for so many steps has shown what it could."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run: how long, treated how, and where its recording goes."""

    output: str
    max_steps: int
    min_steps: int = 50
    soft_seconds: float = 8.0
    overhead: float = 0.05
    interventions: tuple[Intervention, ...] = ()
    measure_task: bool = False
    hard_seconds: float = 60.0
    """A replay that takes longer is ended from outside."""
    broken_steps: int = 0
    """So many steps in a row with loss and gradients that are not finite end the run; 0: they do not."""
    rival: Rival | None = None
    """A run that this one ends clearly behind, as soon as that can be told."""


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A process that runs the user's target from its first line."""

    kind: str
    target: str
    argv: tuple[str, ...] = ()
    run: RunSpec
    parent: int
    """The process that waits for this one."""
    scratch: str
    results: str
    shield: bool = True
    seed: int | None = None
    control_fd: int = -1
    """Socket on which a fork server answers; -1: none is wanted."""
    notes_fd: int = -1
    patches: dict[str, str] = {}
    """Other text for some of the user's files, in this run only."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line from a child to the parent.  ``at``: imported (torch), anchor, step, saved, ready, done."""

    at: str
    step: int = 0
    loss: float | None = None
    fork: bool = False
    why: str = ""
    probe: int = -1
    data: str = ""
    """A recording in base 64, where it could not be written into its file."""
    memory: int = 0
    """Bytes that the process had in memory at most, told with its recording."""
    early: bool = False
    """The process was forked before its first use of CUDA, and not at the anchor."""
    beside: int = 0
    """How many processes of its size fit on the devices that it used; 0: it used none."""


class Command(msgspec.Struct, frozen=True):
    """One line from the parent to the fork server."""

    probe: int
    run: RunSpec
    patches: dict[str, str] | None = None
    """Run the target from its first line, with other text for some of its files; None: go on from the anchor."""


def line(value: Any) -> bytes:
    """One message: JSON and a newline."""
    return msgspec.json.encode(value) + b"\n"
