"""init-too-large: initial weights far larger than any usual scheme gives."""

from __future__ import annotations

import math

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Layer

LARGE = 3.0
"""Times PyTorch's own scale; He initialisation has 2.45, the largest of the usual schemes."""
START = 2.0
"""Loss at the start over that of the best constant answer: beyond this it comes from weights or inputs, not from lr."""


class InitTooLarge(Check):
    """The weights start far too large.

    ## What it means
    `nn.init.normal_(w)` draws with standard deviation 1 whatever the width; a layer with 64 inputs then multiplies
    the signal by 8, and four of them by 4000.

    ## Why it hurts
    The first outputs are huge, so is the loss, and sigmoid or tanh units start saturated. Much of the training goes
    into undoing the start.

    ## How it is proven
    Weights are more than 3 times PyTorch's own scale, and the first loss is above that of the best constant answer.
    The same loop is rerun with PyTorch's own weights for those layers (for the whole model where all of them are), and
    has to beat the best run at any rate.

    ## How to fix it
    Leave the default initialisation, or scale with the number of inputs: `nn.init.kaiming_normal_`, `xavier_normal_`.

    ## Example
    Bad:

        nn.init.normal_(layer.weight)

    Good:

        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    ## Known limits
    Embeddings start with standard deviation 1 by default and are not looked at.

    ## References
    - He et al., Delving Deep into Rectifiers, ICCV 2015
    """

    name = "init-too-large"
    family = "model"
    summary = "initial weights are so large that the first loss is far above that of a constant answer"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Weights against the usual scale, and the first loss against the constant predictor's."""
        task = recording.facts.task
        if task is None or not task.trivial_loss:
            raise NotChecked("the loss of a constant answer is not known")
        large = [y for y in recording.facts.signals.layers if y.trainable and y.std > LARGE * y.usual]
        first = recording.column("task_loss")[:3]
        start = float(first[0]) if len(first) else math.nan
        if not large or (start <= START * task.trivial_loss and np.isfinite(start)):
            return None
        return self._suspicion(recording, large, start, task.trivial_loss)

    def _suspicion(self, recording: Recording, large: list[Layer], start: float, trivial: float) -> Suspicion:
        worst = max(large, key=lambda y: y.std / y.usual)
        names = [y.name for y in large]
        # Where all of them are, whatever else the model holds (norms, embeddings) was most likely filled the same way.
        everywhere = len(large) > 1 and len(large) == sum(y.trainable for y in recording.facts.signals.layers)
        own = Intervention("reinitialise", "PyTorch's own weights", {"layers": None if everywhere else names})
        shown = f"{start:.3g}" if math.isfinite(start) else "not finite"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the weights of {', '.join(names[:4])} start {worst.std / worst.usual:.3g} times too large: "
            f"first loss {shown}, a constant answer has {trivial:.3g}",
            rule=Rule.KNOB,
            location=recording.location(worst.site),
            evidence=(
                Evidence(
                    "weight_scale",
                    round(worst.std / worst.usual, 2),
                    f"< {LARGE:g}",
                    f"{worst.name}: weights of size {worst.std:.3g}, PyTorch starts with {worst.usual:.3g}",
                ),
                Evidence("first_loss", shown, f"<= {START * trivial:.3g}", f"the first loss was {shown}"),
            ),
            treatments=(Treatment((own,)),),
            explains=(
                "lr-too-high",
                "lr-too-low",
                "divergence",
                "no-learning",
                "plateau",
                "exploding-gradient",
                "dead-relu",
                "saturation",
                "slow-learning",
                "vanishing-gradient",
            ),
            advice="leave PyTorch's own initialisation, or use nn.init.kaiming_normal_ (scaled by the fan-in)",
            edits=(Edit("reset-init", {"what": "weight"}),),
        )
