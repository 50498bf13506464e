"""ce-class-dim: cross-entropy over time instead of over the classes."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording


class CeClassDim(Check):
    """The classes do not stand where `CrossEntropyLoss` looks for them.

    ## What it means
    Cross-entropy takes dimension 1 for the classes. Outputs of shape (N, T, C) have time there; where T = C,
    or where `view` was used instead of `transpose`, the shapes fit all the same.

    ## Why it hurts
    Positions compete with each other, and the labels are compared with numbers that mean something else.

    ## How it is proven
    From how the logits were made: a linear layer puts classes last, and nothing brought them to dimension 1,
    or a `view` swapped two sizes without moving the data. The same loop is rerun with a transpose; where that
    is no better, it is advice.

    ## How to fix it
    `logits.transpose(1, 2)`, or flatten both: `logits.reshape(-1, C)` with `target.reshape(-1)`.

    ## Example
    Bad:

        loss = F.cross_entropy(logits.view(n, c, t), target)        # logits: (N, T, C)

    Good:

        loss = F.cross_entropy(logits.transpose(1, 2), target)

    ## Known limits
    Only logits made by a linear layer are recognised.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>
    """

    name = "ce-class-dim"
    family = "loss"
    summary = "the logits' classes are not in dimension 1, where cross-entropy takes them"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Logits (N, T, C) with T = C from a linear layer, or swapped by a view."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "cross_entropy", "nll_loss"):
            operand = loss.inputs[0]
            if len(operand.shape) != 3:
                continue
            made = trace.maker(recording, operand, trace.KEEPING | {"log_softmax", "dropout"})
            if made is None:
                continue
            n, a, b = operand.shape
            if made.name in ("view", "reshape") and made.inputs and made.inputs[0].shape == (n, b, a) and a != b:
                place = recording.site(made.site)
                edits = (Edit("move-axes", {"line": place.line, "how": ".transpose(1, 2)"}),) if place else ()
                why = f"a {made.name} swapped {(n, b, a)} to {(n, a, b)}"
                return self._suspicion(recording, loss, "unview", why, edits)
            if made.name == "linear" and a == b and a > 1:
                place = recording.site(loss.site)
                moved = {"function": "loss", "operand": "input", "how": "{}.transpose(1, 2)"}
                edits = (Edit("change-operand", {"line": place.line} | moved),) if place else ()
                why = f"a linear layer made {operand.shape}: its outputs stand last"
                return self._suspicion(recording, loss, "transpose", why, edits)
        return None

    def _suspicion(
        self, recording: Recording, loss: Operation, how: str, why: str, edits: tuple[Edit, ...]
    ) -> Suspicion:
        args = trace.at_site(recording, loss) | {"operand": 0, "how": how}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"cross-entropy over dimension 1 of {loss.inputs[0].shape}, but the classes stand last",
            rule=Rule.FACT,
            location=recording.location(loss.site),
            evidence=(Evidence("class_dimension", 2, "1", why),),
            treatments=(Treatment((Intervention("transform-operand", "classes in dimension 1", args),)),),
            explains=(
                "plateau",
                "slow-learning",
                "no-learning",
                "lr-too-low",
                "undertrained",
                "output-collapse",
                "reshape-mixes-axes",
            ),
            advice="bring the classes to dimension 1: logits.transpose(1, 2) instead of view"
            if how == "unview"
            else "bring the classes to dimension 1: logits.transpose(1, 2)",
            edits=edits,
            needs_harm=True,
        )
