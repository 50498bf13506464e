"""overfitting: the training loss falls, the held-out loss rises."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Array, HeldOut, Recording

RISE = 0.25
"""Rise of the held-out loss above its minimum, in units of the trivial loss, that counts as harm."""
GAP = 0.3
"""Held-out minus training loss at the end, in the same unit."""
NEVER_LEARNED = 1.1
"""A held-out loss that never came near the constant predictor's measures something else."""
WIDE_GAP = 0.6
MEMORISED = 0.1
"""Or: the training set is memorised and the held-out loss is hardly better than a constant prediction."""


class Overfitting(Check):
    """The model fits its training samples and gets worse on others.

    ## What it means
    A symptom: the loss on held-out data passed its minimum and rises, while the training loss still falls.

    ## Why it hurts
    The final model is worse on new data than an earlier one.

    ## How it is proven
    From the evaluation passes of the script itself. Whether weight decay would have held it back is tried out.

    ## How to fix it
    Stop at the best held-out loss, use weight decay, dropout, augmentation, a smaller model or more data.

    ## Example
    Bad:

        for epoch in range(1000): train(); evaluate()

    Good:

        for epoch in range(1000):
            train()
            if evaluate() > best + tolerance: break

    ## Known limits
    Seen only where the script evaluates held-out data at least three times.

    ## References
    - Prechelt, Early Stopping - But When?, 1998
    """

    name = "overfitting"
    family = "outcome"
    summary = "held-out loss rises while the training loss falls (symptom)"
    symptom = True

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A held-out curve that left its minimum far behind."""
        task = recording.facts.task
        curves = [h for h in recording.facts.held_out if len(h.loss) >= 3]
        if not curves or task is None or not task.trivial_loss:
            raise NotChecked("fewer than three evaluation passes on held-out data were seen")
        training = stats.training_loss(recording.column("loss"), recording.column("task_loss"))
        for held in curves:
            loss = np.asarray([np.nan if v is None else v for v in held.loss])
            if not np.isfinite(loss).all():
                continue
            low, last = float(loss.min()), float(loss[-max(1, len(loss) // 10) :].mean())
            if not low <= NEVER_LEARNED * task.trivial_loss:
                continue  # what is evaluated is not what is trained (distances, scores, rewards)
            gap, rise = (last - training) / task.trivial_loss, (last - low) / task.trivial_loss
            memorised = gap > WIDE_GAP and training < MEMORISED * task.trivial_loss
            if (rise > RISE and gap > GAP) or memorised:
                return self._suspicion(recording, held, loss, (low, last, training), task.trivial_loss, memorised)
        return None

    def _suspicion(
        self,
        recording: Recording,
        held: HeldOut,
        loss: Array,
        levels: tuple[float, float, float],
        trivial: float,
        memorised: bool,
    ) -> Suspicion:
        low, last, training = levels
        step = held.steps[int(loss.argmin())]
        rose = not memorised or last - low > RISE * trivial
        if rose:
            title = f"held-out loss {last:.3g} after a minimum of {low:.3g} at step {step}"
            title += f", training loss {training:.3g}"
            text = f"held-out loss rose from {low:.4g} (step {step}) to {last:.4g}"
            seen = Evidence("held_out_rise", round(last - low, 4), f"< {RISE * trivial:.3g}", text)
        else:
            title = f"held-out loss {last:.3g}, training loss {training:.3g}"
            text = f"held-out loss {last:.4g} where the training data have {training:.4g}"
            seen = Evidence("held_out_gap", round(last - training, 4), f"< {WIDE_GAP * trivial:.3g}", text)
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE if recording.restores() else Severity.WARNING,
            title=f"overfitting: {title}",
            rule=Rule.SYMPTOM,
            location=recording.location(held.site),
            evidence=(seen,),
            advice=(f"stop near step {step}, or use " if rose else "use ")
            + "weight decay, dropout, augmentation, more data",
        )
