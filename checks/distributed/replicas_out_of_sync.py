"""replicas-out-of-sync: the processes train different models."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.ranks import Distributed
from sgd_doctor.recording import Recording

ALIKE = 1e-5
"""Relative difference up to which replicas count as equal: sums in another order, no more."""
LEAST_COMPARED = 2


class ReplicasOutOfSync(Check):
    """The processes train models that differ from each other.

    ## What it means
    After the same optimizer step the weights are not the same in all processes. Either nothing exchanges the gradients
    (no `DistributedDataParallel`), or the wrapped model is not the one that is called (`ddp.module(x)` goes round the
    hooks that exchange them), or weights are changed in one process alone.

    ## Why it hurts
    Each process trains a model of its own on its share of the data, and what is saved or evaluated is one of them: a
    fraction of the data, at the price of all.

    ## How it is proven
    One number stands for all weights after each of the first 32 steps of every process, and then after ever fewer. They
    differ, and go on to differ: a run that averages its weights every few steps is left in peace.

    ## How to fix it
    Wrap the model once, before the optimizer is built: `model = DistributedDataParallel(model)`; call the wrapped model
    in the training step, and use `model.module` only to save or to inspect it.

    ## Example
    Bad:

        ddp = DistributedDataParallel(net)
        loss = criterion(ddp.module(x), y)

    Good:

        ddp = DistributedDataParallel(net)
        loss = criterion(ddp(x), y)

    ## Known limits
    Models of which each process holds a part (FSDP, tensor parallelism) have no replicas to compare. Processes that
    train independent models on purpose (a search, an ensemble) are named, too: `--ignore replicas-out-of-sync`.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html>
    """

    name = "replicas-out-of-sync"
    family = "distributed"
    summary = "the processes train models that differ from each other"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Weights after the same step, by process."""
        run = recording.facts.distributed
        if run is None:
            return None  # one process: there is nothing to say
        if run.joined:
            raise NotChecked("join() lets the processes make different numbers of steps")
        compared = _differences(run)
        if len(compared) < LEAST_COMPARED:
            raise NotChecked("too few steps of two processes with whole models were seen")
        apart = [step for step, difference in compared if difference > ALIKE]
        # From the first difference on every comparison has to show one.
        if not apart or any(d <= ALIKE for step, d in compared if step > apart[0]) or compared[-1][0] == apart[0] == 1:
            return None
        step, difference = compared[-1]
        why, advice = _cause(run)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the {run.world_size} processes train different models: {why}",
            rule=Rule.FACT,
            location=recording.location(run.forward_site if run.bypassed or not run.wrapper else run.wrapper_site),
            evidence=(
                Evidence(
                    "weights_apart",
                    float(f"{difference:.3g}"),
                    "0",
                    f"a sum over the weights differs by {difference:.1%} between processes after step {step}, "
                    f"and first did after step {apart[0]}",
                ),
            ),
            advice=advice,
        )


def _differences(run: Distributed) -> list[tuple[int, float]]:
    """Steps with the largest relative difference to the first process."""
    own = dict(run.ranks[0].weights)
    found: dict[int, float] = {}
    for rank in run.ranks[1:]:
        for step, value in rank.weights:
            if step in own:
                difference = abs(value - own[step]) / max(abs(value), abs(own[step]), 1e-12)
                found[step] = max(found.get(step, 0.0), difference)
    return sorted(found.items())


def _cause(run: Distributed) -> tuple[str, str]:
    if run.bypassed:
        return (
            f"the model inside {run.wrapper} is called directly, which exchanges no gradients",
            "call the wrapped model in the training step: ddp(x) and not ddp.module(x)",
        )
    if not run.wrapper:
        return (
            "nothing exchanges their gradients",
            "wrap the model before the optimizer is built: model = DistributedDataParallel(model)",
        )
    return (
        f"their weights change apart from {run.wrapper}",
        "change weights in all processes alike, and let backward() run outside of no_sync() once for every step",
    )
