"""clip-misuse: gradient clipping with a tiny limit, or at the wrong place."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Clipping

TINY = 30.0
"""Norm over limit beyond which the run is tried without clipping.  Meeting the limit at each step is usual, and only a
rerun tells a limit that leaves next to nothing from one that the learning rate was chosen for."""
NEEDED = 10.0
"""Largest norm over limit beyond which clipping at the right place would have changed the run."""

LIMITS = {"clip_grad_norm_": "max_norm", "clip_grad_value_": "clip_value"}
"""The argument that holds the limit."""


class ClipMisuse(Check):
    """Gradients are clipped to next to nothing, or after they were used.

    ## What it means
    With a limit hundreds of times below the usual norm every step has the same tiny length, which acts like a learning
    rate hundreds of times too small. Clipping after `optimizer.step()` changes gradients that nobody reads any more.

    ## Why it hurts
    The run does not move; or it is not protected where it should be.

    ## How it is proven
    The norm before clipping was far beyond the limit, step after step. The same loop is rerun without the
    clipping, and has to reach most of what the best learning rate gains. A call behind the step is treated alike,
    with gradients clipped before it, where norms went far beyond the limit; otherwise it is advice.

    ## How to fix it
    `clip_grad_norm_(model.parameters(), 1.0)` between `loss.backward()` and `optimizer.step()`; with a `GradScaler`
    behind `scaler.unscale_(optimizer)`.

    ## Example
    Bad:

        optimizer.step()
        clip_grad_norm_(model.parameters(), 1e-4)

    Good:

        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    ## Known limits
    Adam divides by the size of the gradient: there a tiny limit is harmless, and nothing is said.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>
    """

    name = "clip-misuse"
    family = "optimizer"
    summary = "gradients are clipped to next to nothing, or after the step"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Norms against limits, and where the calls stand."""
        clippings = recording.facts.signals.clippings
        if not clippings:
            raise NotChecked("gradients are not clipped")
        scaling = recording.facts.signals.scaling
        for clipping in clippings:
            if scaling is not None and scaling.clipped and scaling.clip_site == clipping.site:
                continue  # amp-misuse says more
            norms = np.asarray(clipping.norms)
            ratio = float(np.median(norms)) / clipping.limit if len(norms) and clipping.limit > 0 else 0.0
            if clipping.calls >= 3 and ratio > TINY and not clipping.after_step >= 0.5 * clipping.calls:
                return self._tiny(recording, clipping, ratio)
        for clipping in clippings:
            if clipping.calls >= 3 and clipping.after_step >= 0.9 * clipping.calls:
                return self._late(recording, clipping)
        return None

    def _tiny(self, recording: Recording, clipping: Clipping, ratio: float) -> Suspicion:
        place = recording.site(clipping.site)
        args = {"path": place.path if place else "", "line": place.line if place else 0}
        usual = float(f"{clipping.limit * ratio:.1g}")
        raised = {"arg": LIMITS.get(clipping.function, ""), "function": clipping.function, "value": usual}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"gradients are clipped to {clipping.limit:g}, which leaves 1/{ratio:.3g} of their norm",
            rule=Rule.SMELL,
            location=recording.location(clipping.site),
            evidence=(
                Evidence(
                    "norm_over_limit",
                    round(ratio, 1),
                    f"< {TINY:g}",
                    f"clipping divides the norm by {ratio:.3g} in the median",
                ),
            ),
            treatments=(Treatment((Intervention("skip-clip", "without clipping", args),)),),
            explains=(
                "lr-too-low",
                "no-learning",
                "plateau",
                "slow-learning",
                "undertrained",
                "weight-decay-too-large",  # the decay is not clipped
                "labels-misaligned",
            ),
            advice=f"raise the limit to the usual norm of the gradients (about {usual:g} here), or do not clip at all",
            edits=(Edit("set-call-arg", raised | {"line": args["line"]}),) if place is not None else (),
        )

    def _late(self, recording: Recording, clipping: Clipping) -> Suspicion:
        steps = recording.event_sites("step")
        lines = [recording.site(s) for s in (clipping.site, steps[0] if steps else -1)]
        norms = np.asarray(clipping.norms)
        needed = clipping.limit > 0 and not (len(norms) and norms.max() <= NEEDED * clipping.limit)
        args = {"limit": clipping.limit}
        clipped = Intervention("clip-gradients", f"gradients clipped to {clipping.limit:g} before the step", args)
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING if needed else Severity.ADVICE,
            title="gradients are clipped after optimizer.step(), where nobody reads them any more",
            rule=Rule.SMELL if needed else Rule.NOTE,
            location=recording.location(clipping.site),
            evidence=(
                Evidence(
                    "clips_after_step",
                    clipping.after_step,
                    "0",
                    f"{clipping.after_step} of {clipping.calls} calls came after a step and before the next backward",
                ),
            ),
            treatments=(Treatment((clipped,)),) if needed else (),
            explains=("exploding-gradient", "divergence", "lr-too-high", "oscillation", "no-learning"),
            advice=f"move {clipping.function} between loss.backward() and optimizer.step()",
            edits=(Edit("move-clip-before-step", {"clip_line": lines[0].line, "step_line": lines[1].line}),)
            if lines[0] and lines[1] and lines[0].path == lines[1].path
            else (),
        )
