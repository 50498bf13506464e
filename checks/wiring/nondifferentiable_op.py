"""nondifferentiable-op: a step function stands between the model and the loss."""

from __future__ import annotations

import numpy as np

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

SHARE = 0.5
"""Share of the parameters whose gradient is exactly zero, or missing, from which the operation is to blame."""
EXPLAINS = (
    "no-learning",
    "plateau",
    "slow-learning",
    "lr-too-low",
    "undertrained",
    "vanishing-gradient",
    "dead-relu",
    "output-collapse",
    "graph-detached",
    "zero-grad-misplaced",
)


class NondifferentiableOp(Check):
    """An operation without a useful gradient stands between the model and the loss.

    ## What it means
    `argmax`, comparisons and casts to integers end the graph; `round`, `floor` and `sign` are flat, so that
    their gradient is zero everywhere.

    ## Why it hurts
    No information about the error arrives at the parameters before that operation.

    ## How it is proven
    The loss is computed from the result of such an operation, and the parameters have no gradient, or one
    that is exactly zero. For the flat ones the same loop is rerun without the operation.

    ## How to fix it
    Compute the loss from the scores or probabilities before the operation; use `argmax` and thresholds only
    for metrics. Where a hard value is needed, use a straight-through estimator:
    `soft + (hard - soft).detach()`.

    ## Example
    Bad:

        loss = F.mse_loss(model(x).argmax(1).float().requires_grad_(), y.float())

    Good:

        loss = F.cross_entropy(model(x), y)

    ## Known limits
    A mask from a comparison that weights a differentiable loss is left in peace, as are straight-through
    estimators.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/autograd.html#gradients-for-non-differentiable-functions>
    """

    name = "nondifferentiable-op"
    family = "wiring"
    summary = "argmax, a threshold or rounding between model and loss lets no gradient through"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Such an operation among what the loss was computed from, and parameters without a gradient."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.trace:
            raise NotChecked("no step was traced")
        held = [p for p in structure.parameters if p.in_optimizer and p.trainable]
        missing = sum(not p.gradient and not p.changed for p in held)
        hard = next(iter(trace.hard_cuts(recording)), None)
        if hard is not None and held and recording.facts.backwards >= 2 and missing >= SHARE * len(held):
            return self._suspicion(recording, hard, "ends the graph", missing, len(held))
        flat = self._flat(recording)
        zero, known = zero_gradients(recording)
        if flat is not None and known and zero >= SHARE * known:
            return self._suspicion(recording, flat, "has gradient zero everywhere", zero, known)
        return self._term(recording)

    @staticmethod
    def _flat(recording: Recording) -> Operation | None:
        """The last flat operation that the loss was computed from."""
        operations = [recording.facts.trace[i] for i in trace.ancestors(recording)]
        return next((op for op in reversed(operations) if op.name in trace.FLAT and op.inputs[0].derived), None)

    def _term(self, recording: Recording) -> Suspicion | None:
        """One term of several that can teach nothing."""
        for term in trace.terms(recording):
            operands = [i for i in term.inputs if i.derived or i.lost >= 0]
            lost = [trace.operation(recording, i.lost) for i in operands]
            hard = next((op for op in lost if op is not None and trace.is_hard(op)), None)
            if term.name not in trace.LOSSES or hard is None or not all(op is not None for op in lost):
                continue
            return Suspicion(
                check=self.name,
                severity=Severity.ADVICE,
                title=f"the {term.name} term of the loss has no gradient: {hard.name} stands before it",
                rule=Rule.NOTE,
                location=recording.location(hard.site),
                evidence=(
                    Evidence("operation", hard.name, "none", f"{term.name} is computed from the result of {hard.name}"),
                ),
                advice=f"compute this term from the values before {hard.name}",
            )
        return None

    def _suspicion(self, recording: Recording, op: Operation, what: str, count: int, known: int) -> Suspicion:
        name = op.name.strip("_")
        treatments: tuple[Treatment, ...] = ()
        edits: tuple[Edit, ...] = ()
        if op.name in trace.FLAT:
            edits = (Edit("drop-activation", {"line": trace.at_site(recording, op)["line"], "name": name}),)
            args = trace.at_site(recording, op)
            treatments = (Treatment((Intervention("drop-function", f"without {name}", args),)),)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{name} stands between the model and the loss and {what}: "
            f"{count} of {known} parameters get no gradient",
            rule=Rule.FACT,
            location=recording.location(op.site),
            evidence=(
                Evidence("operation", name, "a differentiable one", f"the loss is computed from the result of {name}"),
                Evidence("parameters_without_gradient", count, "0", f"{count} of {known} are missing or zero"),
            ),
            treatments=treatments,
            explains=EXPLAINS,
            advice=f"compute the loss from the values before {name}; keep {name} for metrics",
            edits=edits,
        )


def zero_gradients(recording: Recording) -> tuple[int, int]:
    """How many parameters have a gradient of exactly zero at every measured step, and of how many."""
    table = recording.tables.get("grad_norm")
    if table is None or table.ndim != 2 or not table.size:
        return 0, 0
    known = np.isfinite(table).any(axis=0)
    zero = np.array([bool((column[np.isfinite(column)] == 0).all()) for column in table.T]) & known
    return int(zero.sum()), int(known.sum())
