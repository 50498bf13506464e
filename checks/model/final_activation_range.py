"""final-activation-range: the last activation cannot reach the targets."""

from __future__ import annotations

import math

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording, TaskFacts

RANGES = {
    "relu": (0.0, math.inf),
    "relu_": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
PASSING = {
    "view",
    "reshape",
    "squeeze",
    "unsqueeze",
    "flatten",
    "float",
    "to",
    "contiguous",
    "transpose",
    "permute",
    "__getitem__",
    "double",
    "clone",
    "swapaxes",
}
REAL = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub", "rsub", "__sub__", "__rsub__")
LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits", "multi_margin_loss")
BEYOND = 0.05
"""How far beyond a bound targets have to lie, in units of their own spread."""
MAX_HOPS = 8
MODULES = {"relu": "ReLU", "relu6": "ReLU6", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus"}


class FinalActivationRange(Check):
    """The model ends in an activation whose range does not hold what it has to put out.

    ## What it means
    A ReLU never gives a negative number, a sigmoid nothing above 1, a tanh nothing outside [-1, 1]. Behind the last
    layer they cut off the targets, or the logits, that lie beyond.

    ## Why it hurts
    Targets out of range cannot be met, whatever the weights are. At the bound the gradient is 0: an output that a
    ReLU has set to 0 for all samples stays there.

    ## How it is proven
    The operand of the loss comes out of such an activation. For real targets, some lie outside its range; for class
    scores the range itself is suspected. The same loop is rerun without the activation; where that is no better,
    it is advice for targets and silence for class scores.

    ## How to fix it
    Return the output of the last linear layer. Where the range is meant, scale the targets into it.

    ## Example
    Bad:

        return F.relu(self.out(x))          # standardised targets: half of them are negative

    Good:

        return self.out(x)

    ## Known limits
    A softmax or sigmoid before a loss that applies its own is another check (`softmax-before-ce`, `double-sigmoid`).

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2
    """

    name = "final-activation-range"
    family = "model"
    summary = "a ReLU, sigmoid or tanh at the end cannot reach the targets"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The activation whose result the loss compares with the targets."""
        task = recording.facts.task
        if not recording.facts.trace or task is None:
            raise NotChecked("no loss was traced")
        for loss in reversed(recording.facts.trace):
            if loss.site != task.loss_site or loss.name != task.loss_name or loss.phase != "loss":
                continue
            maker = last_activation(recording, loss)
            if maker is None:
                continue
            if loss.name in REAL and task.kind == "real":
                return self._real(recording, loss, maker, task)
            if loss.name in LOGITS and not (loss.name.startswith("binary") and "sigmoid" in maker.name):
                return self._logits(recording, loss, maker)
        return None

    def _real(self, recording: Recording, loss: Operation, maker: Operation, task: TaskFacts) -> Suspicion | None:
        targets = recording.facts.signals.targets
        low, high = RANGES[maker.name]
        if targets.minimum is None or targets.maximum is None or targets.std is None or not targets.std > 0:
            return None
        slack = BEYOND * targets.std
        if targets.minimum >= low - slack and targets.maximum <= high + slack:
            return None
        name = maker.name.rstrip("_")
        reach = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} and above"
        title = (
            f"the model ends in a {name} ({reach}), but targets go from {targets.minimum:.3g} to {targets.maximum:.3g}"
        )
        seen = Evidence("targets", f"{targets.minimum:.3g} to {targets.maximum:.3g}", reach, title)
        return self._suspicion(recording, maker, title, seen)

    def _logits(self, recording: Recording, loss: Operation, maker: Operation) -> Suspicion:
        low, high = RANGES[maker.name]
        name = maker.name.rstrip("_")
        reach = f"[{low:g}, {high:g}]" if math.isfinite(high) else "non-negative numbers"
        title = f"a {name} before {loss.name} confines the logits to {reach}"
        seen = Evidence("logits", reach, "any number", f"the logits that reach {loss.name} come out of a {name}")
        return self._suspicion(recording, maker, title, seen)

    def _suspicion(self, recording: Recording, maker: Operation, title: str, seen: Evidence) -> Suspicion:
        name = maker.name.rstrip("_")
        site = trace.site_of(maker, MODULES.get(name, ""))
        args = trace.this_call(recording, maker)
        place = recording.site(site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=title,
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(seen,),
            treatments=(Treatment((Intervention("drop-function", f"without the {name}", args),)),),
            explains=(
                "plateau",
                "no-learning",
                "lr-too-low",
                "lr-too-high",
                "dead-relu",
                "vanishing-gradient",
                "slow-learning",
                "undertrained",
                "labels-misaligned",
            ),
            advice=f"remove the {name} behind the last layer, or scale the targets into its range",
            edits=(Edit("drop-activation", {"line": place.line, "name": name}),) if place is not None else (),
            metric="task_loss",
            needs_harm=True,
        )


def last_activation(recording: Recording, loss: Operation) -> Operation | None:
    """The bounded activation whose result reaches ``loss``, through functions that only pass it on."""
    derived = [operand for operand in loss.inputs[:2] if operand.derived and not operand.parameter]
    if len(derived) != 1:
        return None
    origin = derived[0].origin
    for _ in range(MAX_HOPS):
        if not 0 <= origin < len(recording.facts.trace):
            return None
        maker = recording.facts.trace[origin]
        if maker.name in RANGES:
            return maker
        if maker.name not in PASSING or not maker.inputs:
            return None
        origin = maker.inputs[0].origin
    return None
