"""exploding-gradient: single gradients are larger than the others by orders of magnitude."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

PEAK = 100.0
"""Largest over median gradient norm of the run."""
HUGE = 1e4
"""Gradient norm at the very first step that no usual loss has."""
LARGE = 50.0
"""First gradient norm of a recurrent model that then broke."""
LIMIT = 1.0
MARGIN = 0.1
"""Clipping shortens the steps as a smaller lr does, so it has to beat the best of these clearly."""


class ExplodingGradient(Check):
    """Gradients explode.

    ## What it means
    In deep or recurrent models the gradient is a product of many factors. Where they are larger than 1 on average,
    it grows by orders of magnitude with depth or sequence length, for some batches more than for others.

    ## Why it hurts
    One such step throws the weights far away; often the next loss is NaN.

    ## How it is proven
    The largest gradient norm is more than 100 times the median, or the first ones are enormous. The same loop is
    rerun with gradients clipped to norm 1, and has to beat the best run at any learning rate.

    ## How to fix it
    `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)` between backward and step; for recurrent layers an
    orthogonal initialisation or LSTM/GRU instead of a plain RNN.

    ## Example
    Bad:

        loss.backward()
        optimizer.step()

    Good:

        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    ## Known limits
    Where a smaller learning rate does as well, the learning rate is named.

    ## References
    - Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013
    """

    name = "exploding-gradient"
    family = "model"
    summary = "gradient norms jump by orders of magnitude"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Peaks of the gradient norm."""
        norms = recording.column("grad_norm")
        if not len(norms) or not recording.facts.optimizers:
            raise NotChecked("no gradient norm was recorded")
        finite = norms[np.isfinite(norms) & (norms > 0)]
        broken = recording.facts.nonfinite is not None and recording.facts.signals.culprit is None
        peak = float(finite.max()) if len(finite) else np.inf
        middle = float(np.median(finite[: max(5, len(finite) // 2)])) if len(finite) else np.inf
        first = float(finite[0]) if len(finite) else np.inf
        grew = len(finite) > 10 and peak > PEAK * middle
        recurrent = bool(recording.facts.signals.recurrent)
        if not grew and not (first > HUGE) and not (broken and recurrent and not first < LARGE):
            return None
        if recording.facts.nonfinite is not None and recording.facts.nonfinite.where in ("input", "target"):
            return None
        step = int(np.nanargmax(np.where(np.isfinite(norms), norms, -1.0)))
        backward = recording.event_sites("backward")
        shown = float(f"{peak:.3g}") if np.isfinite(peak) else None
        steps = recording.event_sites("step")
        place = recording.site(steps[0] if steps else -1)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"gradients explode: norm {peak:.3g} at step {step}, {middle:.3g} in the median",
            rule=Rule.KNOB,
            location=recording.location(backward[0] if backward else -1),
            evidence=(
                Evidence(
                    "max_grad_norm", shown, f"< {PEAK:g} x median", f"gradient norm up to {peak:.3g} (step {step})"
                ),
            ),
            treatments=(
                Treatment((Intervention("clip-gradients", f"gradients clipped to norm {LIMIT:g}", {"limit": LIMIT}),)),
            ),
            margin=MARGIN,
            at_written_lr=True,
            explains=("divergence", "lr-too-high", "oscillation", "no-learning", "plateau"),
            advice="call torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) between backward() and step()",
            edits=(Edit("insert-clip", {"step_line": place.line, "max_norm": LIMIT}),) if place is not None else (),
        )
