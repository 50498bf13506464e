"""shared-module: one layer stands at several places of a container."""

from __future__ import annotations

from sgd_doctor.check import Check
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class SharedModule(Check):
    """A list holds the same layer several times.

    ## What it means
    `[layer] * n` repeats a reference: all n places share one set of weights.

    ## Why it hurts
    The model has fewer parameters than it seems to have. On easy tasks that costs nothing, and some architectures
    share weights on purpose.

    ## How it is proven
    By identity: one container holds the same object with parameters more than once. No harm is measured, hence advice.

    ## How to fix it
    Build each layer: `[Block() for _ in range(n)]`.

    ## Example
    Bad:

        nn.Sequential(*[Block(64)] * 4)

    Good:

        nn.Sequential(*[Block(64) for _ in range(4)])

    ## Known limits
    A layer that is called several times from `forward`, or that two different modules hold, is taken as meant.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>
    """

    name = "shared-module"
    family = "wiring"
    summary = "one layer stands at several places of a list: [layer] * n does not copy"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A container with the same layer at several places."""
        shared = recording.facts.signals.shared_modules
        if not shared:
            return None
        worst = max(shared, key=lambda s: s.places)
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"one {worst.kind} stands at {worst.places} places of {worst.container}: they share their weights",
            rule=Rule.NOTE,
            location=recording.location(worst.site),
            evidence=(
                Evidence(
                    "places", worst.places, "1", f"{worst.container} holds the same {worst.kind} {worst.places} times"
                ),
            ),
            advice=f"where that is not meant, build each one: [{worst.kind}(...) for _ in range({worst.places})]",
            confidence=Confidence.POSSIBLE,
        )
