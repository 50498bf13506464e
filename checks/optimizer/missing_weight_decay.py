"""missing-weight-decay: nothing holds the weights back while the model overfits."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import HeldOut, Recording

LEAST_STEPS = 300
"""Before about 300-500 steps nothing can be said about weight decay (weight-decay bench)."""
LEAST_GAP = 0.13
"""Held-out minus training loss, in units of the trivial loss (bench at 500 steps: P 1.0, R .89)."""
GRID = (1e-2, 3e-2, 1e-1, 3e-1, 1.0)
"""Decays worth trying; the best ones in the bench lay between 1e-3 and 1e-1, on noisy linear data higher."""
NEGLIGIBLE = 1e-3
"""A tenth of the smallest decay worth trying."""
DECOUPLED_FACTOR = 10.0
"""AdamW multiplies the decay by lr, so that useful values are larger."""


class MissingWeightDecay(Check):
    """The model overfits and no weight decay holds it back.

    ## What it means
    Training loss falls towards zero while the loss on held-out data stays high or rises, and the
    optimizer has `weight_decay=0`.

    ## Why it hurts
    The model fits the noise of its training samples and gets worse on new ones.

    ## How it is proven
    The whole loop is rerun with a few values of weight decay; the held-out loss has to end clearly
    lower with one of them. Short runs cannot know: without at least a few hundred steps and a held-out
    pass in the script nothing is claimed.

    ## How to fix it
    Set the `weight_decay` that the report names. Stopping early at the best held-out loss often gains as much.

    ## Example
    Bad:

        torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    Good:

        torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)

    ## Known limits
    The best value cannot be known from short runs. More data or augmentation may help more.

    ## References
    - Krogh and Hertz, A Simple Weight Decay Can Improve Generalization, NIPS 1991
    """

    name = "missing-weight-decay"
    family = "optimizer"
    summary = "held-out data show overfitting, and weight decay lowers the held-out loss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Overfitting on held-out data with no decay anywhere."""
        task = recording.facts.task
        if not recording.facts.optimizers or not recording.facts.held_out:
            raise NotChecked("the script evaluates no held-out data that could be seen")
        if recording.steps < LEAST_STEPS:
            raise NotChecked(f"{recording.steps} steps are too few to see overfitting ({LEAST_STEPS} are needed)")
        if task is None or not task.trivial_loss:
            raise NotChecked("the task could not be told from outputs and targets")
        decay = recording.column("weight_decay")
        optimizer = recording.facts.optimizers[0]
        factor = DECOUPLED_FACTOR if optimizer.kind == "AdamW" else 1.0
        if not np.all(np.isfinite(decay)) or not decay.max() <= NEGLIGIBLE * factor:
            return None
        present = f"weight decay {decay.max():g} alone" if decay.max() > 0 else "no weight decay"
        training = stats.training_loss(recording.column("loss"), recording.column("task_loss"))
        held = worst(recording.facts.held_out)
        last = held.loss[-1] if held is not None and held.loss else None
        if last is None or not (last - training) / task.trivial_loss > LEAST_GAP:
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE if recording.restores() else Severity.WARNING,
            title=f"overfitting with {present}: training loss {training:.3g}, held-out loss {last:.3g}",
            rule=Rule.HELD_OUT,
            location=recording.location(optimizer.site),
            evidence=(
                Evidence(
                    "training_loss",
                    round(training, 4),
                    "close to held-out",
                    f"training loss at the end: {training:.3g}",
                ),
                Evidence("held_out_loss", round(last, 4), "close to training", f"held-out loss at the end: {last:.3g}"),
            ),
            treatments=tuple(
                Treatment((Intervention("weight-decay", f"weight_decay {decay.max():g} → {v:g}", {"value": v}),))
                for v in (g * factor for g in GRID)
            ),
            explains=("overfitting",),
            advice="set weight_decay; stopping early at the best held-out loss often gains as much",
            edits=(Edit("set-optimizer-arg", {"arg": "weight_decay"}),),
            metric="held_out",
        )


def worst(held_out: tuple[HeldOut, ...]) -> HeldOut | None:
    """The evaluation pass with the highest last loss: the held-out data, where training data are evaluated too."""
    known = [h for h in held_out if h.loss and h.loss[-1] is not None]
    return max(known, key=lambda h: h.loss[-1] or 0.0, default=None)
