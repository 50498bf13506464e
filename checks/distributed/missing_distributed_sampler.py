"""missing-distributed-sampler: every process draws from all the data."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.ranks import Distributed, RankLoader
from sgd_doctor.recording import Recording

LEAST_ROWS = 16
"""Samples by which a first pass is judged at least."""
ALIKE = 0.9
"""Share of common samples from which two processes are said to train on the same batches."""
OFTEN = 0.5
"""Share of the matches that independent draws would give, from which draws count as independent."""
LEAST_MATCHES = 4
REPEATED = 0.02
"""Share of samples that occur twice within one process, above which matches between processes say nothing."""


class MissingDistributedSampler(Check):
    """Every process draws from all the data instead of its own share.

    ## What it means
    Several processes train one model together, and each has a `DataLoader` over the whole data set without a
    `DistributedSampler`. With the same seed all of them see the same batches; with different seeds they see the same
    samples in another order.

    ## Why it hurts
    With the same batches all processes compute the same gradient: they do the work of one, at the price of all. With
    different ones an "epoch" is as many passes over the data as there are processes, so schedules that count epochs,
    and comparisons with a single process, are off.

    ## How it is proven
    One number stands for each sample of the first pass. Numbers that occur in two processes are the same samples; a
    proper division has none, apart from a few that fill up the last batch. Data with many equal samples are not judged.

    ## How to fix it
    `DataLoader(data, batch_size, sampler=DistributedSampler(data))` instead of `shuffle=True`, and
    `sampler.set_epoch(epoch)` at the beginning of every epoch.

    ## Example
    Bad:

        loader = DataLoader(data, batch_size=32, shuffle=True)

    Good:

        sampler = DistributedSampler(data)
        loader = DataLoader(data, batch_size=32, sampler=sampler)

    ## Known limits
    Random augmentation makes equal samples different: then nothing can be said.

    ## References
    - <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler>
    """

    name = "missing-distributed-sampler"
    family = "distributed"
    summary = "every process draws from all the data"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Samples that two processes have in common."""
        run = recording.facts.distributed
        if run is None:
            return None  # one process: there is nothing to say
        pair = _loaders(run)
        if pair is None:
            raise NotChecked("no loader was seen in two processes")
        mine, other = pair
        share = _common(mine, other)
        if share is None or mine.distributed:
            return None
        same = share >= ALIKE and mine.rows[:LEAST_ROWS] == other.rows[:LEAST_ROWS]
        what = "the same batches" if same else "batches from the same data"
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the {run.world_size} processes train on {what}: the loader has no DistributedSampler",
            rule=Rule.FACT,
            location=recording.location(mine.site),
            evidence=(
                Evidence(
                    "samples_in_common",
                    round(share, 3),
                    "0",
                    f"{share:.0%} of the first {min(len(mine.rows), len(other.rows))} samples of process 0 are also "
                    f"among those of another one ({mine.sampler} over {mine.samples} samples in each)",
                ),
            ),
            explains=("sampler-set-epoch-missing",),
            advice="give each process a share of its own: DataLoader(data, ..., sampler=DistributedSampler(data)) "
            "in place of shuffle=True, and sampler.set_epoch(epoch) in every epoch",
        )


def _loaders(run: Distributed) -> tuple[RankLoader, RankLoader] | None:
    """The loader of the first process from which most was drawn, and the same one of another process."""
    if len(run.ranks) < 2:
        return None
    both = list(zip(run.ranks[0].loaders, run.ranks[1].loaders, strict=False))
    return max(both, key=lambda pair: min(len(pair[0].rows), len(pair[1].rows)), default=None)


def _common(mine: RankLoader, other: RankLoader) -> float | None:
    """Share of samples in common, or None where there are no more than chance and equal samples explain."""
    ours, theirs = set(mine.rows), set(other.rows)
    count = min(len(mine.rows), len(other.rows))
    if count < LEAST_ROWS:
        return None
    if mine.rows[:count] == other.rows[:count] and len(ours) > count / 2:
        return 1.0
    if max(1 - len(ours) / len(mine.rows), 1 - len(theirs) / len(other.rows)) > REPEATED:
        return None
    matches = len(ours & theirs)
    if mine.samples is None or mine.samples != other.samples:
        return matches / count if matches > count / 2 else None
    expected = len(ours) * len(theirs) / mine.samples
    return matches / count if matches >= max(LEAST_MATCHES, OFTEN * expected) else None
