"""missing-step: gradients are computed and never used."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEAST = 2
"""Backward calls after which a loop without a step is no accident."""
LEAST_BY_HAND = 20
"""The same where no optimizer exists: a few gradients may be wanted for themselves (saliency, a check of gradients)."""


class MissingStep(Check):
    """`backward()` runs, but `optimizer.step()` never does.

    ## What it means
    Gradients are computed and the optimizer is never asked to use them.

    ## Why it hurts
    The weights are bit for bit what they were at the start.

    ## How it is proven
    By counting: an optimizer exists, backward ran several times, no optimizer stepped and no weight moved.
    (An update by hand moves the weights and is left in peace.) The same loop is rerun with a step after
    each backward. Without any optimizer: many backward passes in training mode through the very same tensors,
    of which none ever changes.

    ## How to fix it
    Call `optimizer.step()` after `loss.backward()`. A scheduler's `step()` does not do it. By hand, change the
    weights in place: `w = w - lr * w.grad` makes another tensor and leaves the weights as they were.

    ## Example
    Bad:

        optimizer.zero_grad()
        loss.backward()
        scheduler.step()

    Good:

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

    ## Known limits
    A script that accumulates gradients over more batches than were watched looks the same.

    ## References
    - <https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step>
    """

    name = "missing-step"
    family = "loop"
    summary = "backward without optimizer.step(): the weights never change"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Backward calls, an optimizer, no step, no movement."""
        facts = recording.facts
        if not facts.backwards:
            raise NotChecked("backward was never called")
        if facts.backwards < LEAST or recording.steps or facts.manual_steps or facts.weights_moved:
            return None
        if facts.signals.scaling is not None and facts.signals.scaling.steps:
            return None  # amp-misuse says more
        if not facts.optimizers:
            return self._by_hand(recording)
        backward = recording.event_sites("backward")
        place = recording.site(backward[0] if backward else -1)
        built = recording.site(facts.optimizers[0].site)
        edits: tuple[Edit, ...] = ()
        if place is not None and built is not None and place.path == built.path:
            edits = (Edit("insert-step", {"backward_line": place.line, "optimizer_line": built.line}),)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"optimizer.step() is never called: {facts.backwards} backward passes, weights unchanged",
            rule=Rule.FACT,
            location=recording.location(backward[0] if backward else -1),
            evidence=(
                Evidence("optimizer_steps", 0, f"{facts.backwards}", f"{facts.backwards} backward calls and no step"),
            ),
            treatments=(Treatment((Intervention("step-after-backward", "optimizer.step() after each backward", {}),)),),
            explains=("no-learning", "plateau", "lr-too-low", "missing-zero-grad"),
            advice="call optimizer.step() after loss.backward()",
            edits=edits,
        )

    def _by_hand(self, recording: Recording) -> Suspicion | None:
        """No optimizer, and nothing that moves the tensors whose gradients are computed again and again."""
        facts = recording.facts
        if not facts.unmoved_backwards >= LEAST_BY_HAND or facts.eval_mode_steps:
            return None
        backward = recording.event_sites("backward")
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the weights never change: {facts.backwards} backward passes, no optimizer, and no update by hand "
            "that reaches them",
            rule=Rule.FACT,
            location=recording.location(backward[0] if backward else -1),
            evidence=(
                Evidence(
                    "unmoved_backwards",
                    facts.unmoved_backwards,
                    "0",
                    f"{facts.unmoved_backwards} backward passes in a row found the same tensors with the same values",
                ),
            ),
            explains=("no-learning", "plateau", "lr-too-low", "missing-zero-grad"),
            advice="update the weights in place under torch.no_grad(): w -= lr * w.grad (w = w - lr * w.grad makes "
            "another tensor), or use torch.optim.SGD",
        )
