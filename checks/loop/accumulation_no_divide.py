"""accumulation-no-divide: micro-batches are summed at full scale."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEAST = 2
FULL = 0.75
"""Loss that is differentiated over the plain task loss, above which it was not divided by the number of batches."""


class AccumulationNoDivide(Check):
    """Accumulated gradients are not divided by the number of micro-batches.

    ## What it means
    K backward calls before a step add up K gradients, each of the size of a whole one: the step is K times as long
    as one with a single large batch.

    ## Why it hurts
    It acts like a learning rate K times too high. Adam divides by the gradient's size and does not care.

    ## How it is proven
    From the number of backward calls for each step and the size of the loss; then the same loop is rerun with
    gradients divided by K, which has to reach most of what the best learning rate gains.

    ## How to fix it
    `(loss / accumulation_steps).backward()`.

    ## Example
    Bad:

        loss = criterion(model(x), y)
        loss.backward()
        if (i + 1) % 16 == 0: optimizer.step(); optimizer.zero_grad()

    Good:

        loss = criterion(model(x), y) / 16
        loss.backward()
        if (i + 1) % 16 == 0: optimizer.step(); optimizer.zero_grad()

    ## Known limits
    Where several different losses are differentiated one after the other, nothing is said.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation>
    """

    name = "accumulation-no-divide"
    family = "loop"
    summary = "gradients of several batches are added up without dividing the loss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Several backward calls from one line for each step, at full scale."""
        backwards = recording.column("backwards")
        if not len(backwards) or not recording.facts.optimizers:
            raise NotChecked("no optimizer made a step")
        middle = stats.finite_median(backwards)
        count = int(middle) if LEAST <= middle < np.inf else 0
        sites = recording.event_sites("backward")
        used = [o for o in recording.facts.optimizers if o.steps]
        if count < LEAST or len(sites) != 1 or len(used) != 1 or len(recording.event_sites("step")) != 1:
            return None
        loss, task = recording.column("loss"), recording.column("task_loss")
        known = np.isfinite(loss) & np.isfinite(task) & (task > 0)
        if not known.any() or not float(np.median(loss[known] / task[known])) > FULL:
            return None
        if not recording.facts.zero_grads <= 2 * recording.steps:
            return None
        args = {"factor": 1.0 / count}
        place = recording.site(sites[0])
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{count} gradients are added up for each step and the loss is not divided: steps are {count} times "
            "as long",
            rule=Rule.SMELL,
            location=recording.location(sites[0]),
            evidence=(
                Evidence("backwards_per_step", count, "loss divided by it", f"{count} backward calls for each step"),
            ),
            treatments=(Treatment((Intervention("scale-gradients", f"gradients divided by {count}", args),)),),
            explains=("lr-too-high", "divergence", "oscillation", "no-learning", "momentum-too-high", "dead-relu"),
            like_lr=1.0 / count,
            advice=f"divide the loss before backward(): (loss / {count}).backward()",
            edits=(Edit("divide-loss", {"line": place.line, "count": count}),) if place is not None else (),
        )
