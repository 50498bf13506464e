"""no-learning: the loss stays where a constant answer is."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import COLLAPSED, LEAST_STEPS, Standstill, collapsed, experiments, standstill

ALIKE = 1e-3
"""Spread of the outputs over the samples of a batch, over the spread of the targets, of outputs that are all alike."""
BOUND = 0.9
"""Share of the values of a sigmoid or tanh at a bound, from which it passes next to no gradient."""


class NoLearning(Check):
    """The loss does not get below that of a constant answer.

    ## What it means
    A symptom: after all the steps that were watched, the model knows no more than the frequencies of the labels or the
    mean of the targets. It is shown by itself only where no cause was found.

    ## Why it hurts
    Nothing about the inputs has been learned.

    ## How it is proven
    From the loss of the last steps, which neither falls nor lies below that of the best constant answer (where the
    targets are not known, below that of the first steps). Then it is tried out what can be: ten times larger and
    smaller learning rates and the one whose first update has the usual size; the same loop with the labels of each
    batch permuted, which tells whether a little was learned after all; one batch over and over, which any loop that is
    put together well can memorise; and, where the script was stopped, more steps. Only a loop that memorises not even
    one batch is a warning; else the report is inconclusive.

    ## How to fix it
    The report says what was ruled out. Overfit one batch first: print the outputs for two different inputs (are they
    equal?), the gradient norm of every layer, and what reaches the model. A loop that fits one batch, and not the data,
    is to be looked for in the pairing of inputs and labels, or needs more steps or features that say more.

    ## Example
    Bad:

        for x, y in loader:
            model.apply(init_weights)       # starts anew in every step

    Good:

        model.apply(init_weights)
        for x, y in loader: ...

    ## Known limits
    Several optimizers that play against each other, losses of both signs and targets that a model makes (GAN, policy
    gradients, Q-learning) are left out: their losses need not fall. Where a loss compares outputs with each other
    (triplets), it is said only if all outputs became alike. Elsewhere outputs that are alike and activations at their
    bounds are named as evidence here and are no findings of their own.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, section 11.5
    """

    name = "no-learning"
    family = "outcome"
    summary = "the loss stays at that of a constant answer, and no cause was found (symptom)"
    symptom = True

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A run that stands still at the loss of a constant answer."""
        if recording.steps < LEAST_STEPS:
            raise NotChecked(f"fewer than {LEAST_STEPS} steps were watched")
        found = standstill(recording)
        if found is None:
            return self._collapsed(recording)
        task = recording.facts.task
        steps = recording.event_sites("backward")
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=_title(recording, found),
            rule=Rule.SYMPTOM,
            location=recording.location(task.loss_site if task is not None else steps[0] if steps else -1),
            evidence=(found.evidence(), *_outputs(recording), *_activations(recording)),
            treatments=experiments(recording),
            advice="try to overfit one batch: print the outputs for two different inputs, the gradient norm of every "
            "layer, and what reaches the model",
            metric="task_loss" if found.constant else "loss",
            confidence=Confidence.LIKELY,
            last_resort=True,
        )

    def _collapsed(self, recording: Recording) -> Suspicion | None:
        """Outputs that became alike for all samples, where the loss compares them with each other."""
        spreads = collapsed(recording)
        if spreads is None:
            return None
        first, last = spreads
        end = float(stats.tail(recording.column("loss")).mean())
        text = f"outputs of different samples differ by {last:.2g} of their size, in the first steps by {first:.2g}"
        steps = recording.event_sites("backward")
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the model gives the same output for every sample, and the loss stays at {end:.3g}",
            rule=Rule.SYMPTOM,
            location=recording.location(steps[0] if steps else -1),
            evidence=(Evidence("output_spread", float(f"{last:.2g}"), f"> {COLLAPSED:g}", text),),
            explains=("vanishing-gradient", "dead-relu"),
            advice="look at which distances the loss makes small and which large (similarities in place of distances "
            "have the other sign), and try a lower lr or easier negatives",
            last_resort=True,
        )


def _title(recording: Recording, found: Standstill) -> str:
    against = f"a constant answer has {found.unit:.3g}" if found.constant else f"it began at {found.unit:.3g}"
    return f"nothing was learned in {recording.steps} steps: the loss is {found.end:.3g}, {against}"


def _outputs(recording: Recording) -> tuple[Evidence, ...]:
    """Outputs that are the same for every sample."""
    task, batches = recording.facts.task, recording.facts.signals.targets.batches
    if task is None or not batches or batches[-1].samples < 2:
        return ()
    usual = task.target_std if task.kind == "real" and task.target_std else 1.0
    spread = batches[-1].output_std
    if not spread < ALIKE * usual:
        return ()
    text = f"at step {batches[-1].step} the outputs of all {batches[-1].samples} samples are alike"
    return (Evidence("output_spread", float(f"{spread:.2g}"), f"> {ALIKE * usual:.2g}", text),)


def _activations(recording: Recording) -> tuple[Evidence, ...]:
    """The activation that has most of its values at a bound."""
    places = [a for a in recording.facts.signals.activations if a.saturated]
    worst = max(places, key=lambda a: a.saturated[-1], default=None)
    if worst is None or not worst.saturated[-1] > BOUND:
        return ()
    where = worst.module or worst.function
    text = f"{worst.saturated[-1]:.0%} of the values of {where} are at a bound at step {worst.steps[-1]}"
    return (Evidence("saturated", round(worst.saturated[-1], 3), f"< {BOUND}", text),)
