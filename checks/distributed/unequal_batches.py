"""unequal-batches: some processes have more batches than others."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class UnequalBatches(Check):
    """Some processes have more batches in an epoch than others.

    ## What it means
    The data are divided by hand, or streamed, and not all processes get the same number of batches.

    ## Why it hurts
    Every backward pass waits for the gradients of all processes. One that has run out of batches does not come, and
    the others wait until a timeout, crash, or meet a batch of its next epoch: then the epochs of the processes drift
    apart, and the last epoch ends in a hang.

    ## How it is proven
    The lengths that the loaders tell, or the batches counted over a whole pass, differ between processes, and no
    `join()` evens them out. Where processes ended after different numbers of steps, or crashed, the harm is seen.

    ## How to fix it
    Let `DistributedSampler` divide the data (it fills up, or drops with `drop_last=True`), or train within
    `with model.join():`.

    ## Example
    Bad:

        mine = Subset(data, range(rank * 1000, min(len(data), rank * 1000 + 1000)))
        loader = DataLoader(mine, batch_size=32)

    Good:

        loader = DataLoader(data, batch_size=32, sampler=DistributedSampler(data))

    ## Known limits
    Streams are compared only where a whole pass was watched.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html>, `join()`
    """

    name = "unequal-batches"
    family = "distributed"
    summary = "some processes have more batches than others"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Batches of the same loader, by process."""
        run = recording.facts.distributed
        if run is None:
            return None  # one process: there is nothing to say
        if len(run.ranks) < 2:
            raise NotChecked("the other processes were not heard")
        if run.joined:
            return None
        for loaders in zip(*(rank.loaders for rank in run.ranks), strict=False):
            counts = [loader.batches for loader in loaders]
            known = [count for count in counts if count is not None]
            if len(known) < len(counts) or len(set(known)) < 2:
                continue
            stopped = any(r.crash for r in run.ranks) or len({r.steps for r in run.ranks}) > 1
            told = ", ".join(f"process {r.rank}: {count}" for r, count in zip(run.ranks, counts, strict=True))
            steps = ", ".join(f"process {r.rank} after step {r.steps}" for r in run.ranks)
            return Suspicion(
                check=self.name,
                severity=Severity.ERROR if stopped else Severity.WARNING,
                title=f"the processes have {min(known)} to {max(known)} batches in an epoch, and wait for each other",
                rule=Rule.FACT,
                location=recording.location(loaders[0].site),
                evidence=(
                    Evidence("batches_by_process", told, "the same in all", f"batches in one pass: {told}"),
                    *((Evidence("steps_by_process", steps, "the same in all", f"ended: {steps}"),) if stopped else ()),
                ),
                explains=("script-crashed",),
                advice="let DistributedSampler divide the data, or train within 'with model.join():'",
            )
        return None
