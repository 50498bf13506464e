"""vanishing-gradient: the first layers get next to no gradient."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Layer

SUSPICIOUS = 0.05
"""First over last layer's gradient norm (init bench: below .007 the run does not learn, below .05 it may not)."""
LEAST_LAYERS = 3
FIRST_ROWS = 10
SQUASHING = ("sigmoid", "sigmoid_", "tanh", "tanh_", "hardsigmoid", "hardtanh", "softsign")


class VanishingGradient(Check):
    """Gradients shrink on their way to the first layers.

    ## What it means
    Every layer multiplies the gradient by its weights and by the slope of its activation. The slope of a sigmoid is
    at most 1/4, that of a tanh is below 1 except at 0: a stack of six sigmoids takes the gradient to a ten-thousandth.

    ## Why it hurts
    The first layers stay what they were at the start, so the input hardly reaches the output, and the loss stays
    where the best constant answer is.

    ## How it is proven
    The gradient norm of the first layer over that of the last is far below 1. The same loop is rerun with an
    initialisation that keeps the size of the signal (and, for sigmoids, with ReLU instead), and has to beat the best
    run at any learning rate.

    ## How to fix it
    ReLU or GELU between hidden layers with He initialisation (`nn.init.kaiming_normal_`), Xavier for tanh; batch or
    layer normalisation; residual connections.

    ## Example
    Bad:

        for _ in range(8): layers += [nn.Linear(64, 64), nn.Sigmoid()]

    Good:

        for _ in range(8): layers += [nn.Linear(64, 64), nn.ReLU()]

    ## Known limits
    Layers are taken in the order in which the model lists them. Recurrent layers are looked at from outside only.

    ## References
    - Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010
    - He et al., Delving Deep into Rectifiers, ICCV 2015
    """

    name = "vanishing-gradient"
    family = "model"
    summary = "the first layers get next to no gradient"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Gradient norms of the first and the last trainable weight layer."""
        layers = [layer for layer in recording.facts.signals.layers if layer.trainable and layer.site >= -1]
        norms, names = recording.tables.get("grad_norm"), list(recording.facts.parameters)
        known = [(layer, names.index(f"{layer.name}.weight")) for layer in layers if f"{layer.name}.weight" in names]
        if norms is None or norms.ndim != 2 or len(known) < LEAST_LAYERS or recording.facts.roots != 1:
            raise NotChecked("fewer than three layers of one model were seen to learn")
        rows = norms[1 : 1 + FIRST_ROWS] if len(norms) > 1 else norms
        (first, left), (last, right) = known[0], known[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = stats.finite_median(rows[:, left] / rows[:, right])
        if not 0 < ratio < SUSPICIOUS:
            return None
        return self._suspicion(recording, first, last, ratio, len(known))

    def _suspicion(self, recording: Recording, first: Layer, last: Layer, ratio: float, depth: int) -> Suspicion:
        activations = [a for a in recording.facts.signals.activations if a.units > 1]
        hidden = [a for a in activations if a.function in SQUASHING]
        sigmoid = [a for a in hidden if "sigmoid" in a.function]
        kind = "relu" if sigmoid or not hidden else "tanh"
        changes = [Intervention("reinitialise", f"initialised for {kind}", {"activation": kind})]
        if sigmoid:
            places = [[a.module, s.line] for a in sigmoid if (s := recording.site(a.site)) is not None]
            functions = sorted({a.function for a in sigmoid})
            args = {"functions": functions, "places": places}
            changes.insert(0, Intervention("swap-activation", "ReLU instead of sigmoid", args))
        what = f"{len(sigmoid)} sigmoids" if len(sigmoid) > 1 else f"{depth} layers"
        edits: tuple[Edit, ...] = ()
        if sigmoid and {a.function for a in sigmoid} <= {"sigmoid"}:
            lines = sorted({s.line for a in sigmoid if (s := recording.site(a.site)) is not None})
            edits = tuple(Edit("swap-activation", {"name": "sigmoid", "to": "relu", "line": line}) for line in lines)
        advice = "initialise with nn.init.xavier_normal_(w, gain=5/3) behind tanh, nn.init.kaiming_normal_ behind ReLU"
        if sigmoid:
            advice = "use ReLU between the hidden layers, with nn.init.kaiming_normal_ (a sigmoid only at the output)"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"gradients vanish over {what}: layer {first.name} gets {ratio:.2g} times that of {last.name}",
            rule=Rule.KNOB,
            location=recording.location(first.site),
            evidence=(
                Evidence(
                    "first_over_last_gradient",
                    float(f"{ratio:.3g}") if math.isfinite(ratio) else None,
                    f">= {SUSPICIOUS}",
                    f"gradient norm of {first.name} over that of {last.name}: {ratio:.2g}",
                ),
            ),
            treatments=(Treatment(tuple(changes)),),
            explains=(
                "lr-too-low",
                "lr-too-high",
                "no-learning",
                "plateau",
                "slow-learning",
                "saturation",
                "undertrained",
            ),
            advice=f"{advice}; or put nn.BatchNorm1d/nn.LayerNorm between the layers",
            edits=edits,
        )
