"""sign-flipped: the loss is maximised."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats, trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Location, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

NEGATIONS = {"neg", "__neg__", "negative"}
FROM_NUMBER = {"rsub", "__rsub__"}
MAX_HOPS = 12


class SignFlipped(Check):
    """A loss that is meant to fall is maximised.

    ## What it means
    A minus sign stands before a loss that is bounded below by 0, or the optimizer was built with
    `maximize=True`.

    ## Why it hurts
    Every step makes the predictions worse; the printed loss falls without end, to minus infinity or NaN.

    ## How it is proven
    The negated value comes straight from a standard loss function, and the error of the predictions grows.
    The same loop is rerun with the sign turned, and both are judged by the error against the targets.

    ## How to fix it
    Remove the minus sign, or `maximize=True`.

    ## Example
    Bad:

        loss = -F.cross_entropy(model(x), y)

    Good:

        loss = F.cross_entropy(model(x), y)

    ## Known limits
    Adversarial terms, policy gradients, ELBOs and other losses that are negative by design are left in peace:
    they are no standard loss with a minus sign, or the error does not grow. Updates by hand are not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>
    """

    name = "sign-flipped"
    family = "loss"
    summary = "a standard loss is maximised: a minus sign, or maximize=True"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """An odd number of signs between a standard loss and the step, and an error that grows."""
        facts = recording.facts
        if facts.loss_operation < 0:
            raise NotChecked("no loss was traced")
        if len(facts.optimizers) != 1:
            return None
        maximised = any(bool(g.get("maximize")) for g in facts.optimizers[0].groups)
        loss, sign = standard_loss(recording)
        if loss is None or (sign is not None) == maximised or not grows(recording):
            return None
        name = "minimise" if maximised else "negate-gradients"
        site = facts.optimizers[0].site if maximised or sign is None else sign.site
        what = "maximize=True" if maximised else "the minus sign"
        if loss.name not in trace.LOSSES and not maximised:
            what = "no minus sign before the log-likelihood"
        change = Intervention(name, "the loss minimised", {})
        return self._suspicion(recording, loss, change, recording.location(site), what)

    def _suspicion(
        self, recording: Recording, loss: Operation, change: Intervention, location: Location | None, what: str
    ) -> Suspicion:
        first, last = ends(recording)
        likelihood = loss.name not in trace.LOSSES
        name = "the cross-entropy" if likelihood else loss.name
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{name} is maximised ({what}): the error of the predictions grows",
            rule=Rule.FACT,
            location=location,
            evidence=(
                Evidence(
                    "error",
                    round(last, 4) if np.isfinite(last) else None,
                    f"< {first:.3g}",
                    f"error of the predictions {first:.3g} at first, {last:.3g} at the end",
                ),
            ),
            treatments=(Treatment((change,)),),
            explains=(
                "divergence",
                "no-learning",
                "lr-too-high",
                "exploding-gradient",
                "oscillation",
                "plateau",
                "output-collapse",
                "dead-relu",
            ),
            advice="put a minus sign before the mean log-likelihood: it has to be maximised"
            if likelihood
            else f"remove {what}: {loss.name} has to be minimised",
            edits=self._edits(recording, change, location, likelihood),
            metric="task_loss",
        )

    @staticmethod
    def _edits(
        recording: Recording, change: Intervention, location: Location | None, likelihood: bool
    ) -> tuple[Edit, ...]:
        """Where the sign is written: at the optimizer, before the loss, or nowhere yet."""
        if location is None:
            return ()
        if change.name == "minimise":
            return (Edit("set-optimizer-arg", {"line": location.line, "arg": "maximize", "value": False}),)
        if not likelihood:
            return (Edit("drop-minus", {"line": location.line}),)
        backward = recording.event_sites("backward")
        place = recording.site(backward[0] if backward else -1)
        if place is None:
            return ()
        return (Edit("negate-loss", {"line": place.line}),)


def standard_loss(recording: Recording) -> tuple[Operation | None, Operation | None]:
    """The loss function that the loss is nothing but, and the operation that turned its sign (None: even)."""
    index, sign = recording.facts.loss_operation, None
    for _ in range(MAX_HOPS):
        op = trace.operation(recording, index)
        if op is None or not op.inputs:
            return None, None
        if op.name in trace.LOSSES:
            return op, sign
        if is_likelihood(recording, op):
            # The mean log-probability has to be maximised: one sign is right, none is one too few.
            return (op, None) if sign is not None else (op, op)
        number = op.scalar is not None and len(op.inputs) == 1
        turned = op.name in NEGATIONS or (op.name in FROM_NUMBER and number)
        turned = turned or (op.name in trace.SCALING and number and (op.scalar or 0.0) < 0)
        if turned:
            sign = op if sign is None else None
        elif op.name not in trace.TERMS | trace.SCALING or (len(op.inputs) > 1 and sign is None):
            return None, None
        index = op.inputs[0].origin
    return None, None


def is_likelihood(recording: Recording, op: Operation) -> bool:
    """Whether ``op`` picks the log-probability of each label."""
    made = trace.maker(recording, op.inputs[0])
    return op.name in ("gather", "__getitem__") and made is not None and made.name == "log_softmax"


def ends(recording: Recording) -> tuple[float, float]:
    """The error of the predictions over the first and over the last steps at which it was measured."""
    error = recording.column("task_loss")
    known = error[np.isfinite(error)]
    return stats.finite_mean(known[:3]), stats.finite_mean(known[-2:])


def grows(recording: Recording) -> bool:
    """Whether the error of the predictions ends higher than it began, or is no number."""
    first, last = ends(recording)
    if not np.isfinite(first):
        return False
    return not np.isfinite(recording.column("loss")).all() or last > first
