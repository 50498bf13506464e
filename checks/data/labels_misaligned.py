"""labels-misaligned: the labels have nothing to do with the inputs."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import LEAST_STEPS, experiments, standstill

WORSE = 1.5
"""Loss over that of a constant answer, above which more is wrong than the labels."""


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
    A model that is large enough memorises wrong labels in a longer run, and then looks healthy in training.
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
