"""metric-bug: the printed accuracy is computed wrongly; the training itself may be fine."""

from __future__ import annotations

from sgd_doctor.check import Check
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Comparison

CHANGED = 0.01
"""Share of predictions on the wrong side of a threshold from which a printed accuracy is visibly off."""


class MetricBug(Check):
    """Predictions and labels are compared in a way that no accuracy can come out of.

    ## What it means
    `argmax()` without a dimension gives one number for the whole batch; predictions of shape (N, 1) against labels of
    shape (N) are compared each with all; raw outputs (logits) are compared with 0.5, although a probability of one
    half is a logit of 0.

    ## Why it hurts
    The printed number is wrong: good models look bad, bad ones good, and settings are chosen by it. The training is
    not touched.

    ## How it is proven
    From the shapes of both sides of the comparison; for the threshold from the outputs that lie between 0 and 0.5.

    ## How to fix it
    `pred = out.argmax(dim=1)`; give both sides the shape (N); compare logits with 0, or `torch.sigmoid(out)` with 0.5.

    ## Example
    Bad:

        accuracy = (model(x).argmax() == y).float().mean()

    Good:

        accuracy = (model(x).argmax(dim=1) == y).float().mean()

    ## Known limits
    What is computed in numpy, or with other libraries, is not seen, nor are totals that are divided by the wrong count.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.argmax.html>
    - <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>
    """

    name = "metric-bug"
    family = "outcome"
    summary = "predictions meet labels in a wrong shape, or logits meet 0.5: the printed metric is wrong"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A comparison with impossible shapes, or with a threshold that changes predictions."""
        found = recording.facts.signals.comparisons
        wrong = [c for c in found if c.kind != "threshold" or c.share >= CHANGED]
        if not wrong:
            return None
        worst = max(wrong, key=lambda c: (c.kind != "threshold", c.calls))
        title, advice = words(worst)
        place = recording.site(worst.site)
        side = "predictions" if len(worst.predictions) > len(worst.labels) else "labels"
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the metric is wrong: {title}",
            rule=Rule.NOTE,
            location=recording.location(worst.site),
            evidence=(
                Evidence(
                    "comparison",
                    f"{worst.predictions} against {worst.labels}" if worst.kind != "threshold" else "outputs > 0.5",
                    "one prediction for each label" if worst.kind != "threshold" else "outputs > 0",
                    f"{title} ({worst.calls} times)",
                ),
            ),
            advice=advice,
            edits=(Edit("mend-comparison", {"line": place.line, "kind": worst.kind, "side": side}),)
            if place is not None
            else (),
        )


def words(found: Comparison) -> tuple[str, str]:
    """What was compared, and what to do instead."""
    count = found.labels[0] if found.labels else 0
    if found.kind == "single":
        return f"one prediction is compared with {count} labels (argmax without dim?)", "take argmax(dim=1)"
    if found.kind == "outer":
        shapes = f"{found.predictions} and {found.labels}"
        return (
            f"shapes {shapes} compare every prediction with every label",
            "give predictions and labels the same shape, for example pred.squeeze(1)",
        )
    return (
        f"raw outputs are compared with 0.5, which misjudges {found.share:.0%} of the predictions",
        "compare logits with 0, or torch.sigmoid(out) with 0.5",
    )
