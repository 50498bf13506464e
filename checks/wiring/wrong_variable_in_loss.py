"""wrong-variable-in-loss: a loss of things that do not depend on the model, or of one thing with itself."""

from __future__ import annotations

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Operation, Recording

SHARE = 0.5
"""Share of the optimizer's parameters without a gradient from which nothing useful is left of the loss."""


class WrongVariableInLoss(Check):
    """The loss compares a tensor with itself, or two that do not depend on the model.

    ## What it means
    Two similar names were mixed up: the target stands on both sides, the teacher is compared with the
    teacher, the input with the target.

    ## Why it hurts
    That term is a constant: it teaches nothing, however good or bad the model is.

    ## How it is proven
    From the operands of the loss function: they are the same values, or neither was computed by the model.

    ## How to fix it
    Give the loss the model's output, and the target that belongs to it.

    ## Example
    Bad:

        loss = F.mse_loss(target, target) + 0.1 * penalty(model(x))

    Good:

        loss = F.mse_loss(model(x), target) + 0.1 * penalty(model(x))

    ## Known limits
    The wrong one of two outputs looks like a proper loss.

    ## References
    - <https://docs.pytorch.org/docs/stable/nn.functional.html#loss-functions>
    """

    name = "wrong-variable-in-loss"
    family = "wiring"
    summary = "a loss of a tensor with itself, or of tensors that do not depend on the model"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A term of the loss whose operands are the same, or none of which the model computed."""
        if recording.facts.loss_operation < 0:
            raise NotChecked("no loss was traced")
        found = trace.misused(recording)
        return self._suspicion(recording, *found) if found is not None else None

    def _suspicion(self, recording: Recording, term: Operation, why: str) -> Suspicion:
        structure = recording.facts.structure
        held = [p for p in structure.parameters if p.in_optimizer and p.trainable] if structure is not None else []
        idle = sum(not p.gradient and not p.changed for p in held)
        others = [t for t in trace.terms(recording) if t.name in trace.LOSSES and t is not term]
        alone = all(trace.unrelated(t) for t in others)
        broken = alone or idle >= SHARE * max(1, len(held))
        place = recording.site(term.site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR if broken else Severity.WARNING,
            title=f"{term.name} {why}: this part of the loss teaches nothing",
            rule=Rule.FACT if broken else Rule.NOTE,
            location=recording.location(term.site),
            evidence=(
                Evidence(
                    "operands",
                    f"{term.inputs[0].shape} and {term.inputs[1].shape}",
                    "an output of the model, and its target",
                    f"{term.name} {why}",
                ),
            ),
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "lr-too-low",
                "undertrained",
                "graph-detached",
            ),
            advice=f"give {term.name} the output of the model and the target that belongs to it",
            edits=(Edit("use-output", {"line": place.line}),) if place is not None else (),
        )
