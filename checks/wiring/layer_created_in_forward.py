"""layer-created-in-forward: a new random layer in every call."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEAST = 2
"""Forward passes that build a layer at the same line; one alone may be a layer that is built on first use."""


class LayerCreatedInForward(Check):
    """A layer with weights is built inside `forward`.

    ## What it means
    Each call builds the layer anew, with new random weights that no optimizer knows.

    ## Why it hurts
    The layer never learns, and the same input gives another output each time, so that what comes after it
    has nothing to hold on to.

    ## How it is proven
    The constructor runs, and the layer is called, within one forward pass, again and again. The same loop is
    rerun with the layer's first weights kept and given to the optimizer; where that is no better (a fresh
    LayerNorm changes nothing), it is advice.

    ## How to fix it
    Build the layer in `__init__` and use it in `forward`.

    ## Example
    Bad:

        def forward(self, x):
            return nn.Linear(64, 10)(x)

    Good:

        def __init__(self):
            super().__init__()
            self.head = nn.Linear(64, 10)

    ## Known limits
    Layers that are built by a plain function, outside of any module's `forward`, are not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/modules.html>
    """

    name = "layer-created-in-forward"
    family = "wiring"
    summary = "a layer with weights is built anew in every forward pass"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Layers that were built and called within one forward pass, more than once."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.forwards:
            raise NotChecked("no forward pass with gradients was seen")
        layers = [layer for layer in structure.fresh_layers if layer.passes >= LEAST]
        if not layers:
            return None
        layer = max(layers, key=lambda found: found.passes)
        place = recording.site(layer.site)
        args = {"path": place.path if place else "", "line": place.line if place else 0}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{layer.kind} is built inside forward: {layer.passes} passes, each with new random weights",
            rule=Rule.FACT,
            location=recording.location(layer.site),
            evidence=(
                Evidence(
                    "layers_built",
                    layer.passes,
                    "0",
                    f"{layer.kind} was built and called in {layer.passes} forward passes",
                ),
            ),
            treatments=(Treatment((Intervention("keep-layer", f"one {layer.kind} kept and trained", args),)),),
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "lr-too-high",
                "lr-too-low",
                "oscillation",
                "undertrained",
                "unregistered-params",
            ),
            advice=f"build the {layer.kind} in __init__ (self.layer = ...) and call it in forward",
            edits=(Edit("layer-into-init", {"line": place.line}),) if place is not None else (),
            needs_harm=True,
        )
