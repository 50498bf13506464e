"""step-outside-loop: one step for an epoch, from its last batch only."""

from __future__ import annotations

import itertools

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import EVENTS, Recording

MANY = 3
"""Backward calls for each step, each with a zero_grad of its own, beyond which batches are thrown away."""
ZEROED = 0.8
CLOSURES = ("LBFGS",)
"""Optimizers whose step calls the loss function several times."""
BACKWARD, ZERO_GRAD, STEP = (EVENTS.index(kind) for kind in ("backward", "zero_grad", "step"))


class StepOutsideLoop(Check):
    """`optimizer.step()` stands outside of the batch loop.

    ## What it means
    Every batch clears the gradients and computes new ones, but only those of the last batch of an epoch are used.

    ## Why it hurts
    One step an epoch: the run is as slow as if all other batches did not exist.

    ## How it is proven
    By counting: for each step several backward calls, and about as many calls of `zero_grad`. The same loop is rerun
    with a step after each backward. Gradients that are added up on purpose have one `zero_grad` for each step.

    ## How to fix it
    Indent `optimizer.step()` into the batch loop.

    ## Example
    Bad:

        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
        optimizer.step()

    Good:

        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()

    ## Known limits
    A run that ends before its first step is reported as `missing-step`.

    ## References
    - <https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html>
    """

    name = "step-outside-loop"
    family = "loop"
    summary = "gradients are cleared for every batch, but a step is made once in many"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Backward and zero_grad calls for each step."""
        facts = recording.facts
        steps = sum(o.steps for o in facts.optimizers)
        if not steps or not facts.backwards:
            raise NotChecked("no optimizer made a step")
        if not facts.backwards >= MANY * steps or not facts.zero_grads >= ZEROED * facts.backwards:
            return None
        if not np.mean(recording.column("empty_grads") > 0.5) < 0.5:
            return None  # the gradient of the last batch is cleared as well: zero-grad-misplaced
        used = [o for o in facts.optimizers if o.steps]
        turns = np.count_nonzero(np.diff(recording.column("optimizer")))
        if turns >= len(used) or any(o.kind in CLOSURES for o in used) or not self._cleared_between(recording):
            return None
        sites, backward = recording.event_sites("step"), recording.event_sites("backward")
        places = [recording.site(s) for s in (*sites[:1], *backward[:1])]
        lines = [p.line for p in places if p is not None]
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"only {steps} steps for {facts.backwards} batches: each clears the gradients of the one before",
            rule=Rule.FACT,
            location=recording.location(sites[0] if sites else -1),
            evidence=(
                Evidence(
                    "backwards_per_step",
                    round(facts.backwards / steps, 1),
                    "1, or several with one zero_grad",
                    f"{facts.backwards} backward and {facts.zero_grads} zero_grad calls for {steps} steps",
                ),
            ),
            treatments=(Treatment((Intervention("step-after-backward", "a step after each backward", {}),)),),
            explains=("lr-too-low", "lr-too-high", "undertrained", "no-learning", "plateau", "slow-learning"),
            advice="indent optimizer.step() into the batch loop, behind loss.backward(); where gradients are meant to "
            "add up over several batches, move zero_grad() behind the step instead",
            edits=(Edit("move-step-inside", {"step_line": lines[0], "backward_line": lines[1]}),)
            if len(lines) == 2
            else (),
            needs_harm=True,
            batches=round(facts.backwards / steps),
        )

    def _cleared_between(self, recording: Recording) -> bool:
        """Most backward calls have a zero_grad, and no step, between them and the one before."""
        kinds = recording.events[:, 1]
        marks = kinds[np.isin(kinds, (BACKWARD, ZERO_GRAD, STEP))]
        backward = np.flatnonzero(marks == BACKWARD)
        between = [set(marks[a + 1 : b].tolist()) for a, b in itertools.pairwise(backward)]
        cleared = [ZERO_GRAD in seen and STEP not in seen for seen in between]
        return sum(cleared) > 0.5 * len(cleared)
