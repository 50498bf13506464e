"""freeze-has-no-effect: an attribute that freezes nothing."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class FreezeHasNoEffect(Check):
    """`module.requires_grad = False` freezes nothing.

    ## What it means
    `requires_grad` belongs to tensors. On a module the assignment only sets an attribute that nobody reads;
    a misspelt name (`require_grad`) on a parameter does the same.

    ## Why it hurts
    Layers that are believed to be frozen are trained.

    ## How it is proven
    The attribute is there, the parameters still require a gradient, and they changed while the script ran.

    ## How to fix it
    `module.requires_grad_(False)`, or set `requires_grad` of each parameter.

    ## Example
    Bad:

        model.backbone.requires_grad = False

    Good:

        model.backbone.requires_grad_(False)

    ## Known limits
    Whether freezing would have been better is not measured: this is advice.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_>
    """

    name = "freeze-has-no-effect"
    family = "wiring"
    summary = "module.requires_grad = False only sets an attribute; the layer is trained"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Such an attribute on something whose parameters moved."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.backwards:
            raise NotChecked("backward was never called")
        freezes = [f for f in structure.freezes if f.moved]
        if not freezes:
            return None
        first = freezes[0]
        what = f"{first.name}.{first.attribute} = False"
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"{what} freezes nothing: its parameters are trained",
            rule=Rule.NOTE,
            location=recording.location(first.site),
            evidence=(
                Evidence(
                    "frozen_by_name",
                    len(freezes),
                    "0",
                    f"a {first.kind} carries the attribute {first.attribute}, and its weights changed",
                ),
            ),
            advice=f"write {first.name}.requires_grad_(False) instead",
        )
