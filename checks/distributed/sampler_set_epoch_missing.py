"""sampler-set-epoch-missing: a distributed sampler shuffles in the same way in every epoch."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class SamplerSetEpochMissing(Check):
    """The distributed sampler is never told the epoch.

    ## What it means
    `DistributedSampler` shuffles with a generator that is seeded with its `epoch`, so that all processes agree on the
    order. Without `set_epoch(epoch)` that number stays the same.

    ## Why it hurts
    Every epoch has the same batches in the same order, and each process sees the same share of the data forever.
    The batches carry noise that never averages out, and what a process sees it sees again and again.

    ## How it is proven
    The sampler shuffles, and its `epoch` was the same at the beginning of two or more passes.

    ## How to fix it
    `sampler.set_epoch(epoch)` at the beginning of every epoch, before the loader is gone through.

    ## Example
    Bad:

        for epoch in range(epochs):
            for x, y in loader:

    Good:

        for epoch in range(epochs):
            sampler.set_epoch(epoch)
            for x, y in loader:

    ## Known limits
    Seen only where at least two passes begin while the run is watched (`--steps` makes it longer).

    ## References
    - <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler>
    """

    name = "sampler-set-epoch-missing"
    family = "distributed"
    summary = "a distributed sampler shuffles in the same way in every epoch"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Passes that begin with the same number of the epoch."""
        run = recording.facts.distributed
        if run is None:
            return None  # one process: there is nothing to say
        loaders = [loader for loader in run.ranks[0].loaders if loader.distributed and loader.shuffles]
        if not any(len(loader.epochs) > 1 for loader in loaders):
            raise NotChecked("no distributed sampler that shuffles was used in two epochs")
        for loader in loaders:
            if len(loader.epochs) > 1 and len(set(loader.epochs)) == 1:
                data = recording.event_sites("data")
                passes = len(loader.epochs)
                return Suspicion(
                    check=self.name,
                    severity=Severity.WARNING,
                    title=f"{loader.sampler} is never told the epoch: {passes} passes had the same order",
                    rule=Rule.FACT,
                    location=recording.location(data[0] if data else loader.site),
                    evidence=(
                        Evidence(
                            "epoch_at_pass",
                            ", ".join(map(str, loader.epochs)),
                            "0, 1, 2, ...",
                            f"sampler.epoch was {loader.epochs[0]} at the beginning of each of {passes} passes",
                        ),
                    ),
                    advice="call sampler.set_epoch(epoch) at the beginning of every epoch",
                )
        return None
