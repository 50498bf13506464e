"""constant-init: all units of a layer start equal."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Array, Recording
from sgd_doctor.signals import Layer
from sgd_doctor.standstill import standstill

FIRST_ROWS = 3
LEAST_GAIN, MARGIN = 0.03, 0.03
"""Shares of the trivial loss: equal units are wrong in any case, and short runs with good weights gain little at first
(28 steps on digits: 0.056)."""


class ConstantInit(Check):
    """All units of a hidden layer start with the same weights.

    ## What it means
    Weights filled with 0 or with one constant make every unit compute the same. Equal units get equal gradients, so
    they stay equal for ever; with two zero layers in a row no gradient passes at all.

    ## Why it hurts
    A layer of a hundred units does the work of one.

    ## How it is proven
    The rows of the weight matrix are identical when the model is first called. The same loop is rerun with PyTorch's
    own initialisation for those layers, and has to beat the best run at any learning rate. Where every weight of the
    model is the same number, equal units stay equal by symmetry: a gain at the written rate, or a loss that stands
    still, is enough.

    ## How to fix it
    Leave the weights as PyTorch initialises them; only biases (and a last layer, or the second factor of a low-rank
    adapter) may start at 0.

    ## Example
    Bad:

        for p in model.parameters(): nn.init.constant_(p, 0.1)

    Good:

        nn.init.kaiming_normal_(layer.weight); nn.init.zeros_(layer.bias)

    ## Known limits
    A single layer of zeros is healthy where gradients pass around it, and left in peace.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, section 8.4
    """

    name = "constant-init"
    family = "model"
    summary = "all units of a layer start with equal weights"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Layers with identical rows, other than a last one and harmless zeros."""
        layers = [layer for layer in recording.facts.signals.layers if layer.trainable]
        if not layers:
            raise NotChecked("no layer with weights was seen")
        equal = [layer for layer in layers[:-1] if layer.equal_rows and not layer.zero]
        zero = [layer for layer in layers if layer.zero]
        stuck = [layer for layer in zero if not self._gets_gradient(recording, layer)]
        if stuck and len(zero) > 1:
            equal += [layer for layer in zero if layer not in equal]
        constant = all(layer.constant for layer in layers)
        if constant and not equal:  # also zeros that gradients reach through sigmoids: all units get the same ones
            equal = layers[:-1]
        if not equal:
            return None
        still = standstill(recording) if constant else None
        names = ", ".join(layer.name for layer in equal[:4])
        value = "0" if equal[0].zero else f"{equal[0].std:.3g}"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"all units of layer {names} start with equal weights ({value})",
            rule=Rule.FACT if constant else Rule.KNOB,
            location=recording.location(equal[0].site),
            evidence=(
                Evidence("equal_layers", len(equal), "0", f"the rows of the weight matrices of {names} are identical"),
                *(() if still is None else (still.evidence(),)),
            ),
            treatments=() if still is not None else (self._own_weights(equal),),
            explains=(
                "lr-too-low",
                "lr-too-high",
                "no-learning",
                "plateau",
                "vanishing-gradient",
                "dead-relu",
                "undertrained",
                "labels-misaligned",
                "init-too-large",
            ),
            advice="leave out the constant initialisation of weights (biases may be 0), or use nn.init.kaiming_normal_",
            edits=(Edit("reset-init", {"what": "weight"}),),
            margin=MARGIN,
            least_gain=LEAST_GAIN,
        )

    def _own_weights(self, layers: list[Layer]) -> Treatment:
        names = [layer.name for layer in layers]
        return Treatment((Intervention("reinitialise", "PyTorch's own weights", {"layers": names}),))

    def _gets_gradient(self, recording: Recording, layer: Layer) -> bool:
        norms: Array | None = recording.tables.get("grad_norm")
        names = list(recording.facts.parameters)
        if norms is None or norms.ndim != 2 or f"{layer.name}.weight" not in names:
            return True
        return bool(np.nanmax(norms[:FIRST_ROWS, names.index(f"{layer.name}.weight")], initial=0.0) > 0)
