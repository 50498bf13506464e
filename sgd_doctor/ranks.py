"""What the processes of a distributed run have in common and what they have not: plain values without torch.

Each process tells the others its :class:`RankFacts`; the first one keeps them all as :class:`Distributed`, part of
its Recording.  Sites are indices of :attr:`sgd_doctor.recording.Facts.sites` of the first process (-1: unknown).
"""

from __future__ import annotations

import msgspec


class RankLoader(msgspec.Struct, frozen=True):
    """One training loader of one process, in the order in which they were first used."""

    site: int
    sampler: str
    distributed: bool
    """Whether the sampler gives each process a share of its own."""
    shuffles: bool
    batches: int | None
    """Batches of one pass as the loader tells it, or as counted over a whole pass; None where neither is known."""
    samples: int | None
    """Length of the data set."""
    epochs: tuple[int, ...] = ()
    """``sampler.epoch`` at the beginning of each pass, the first 16."""
    rows: tuple[float, ...] = ()
    """One number for each sample of the first pass, the same for the same sample."""


class RankCrash(msgspec.Struct, frozen=True):
    """What ended one process."""

    kind: str
    message: str
    path: str
    line: int
    code: str
    at: float
    """Seconds since the epoch."""


class RankFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One process."""

    rank: int
    steps: int
    ended: str = ""
    """Empty while it runs."""
    losses: tuple[float | None, ...] = ()
    weights: tuple[tuple[int, float], ...] = ()
    """Steps, each with one number that stands for all weights before the next one."""
    loaders: tuple[RankLoader, ...] = ()
    crash: RankCrash | None = None


class Distributed(msgspec.Struct, frozen=True, kw_only=True):
    """A run of several processes."""

    world_size: int
    backend: str
    wrapper: str
    """Class that keeps the replicas together (DistributedDataParallel, FSDP), or empty."""
    wrapper_site: int = -1
    bypassed: bool = False
    """Whether the model in the wrapper was trained by calling it directly."""
    joined: bool = False
    """Whether ``join()`` evens out processes that have more batches than others."""
    forward_site: int = -1
    ranks: tuple[RankFacts, ...] = ()
    """Of every process that was heard of, by rank."""
