"""labels-misaligned: the labels have nothing to do with the inputs."""

from __future__ import annotations

import math

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import LEAST_STEPS, experiments, standstill

WORSE = 1.5
"""Loss over that of a constant answer, above which more is wrong than the labels."""
MEMORISED = 0.985
"""Training loss over the same, below which something was learned that held-out data would profit from as well."""
LEAST_SAMPLES = 30
"""Held-out samples whose accuracy tells chance from learning."""
CHANCE = 2.0
"""Standard errors by which an accuracy at chance may exceed the share of the commonest label."""


class LabelsMisaligned(Check):
    """Inputs and labels do not belong together.

    ## What it means
    The order of the inputs and that of the labels differ: one of them was sorted, shuffled or filtered by itself,
    or files were listed in another order than the table of labels.

    ## Why it hurts
    There is nothing to learn but the frequencies of the labels: the loss stays at their entropy.

    ## How it is proven
    The loss stays at that of the best constant answer at every learning rate, gradients are alive, no other cause
    was found, permuting the labels of each batch changes nothing, and the very same model does memorise a single
    batch. So the machinery works, and the labels tell nothing about the inputs. A hard task that needs far more steps
    looks the same, hence `likely` at most.

    A model that is large enough memorises such labels: the training loss falls, and no evaluation of held-out data is
    ever better than chance. Where no other cause was found, that is said as well.

    ## How to fix it
    Look at a few pairs of input and label by eye. Shuffle with one permutation for both; sort file lists.

    ## Example
    Bad:

        X = X[torch.randperm(len(X))]
        y = y[torch.randperm(len(y))]

    Good:

        order = torch.randperm(len(X))
        X, y = X[order], y[order]

    ## Known limits
    A model that memorises wrong labels looks healthy where the script evaluates no held-out data.
    Real and binary targets that nothing explains are common (returns, clicks): there the report is inconclusive and
    says `no-learning`.

    ## References
    - Zhang et al., Understanding deep learning requires rethinking generalization, ICLR 2017
    """

    name = "labels-misaligned"
    family = "data"
    summary = "the labels tell nothing about the inputs: one batch can be memorised, all data cannot be learned"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A loss that ends where a constant answer is, with living gradients."""
        task, facts = recording.facts.task, recording.facts
        if task is None or not task.trivial_loss or recording.steps < LEAST_STEPS:
            raise NotChecked("too little of the task was seen")
        memorised = self._memorised(recording)
        if memorised is not None:
            return memorised
        if task.kind != "class":
            return None
        found = standstill(recording)
        gradient = stats.finite_median(recording.column("grad_norm")[-20:])
        if found is None or not found.constant or not found.ratio < WORSE or not gradient > 0 or facts.nonfinite:
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the labels seem to have nothing to do with the inputs: the loss stays at {found.ratio:.2f} times "
            "that of the best constant answer, yet the model can memorise one batch",
            rule=Rule.LAST,
            location=recording.location(task.loss_site),
            evidence=(found.evidence(),),
            treatments=experiments(recording),
            explains=("plateau", "no-learning", "lr-too-low", "undertrained", "dead-relu"),
            advice="look at some pairs of input and label by eye; shuffle both with the same permutation, and sort "
            "file lists before pairing them with labels",
            metric="task_loss",
            confidence=Confidence.LIKELY,
        )

    def _memorised(self, recording: Recording) -> Suspicion | None:
        """A training loss that falls although no held-out sample profits."""
        task, counts = recording.facts.task, recording.facts.signals.targets.counts
        if task is None or not task.trivial_loss or task.kind not in ("class", "binary") or len(counts) < 2:
            return None
        training = stats.training_loss(recording.column("loss"), recording.column("task_loss"))
        if not training < MEMORISED * task.trivial_loss:
            return None
        common = max(counts.values()) / sum(counts.values())
        stage = stats.last_stage(recording.column("optimizer"))
        for held in recording.facts.held_out:
            if not held.steps or held.steps[-1] <= stage:
                continue  # asked about before a later stage begins
            known = [(a, v) for a, v in zip(held.accuracy, held.loss, strict=True) if a is not None and v is not None]
            if not known or held.samples < LEAST_SAMPLES or len(known) < len(held.steps):
                continue
            best, lowest = max(a for a, _ in known), min(v for _, v in known)
            limit = common + CHANCE * math.sqrt(common * (1 - common) / held.samples)
            if best > limit or not lowest > task.trivial_loss:
                continue
            text = f"{best:.0%} of {held.samples} held-out samples are right at best, {common:.0%} have the usual label"
            return Suspicion(
                check=self.name,
                severity=Severity.WARNING,
                title=f"nothing that is learned holds for held-out data: the training loss falls to {training:.3g}, "
                "they stay at chance, as where labels do not belong to their inputs",
                rule=Rule.SYMPTOM,
                location=recording.location(task.loss_site),
                evidence=(
                    Evidence("held_out_accuracy", round(best, 4), f"> {limit:.2g}", text),
                    Evidence(
                        "held_out_loss",
                        round(lowest, 4),
                        f"< {task.trivial_loss:.3g}",
                        f"their loss is {lowest:.3g} at best, a constant answer has {task.trivial_loss:.3g}",
                    ),
                ),
                explains=("overfitting", "undertrained", "missing-weight-decay", "bn-eval-gap"),
                advice="look at some pairs of input and label by eye; shuffle both with the same permutation, and give "
                "held-out data the same preparation as training data; if that is right, more samples are needed",
                confidence=Confidence.LIKELY,
                last_resort=True,
            )
        return None
