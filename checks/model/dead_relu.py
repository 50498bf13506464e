"""dead-relu: nearly all units of a layer are zero for every sample."""

from __future__ import annotations

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Activation

DEAD = 0.9
"""Share of units that are 0 for a whole batch (half of all values being 0 behind a ReLU is normal)."""
LEAST_UNITS = 4
LEAST_SAMPLES = 8
HIGH = 0.5
"""Share of the constant predictor's loss above which dead units count as harm."""


class DeadRelu(Check):
    """Nearly all units of a ReLU layer are zero for every sample.

    ## What it means
    A unit whose input is negative for all samples puts out 0 and gets no gradient: it cannot come back. Large
    negative biases at the start do that at once; a step that was too long does it later.

    ## Why it hurts
    Nothing behind such a layer depends on the input any more.

    ## How it is proven
    From the units that are zero over whole batches. Dead at the start: the same loop is rerun with PyTorch's own
    initialisation and has to beat the best run at any learning rate. Dead later: a symptom, reported under its cause
    (mostly `lr-too-high`).

    ## How to fix it
    Start biases at 0 and weights with `nn.init.kaiming_normal_`; lower the learning rate; `LeakyReLU` or GELU.

    ## Example
    Bad:

        nn.init.constant_(layer.bias, -10.0)

    Good:

        nn.init.zeros_(layer.bias)

    ## Known limits
    Half of all values being zero behind a ReLU is normal and not meant here.

    ## References
    - Lu et al., Dying ReLU and Initialization, 2019
    """

    name = "dead-relu"
    family = "model"
    summary = "nearly all units of a ReLU layer are zero for every sample"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The layer with the largest share of dead units."""
        signals = recording.facts.signals
        places = [a for a in signals.activations if a.units >= LEAST_UNITS and a.steps]
        if not places:
            raise NotChecked("no activation was seen at a traced step")
        samples = max((b.samples for b in signals.targets.batches), default=0)
        if samples < LEAST_SAMPLES:
            return None
        if any(layer.equal_rows and layer.trainable for layer in signals.layers[:-1]):
            return None  # constant-init says more
        at_start = max(places, key=lambda a: a.dead[0])
        if at_start.dead[0] > DEAD:
            return self._at_start(recording, at_start)
        later = max(places, key=lambda a: a.dead[-1])
        return self._later(recording, later) if later.dead[-1] > DEAD and _hurts(recording) else None

    def _evidence(self, place: Activation, index: int) -> Evidence:
        share = place.dead[index]
        where = f" of {place.module}" if place.module else ""
        text = f"{share:.0%} of the {place.units} units{where} were 0 for the whole batch at step {place.steps[index]}"
        return Evidence("dead_units", round(share, 3), f"< {DEAD}", text)

    def _at_start(self, recording: Recording, place: Activation) -> Suspicion:
        layers = [y for y in recording.facts.signals.layers if y.bias is not None and y.bias < -1 and y.trainable]
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{place.dead[0]:.0%} of the units behind a ReLU are 0 for every sample from the start",
            rule=Rule.KNOB,
            location=recording.location(layers[0].bias_site if layers else place.site),
            evidence=(self._evidence(place, 0),),
            treatments=(Treatment((Intervention("reinitialise", "He initialisation", {"activation": "relu"}),)),),
            explains=("lr-too-low", "lr-too-high", "no-learning", "plateau", "vanishing-gradient", "undertrained"),
            advice="start biases at 0 and weights with nn.init.kaiming_normal_; LeakyReLU keeps a gradient",
            edits=(Edit("reset-init", {"what": "bias"}),) if layers else (),
        )

    def _later(self, recording: Recording, place: Activation) -> Suspicion:
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{place.dead[-1]:.0%} of the units behind a ReLU died during training",
            rule=Rule.SYMPTOM,
            location=recording.location(place.site),
            evidence=(self._evidence(place, -1),),
            advice="lower the learning rate, clip gradients, or use LeakyReLU",
        )


def _hurts(recording: Recording) -> bool:
    """The run ends far from what it could learn."""
    task, loss = recording.facts.task, recording.column("task_loss")
    known = loss[np.isfinite(loss)]
    if task is None or not task.trivial_loss or not len(known):
        return False
    return not float(known[-1]) < HIGH * task.trivial_loss
