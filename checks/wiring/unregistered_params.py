"""unregistered-params: layers in plain lists, plain tensors: nobody trains them."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.structure import Stray


class UnregisteredParams(Check):
    """Layers or weights are used that the model does not know as its own.

    ## What it means
    Layers in a plain Python list or dictionary, or tensors that are no `nn.Parameter`, are not in
    `model.parameters()`: the optimizer never sees them, and `to(device)` and `state_dict()` leave them out.

    ## Why it hurts
    They keep their random initial values; the rest has to learn around them.

    ## How it is proven
    The graph of the loss ends in leaf tensors that require a gradient, are in no optimizer and are no
    parameters of the model. The same loop is rerun with them in the optimizer; where that is no better, it
    is advice.

    ## How to fix it
    Use `nn.ModuleList` or `nn.ModuleDict` for layers, and `nn.Parameter` for weights.

    ## Example
    Bad:

        self.layers = [nn.Linear(64, 64) for _ in range(3)]

    Good:

        self.layers = nn.ModuleList([nn.Linear(64, 64) for _ in range(3)])

    ## Known limits
    Fixed random features are left in peace where they do not require a gradient. Inputs that require one
    (saliency, physics-informed losses) are not attributes of a model and are left in peace too.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>
    """

    name = "unregistered-params"
    family = "wiring"
    summary = "layers in plain lists or plain tensors are used but never trained"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Leaves of the loss that nobody holds and that never change."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.backwards:
            raise NotChecked("backward was never called")
        if not recording.facts.optimizers:
            raise NotChecked("no optimizer was built")
        strays = [s for s in structure.strays if not s.changed]
        if not strays:
            return None
        return self._suspicion(recording, strays)

    def _suspicion(self, recording: Recording, strays: list[Stray]) -> Suspicion:
        structure = recording.facts.structure
        held = sum(p.size for p in structure.parameters if p.in_optimizer) if structure is not None else 0
        count = sum(_size(s) for s in strays)
        attributes = list(dict.fromkeys(s.attribute for s in strays if s.attribute))
        where = ", ".join(f"self.{a}" for a in attributes[:3]) or "tensors outside of the model"
        site = next((s.site for s in strays if s.site >= 0), -1)
        if site < 0:
            site = recording.facts.optimizers[0].site
        place = recording.site(site)
        listed = any(s.layer and "[" in s.name for s in strays)
        edits = (Edit("wrap-modulelist", {"line": place.line}),) if listed and place is not None else ()
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{len(strays)} weights of {where} are in no optimizer: "
            f"{count:,} numbers are never trained, {held:,} are",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "unregistered_tensors",
                    len(strays),
                    "0",
                    "they receive a gradient and never change: " + ", ".join(s.name for s in strays[:3]),
                ),
            ),
            treatments=(Treatment((Intervention("adopt-leaves", "these weights in the optimizer", {}),)),),
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "lr-too-low",
                "undertrained",
                "insufficient-capacity",
            ),
            advice="register them: nn.ModuleList or nn.ModuleDict for layers, nn.Parameter for weights"
            if attributes
            else "give them to the optimizer as well",
            edits=edits,
            needs_harm=True,
        )


def _size(stray: Stray) -> int:
    count = 1
    for extent in stray.shape:
        count *= extent
    return count
