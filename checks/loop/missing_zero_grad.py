"""missing-zero-grad: gradients of all past steps add up."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import EVENTS, Array, Recording

SHARE = 0.5
"""Share of parameters, and of steps, whose gradient still holds one that a step has used."""
LEAST_FINITE = 4
"""Steps with a finite gradient that are enough to judge by."""


class MissingZeroGrad(Check):
    """Gradients are never zeroed between steps.

    ## What it means
    `backward()` adds to `.grad`. Without `optimizer.zero_grad()` every step uses the sum of all gradients
    since the start, which is momentum 1.0: nothing is ever forgotten.

    ## Why it hurts
    The steps grow, the loss swings with a growing amplitude, and often becomes NaN.

    ## How it is proven
    From the events, not from numbers: before `backward()` the gradient is the very object, with the very
    values, that the last step used; it is then added to, and used again. The same loop is rerun with
    gradients dropped after each step to show what the fix is worth.

    ## How to fix it
    Call `optimizer.zero_grad()` once before each `backward()` (with gradient accumulation: once for each step).
    Where weights are updated by hand, set `w.grad = None` after each update.
    The missing call acts like a larger learning rate, so the rate may have to go up afterwards.

    ## Example
    Bad:

        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

    Good:

        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

    ## Known limits
    Gradients scaled by hand between steps count as cleared.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>
    """

    name = "missing-zero-grad"
    family = "loop"
    summary = "gradients that a step has used are added to and used again"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Steps whose gradients contain already used ones."""
        if recording.steps < 2 or not recording.facts.backwards:
            raise NotChecked("fewer than two steps were made")
        stale = worst_optimizer(recording)
        share = float(np.mean(stale >= SHARE)) if len(stale) else 0.0
        if not share >= SHARE:
            return None
        norms = recording.column("grad_norm")
        first, last = stats.finite_mean(norms[:1]), stats.finite_mean(norms[-5:])
        backward = recording.event_sites("backward")
        steps = recording.event_sites("step")
        site = backward[0] if backward else -1
        lines = [recording.site(s) for s in (site, steps[0] if steps else -1)]
        edits = (
            (Edit("insert-zero-grad", {"backward_line": lines[0].line, "step_line": lines[1].line}),)
            if lines[0] and lines[1] and lines[0].path == lines[1].path
            else ()
        )
        by_hand = recording.facts.manual_steps > 0
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"gradients are {seldom(recording)}: {share:.0%} of the steps reuse gradients that were used before",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "stale_steps",
                    round(share, 3),
                    "0",
                    f"at {share:.0%} of {len(stale)} steps .grad still held what the step before had used",
                ),
                Evidence(
                    "grad_norm_growth",
                    round(last / first, 2) if first > 0 and last == last else None,
                    "about 1",
                    f"gradient norm {first:.3g} at the first step, {last:.3g} at the end",
                ),
            ),
            treatments=(Treatment((Intervention("zero-after-step", "gradients zeroed after each step", {}),)),),
            explains=(
                "divergence",
                "oscillation",
                "lr-too-high",
                "momentum-too-high",
                "exploding-gradient",
                "no-learning",
                "dead-relu",
                "plateau",
            ),
            advice="set each .grad to None after the update that has used it (w.grad = None)"
            if by_hand
            else "call optimizer.zero_grad() before backward()",
            edits=edits,
        )


def seldom(recording: Recording) -> str:
    """How often gradients are zeroed while training goes on (as far as events are kept)."""
    kinds = recording.events[:, 1]
    steps, zeroed = (int((kinds == EVENTS.index(kind)).sum()) for kind in ("step", "zero_grad"))
    if zeroed <= 1:
        return "never zeroed"
    alone = sum(o.steps > 0 for o in recording.facts.optimizers) == 1
    every = round(steps / zeroed)
    return f"zeroed only every {every} steps" if alone and every > 1 else "not zeroed between steps"


def worst_optimizer(recording: Recording) -> Array:
    """The column ``stale`` without each first step, of the optimizer that reuses the most.

    Only up to the first gradient that is not finite: behind it the old and the new cannot be told apart.
    """
    broken = np.flatnonzero(~np.isfinite(recording.column("grad_norm")))
    end = int(broken[0]) if len(broken) and broken[0] >= LEAST_FINITE else None
    stale, optimizer = recording.column("stale")[:end], recording.column("optimizer")[:end]
    rows = [stale[optimizer == number][1:] for number in np.unique(optimizer[np.isfinite(optimizer)])]
    rows = [r for r in rows if len(r)]
    return max(rows, key=lambda r: float(np.mean(r >= SHARE)), default=stale[1:])
