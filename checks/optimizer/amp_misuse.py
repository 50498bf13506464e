"""amp-misuse: half precision without a gradient scaler, or with one in the wrong order."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Scaling

LEAST = 3
"""Calls of the same wrong kind that are no accident."""
LEAST_STEPS = 20
"""The scale begins at 65536 and is halved by each skip: a sound loop steps after at most so many."""
SKIPPED = 0.5
"""Share of skipped steps that a scale which adapts never reaches."""
HALF = "float16"
FACTOR = 4096.0
"""What a loss may be scaled by with gradients of order one and still fit into half precision (largest value 65504)."""


class AmpMisuse(Check):
    """Gradients in half precision are not scaled, or the scaler is bypassed.

    ## What it means
    float16 holds nothing below 6e-8. `GradScaler` multiplies the loss so that small gradients survive, and divides
    them again before the step. Here there is none, the step is made past it with gradients that are 65536 times too
    large, they are clipped while they are scaled, or every step is skipped.

    ## Why it hurts
    Gradients that underflow are exactly 0: layers stop learning. Scaled gradients in the step, or in a clipping limit,
    act as a learning rate that is 65536 times too high or too low. Skipped steps change nothing.

    ## How it is proven
    The order of calls and the skipped steps are recorded. Without a scaler, the same loop is rerun with the loss scaled
    and the gradients divided again, and has to beat the best run at any learning rate. Past it, or clipped while
    scaled, it is rerun as it is meant; where that changes nothing (Adam does not care for the size) it is advice.

    ## How to fix it
    `scaler.scale(loss).backward()`, `scaler.unscale_(optimizer)` before clipping, `scaler.step(optimizer)`,
    `scaler.update()`. With bfloat16 no scaler is needed.

    ## Example
    Bad:

        scaler.scale(loss).backward()
        optimizer.step()

    Good:

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    ## Known limits
    A second `unscale_` and a missing `update` are exceptions in torch and reported as `script-crashed`. One scaler is
    followed.

    ## References
    - Micikevicius et al., Mixed Precision Training, ICLR 2018
    - <https://docs.pytorch.org/docs/stable/notes/amp_examples.html>
    """

    name = "amp-misuse"
    family = "optimizer"
    summary = "half precision without a gradient scaler, or a scaler that is bypassed or skips every step"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The use of the scaler, or its absence."""
        scaling = recording.facts.signals.scaling
        if scaling is None:
            return self._unscaled(recording)
        if scaling.steps >= LEAST_STEPS and scaling.skipped > SKIPPED * scaling.steps:
            return self._skipped(recording, scaling)
        if scaling.direct >= LEAST:
            return self._direct(recording, scaling)
        return self._clipped(recording, scaling) if scaling.clipped >= LEAST else None

    def _skipped(self, recording: Recording, scaling: Scaling) -> Suspicion:
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the gradient scaler skipped {scaling.skipped} of {scaling.steps} steps: gradients are not finite",
            rule=Rule.FACT,
            location=recording.location(scaling.site),
            evidence=(
                Evidence(
                    "skipped_steps",
                    scaling.skipped,
                    "a few at the start",
                    f"scaler.step() was called {scaling.steps} times and made {scaling.steps - scaling.skipped} steps; "
                    f"the scale began at {scaling.factor:g}",
                ),
            ),
            explains=("missing-step", "no-learning", "divergence", "plateau", "undertrained"),
            advice="run once without autocast and scaler and look for what is not finite; values beyond 65504 overflow "
            "in float16: use bfloat16, or leave that part out with torch.autocast(..., enabled=False)",
        )

    def _direct(self, recording: Recording, scaling: Scaling) -> Suspicion:
        unscale = Intervention("scale-gradients", "gradients unscaled before the step", {"factor": 1 / scaling.factor})
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the optimizer steps with scaled gradients, {scaling.factor:g} times too large",
            rule=Rule.FACT,
            location=recording.location(scaling.direct_site),
            evidence=(
                Evidence("scaled_steps", scaling.direct, "0", f"{scaling.direct} steps were made past the scaler"),
            ),
            treatments=(Treatment((unscale,)),),
            explains=("lr-too-high", "divergence", "exploding-gradient", "no-learning", "dead-relu", "plateau"),
            advice="scaler.step(optimizer) and scaler.update() in place of optimizer.step()",
            needs_harm=True,
        )

    def _clipped(self, recording: Recording, scaling: Scaling) -> Suspicion:
        place = recording.site(scaling.clip_site)
        args = {"path": place.path if place else "", "line": place.line if place else 0}
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"gradients are clipped while they are scaled: the limit acts {scaling.factor:g} times smaller",
            rule=Rule.FACT,
            location=recording.location(scaling.clip_site),
            evidence=(
                Evidence("clipped_scaled", scaling.clipped, "0", f"{scaling.clipped} calls clipped scaled gradients"),
            ),
            treatments=(Treatment((Intervention("skip-clip", "without clipping", args),)),),
            explains=("lr-too-low", "no-learning", "plateau", "slow-learning", "clip-misuse", "undertrained"),
            advice="call scaler.unscale_(optimizer) before clipping",
            needs_harm=True,
        )

    def _unscaled(self, recording: Recording) -> Suspicion | None:
        made = [op for op in recording.facts.trace if op.recorded and any(i.derived for i in op.inputs)]
        if not made:
            raise NotChecked("no training step was traced")
        if not any(i.dtype.endswith(HALF) and not i.dtype.endswith("b" + HALF) for op in made for i in op.inputs):
            return None
        backward = recording.event_sites("backward")
        scaled = Intervention("scale-loss", f"loss scaled by {FACTOR:g} for the gradients", {"factor": FACTOR})
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title="half precision (float16) without a gradient scaler: small gradients become 0",
            rule=Rule.KNOB,
            location=recording.location(backward[0] if backward else -1),
            evidence=(Evidence("scaler", "none", "GradScaler", "outputs are float16 and no loss was scaled"),),
            treatments=(Treatment((scaled,)),),
            explains=("lr-too-low", "no-learning", "plateau", "slow-learning", "vanishing-gradient", "undertrained"),
            advice="scaler = torch.amp.GradScaler(); scaler.scale(loss).backward(); scaler.step(optimizer); "
            "scaler.update() (bfloat16 needs none)",
        )
