"""labels-misaligned: the labels have nothing to do with the inputs."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

NOTHING = 0.93
"""Loss at the end over that of the best constant answer, above which nothing about the inputs was learned."""
WORSE = 1.5
LEAST_STEPS = 60


class LabelsMisaligned(Check):
    """Inputs and labels do not belong together.

    ## What it means
    The order of the inputs and that of the labels differ: one of them was sorted, shuffled or filtered by itself,
    or files were listed in another order than the table of labels.

    ## Why it hurts
    There is nothing to learn but the frequencies of the labels: the loss stays at their entropy.

    ## How it is proven
    The loss stays at that of the best constant answer at every learning rate, gradients are alive, no other cause
    was found, and the very same model does memorise a single batch. So the machinery works, and the labels tell
    nothing about the inputs. A hard task that needs far more steps looks the same, hence `likely` at most.

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
        if task.kind not in ("class", "real") or len([o for o in facts.optimizers if o.steps]) != 1 or facts.roots != 1:
            return None
        known = recording.column("task_loss")
        known = known[np.isfinite(known)]
        end = float(np.median(known[-4:])) / task.trivial_loss if len(known) >= 6 else np.nan
        gradient = stats.finite_median(recording.column("grad_norm")[-20:])
        site = recording.site(task.loss_site)
        if not NOTHING < end < WORSE or not gradient > 0 or site is None or facts.nonfinite is not None:
            return None
        args = {"function": task.loss_name, "path": site.path, "line": site.line}
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the labels seem to have nothing to do with the inputs: the loss stays at {end:.2f} times that of "
            "the best constant answer, yet the model can memorise one batch",
            rule=Rule.LAST,
            location=recording.location(task.loss_site),
            evidence=(
                Evidence(
                    "loss_over_constant",
                    round(end, 3),
                    f"< {NOTHING}",
                    f"loss {end * task.trivial_loss:.3g} at the end, {task.trivial_loss:.3g} for a constant answer",
                ),
            ),
            treatments=(Treatment((Intervention("one-batch", "one batch over and over", args),)),),
            explains=("plateau", "no-learning", "lr-too-low", "undertrained", "dead-relu"),
            advice="look at some pairs of input and label by eye; shuffle both with the same permutation, and sort "
            "file lists before pairing them with labels",
            metric="task_loss",
            confidence=Confidence.LIKELY,
        )
