"""double-sigmoid: probabilities where logits belong, for two classes."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording, Site

FLOOR = 0.313
"""-ln(sigmoid(1)): the lowest loss of a positive sample; a negative one stays above ln 2 = 0.693."""


class DoubleSigmoid(Check):
    """A sigmoid stands before `BCEWithLogitsLoss`, which applies its own.

    ## What it means
    `BCEWithLogitsLoss` expects raw outputs. Fed with probabilities, it sees logits between 0 and 1, that is,
    probabilities between 0.5 and 0.73.

    ## Why it hurts
    The loss cannot fall below 0.31 for positives and 0.69 for negatives, gradients are small, and every
    sample counts as positive when the loss's own sigmoid is thresholded.

    ## How it is proven
    The operand of the loss comes out of a sigmoid. The same loop is rerun without it; where that is no
    better, it is advice.

    ## How to fix it
    Return raw outputs from the model; apply the sigmoid only where probabilities are shown.

    ## Example
    Bad:

        loss = nn.BCEWithLogitsLoss()(torch.sigmoid(model(x)), y)

    Good:

        loss = nn.BCEWithLogitsLoss()(model(x), y)

    ## Known limits
    A sigmoid written by hand (`1 / (1 + exp(-x))`) is not recognised.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>
    """

    name = "double-sigmoid"
    family = "loss"
    summary = "probabilities instead of raw outputs are fed to BCEWithLogitsLoss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The operand of binary cross-entropy with logits was made by a sigmoid."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for loss in trace.loss_calls(recording, "binary_cross_entropy_with_logits"):
            made = trace.maker(recording, loss.inputs[0])
            if made is not None and made.name in ("sigmoid", "sigmoid_"):
                return self._suspicion(recording, loss, made)
        return None

    def _suspicion(self, recording: Recording, loss: Operation, made: Operation) -> Suspicion:
        low, high = loss.inputs[0].minimum, loss.inputs[0].maximum
        site = trace.site_of(made, "Sigmoid")
        place = recording.site(site)
        args = trace.at_site(recording, made)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title="sigmoid before BCEWithLogitsLoss: "
            f"the loss cannot fall below {FLOOR:.2f} for positives and 0.69 for negatives",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "operand_range",
                    f"{low:.3g} to {high:.3g}" if low is not None and high is not None else None,
                    "raw outputs",
                    "what reaches the loss comes out of a sigmoid and lies between 0 and 1",
                ),
            ),
            treatments=(Treatment((Intervention("drop-function", "without the sigmoid", args),)),),
            explains=(
                "plateau",
                "slow-learning",
                "lr-too-low",
                "lr-too-high",
                "vanishing-gradient",
                "no-learning",
                "undertrained",
                "output-collapse",
                "final-activation-range",
            ),
            advice="remove the sigmoid: the loss applies its own; use it only to show probabilities",
            edits=self._edits(recording, place, loss),
            needs_harm=True,
        )

    @staticmethod
    def _edits(recording: Recording, place: Site | None, loss: Operation) -> tuple[Edit, ...]:
        """Where both lines are in one file, the loss can be changed as well."""
        if place is None:
            return ()
        other = recording.site(loss.site)
        more = {"loss_line": other.line} if other is not None and other.path == place.path else {}
        return (Edit("one-sigmoid", {"line": place.line} | more),)
