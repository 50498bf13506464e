"""missing-nonlinearity: layers with nothing between them are one layer."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

AFFINE = {"linear", "conv1d", "conv2d", "conv3d"}
NEUTRAL = {
    "view",
    "reshape",
    "flatten",
    "squeeze",
    "unsqueeze",
    "transpose",
    "permute",
    "contiguous",
    "dropout",
    "dropout2d",
    "to",
    "float",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "batch_norm",
    "__getitem__",
    "add",
    "__add__",
    "__radd__",
    "identity",
}
"""Functions that keep an affine map affine (batch normalisation nearly does)."""


class MissingNonlinearity(Check):
    """The layers of the model have no nonlinearity between them.

    ## What it means
    A linear layer of a linear layer is a linear layer: without an activation between them, a stack of them can do
    no more than a single one.

    ## Why it hurts
    The model can only draw straight borders, however deep it is.

    ## How it is proven
    No operation of the forward pass is nonlinear. The same loop is rerun with a ReLU behind each layer but the last,
    and has to beat the best run at any learning rate; on data that a linear model fits, nothing is said.

    ## How to fix it
    Put `nn.ReLU()` between the layers, or call `F.relu` in `forward`.

    ## Example
    Bad:

        nn.Sequential(nn.Linear(2, 64), nn.Linear(64, 2))

    Good:

        nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2))

    ## Known limits
    A model that is nonlinear in one place and lacks an activation in another is not reported.

    ## References
    - Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.1
    """

    name = "missing-nonlinearity"
    family = "model"
    summary = "several linear layers with nothing nonlinear between them"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The forward pass holds layers, and nothing that is not affine."""
        forward = [op for op in recording.facts.trace if op.phase == "forward" and op.module is not None]
        if not forward:
            raise NotChecked("no forward pass was traced")
        layers = [op for op in forward if op.name in AFFINE]
        others = {op.name for op in forward} - AFFINE - NEUTRAL
        names = list(dict.fromkeys(op.module for op in layers if op.module is not None))
        if others or len(names) < 2 or not _chained(recording, layers):
            return None
        built = recording.facts.module_sites.get(names[0], -1)
        place = recording.site(built)
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{len(names)} layers with nothing nonlinear between them are one linear map",
            rule=Rule.KNOB,
            location=recording.location(built if built >= 0 else layers[0].site),
            evidence=(
                Evidence("nonlinear_operations", 0, ">= 1", f"the forward pass is affine: {', '.join(names[:6])}"),
            ),
            treatments=(Treatment((Intervention("insert-relu", "ReLU between the layers", {"layers": names[:-1]}),)),),
            explains=(
                "plateau",
                "no-learning",
                "lr-too-low",
                "undertrained",
                "insufficient-capacity",
                "labels-misaligned",
            ),
            advice="put nn.ReLU() between the layers",
            edits=(Edit("insert-relu", {"line": place.line}),) if place is not None else (),
        )


def _chained(recording: Recording, layers: list[Operation]) -> bool:
    """At least one layer reads what another one made."""
    trace = recording.facts.trace
    for layer in layers:
        origin = layer.inputs[0].origin if layer.inputs else -1
        while 0 <= origin < len(trace) and trace[origin].name in NEUTRAL and trace[origin].inputs:
            origin = trace[origin].inputs[0].origin
        if 0 <= origin < len(trace) and trace[origin].name in AFFINE:
            return True
    return False
