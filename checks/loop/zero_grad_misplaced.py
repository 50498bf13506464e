"""zero-grad-misplaced: the gradient is wiped before the optimizer can use it."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import EVENTS, Recording

SHARE = 0.8
"""Share of steps with an empty gradient from which the loop itself is at fault."""


class ZeroGradMisplaced(Check):
    """`zero_grad()` stands between `backward()` and `step()`.

    ## What it means
    The gradient is computed and wiped; the optimizer then steps with nothing.

    ## Why it hurts
    The weights never move (or only by weight decay and old momentum), and nothing is learned.

    ## How it is proven
    From the events: a backward call, then `zero_grad`, then a step whose gradients are all zero or None.
    The same loop is rerun with that call left out.

    ## How to fix it
    Move `optimizer.zero_grad()` before `backward()`, or after `step()`.

    ## Example
    Bad:

        loss.backward()
        optimizer.zero_grad()
        optimizer.step()

    Good:

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    ## Known limits
    A GradScaler that skips its first steps is not mistaken for it: those steps do not happen.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>
    """

    name = "zero-grad-misplaced"
    family = "loop"
    summary = "zero_grad between backward and step: the optimizer steps with empty gradients"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Empty gradients at nearly every step although backward ran, with a zero_grad in between."""
        if not recording.steps or not recording.facts.backwards:
            raise NotChecked("no step was made")
        empty = recording.column("empty_grads")
        share = float(np.mean(empty > 0.5))
        site = wiping_site(recording)
        if not share >= SHARE or site < 0:
            return None
        backward = recording.event_sites("backward")
        place, before = recording.site(site), recording.site(backward[0] if backward else -1)
        edits: tuple[Edit, ...] = ()
        args = {}
        if place is not None:
            args = {"path": place.path, "line": place.line}
            if before is not None and before.path == place.path:
                edits = (Edit("move-zero-grad", {"zero_line": place.line, "backward_line": before.line}),)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"zero_grad() wipes the gradient between backward() and step(): {share:.0%} of the steps were empty",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "empty_steps",
                    round(share, 3),
                    "0",
                    f"{share:.0%} of {len(empty)} steps found every gradient zero or None",
                ),
            ),
            treatments=(Treatment((Intervention("skip-zero-grad", "this zero_grad left out", args),)),),
            explains=("no-learning", "plateau", "lr-too-low", "vanishing-gradient", "step-outside-loop"),
            advice="move zero_grad() before backward(), or after step()",
            edits=edits,
        )


def wiping_site(recording: Recording) -> int:
    """The site of the zero_grad that most often stands between a backward and the next step; -1 for none."""
    backward, zero, step = (EVENTS.index(k) for k in ("backward", "zero_grad", "step"))
    counts: dict[int, int] = {}
    last = -1
    pending = -1
    for _, kind, site in recording.events.tolist():
        if kind == backward:
            last, pending = backward, -1
        elif kind == zero and last == backward:
            pending = site
        elif kind == step:
            if pending >= 0:
                counts[pending] = counts.get(pending, 0) + 1
            last, pending = step, -1
    return max(counts, key=lambda s: counts[s], default=-1)
