"""sign-flipped: the loss is maximised."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats, trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.endless import endless, thirds
from sgd_doctor.findings import Edit, Evidence, Intervention, Location, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

NEGATIONS = {"neg", "__neg__", "negative"}
DIFFERENCES = {"sub", "__sub__", "rsub", "__rsub__"}
POWERS = {"pow", "__pow__", "pow_"}
SIZES = {"square", "abs", "__abs__", "absolute"}
FROM_NUMBER = {"rsub", "__rsub__"}
MAX_HOPS = 12
WITHOUT_END = 3.0
"""How many times its start a loss has to be below 0 for a term of it to be without a lower bound."""


class SignFlipped(Check):
    """A loss that is meant to fall is maximised.

    ## What it means
    A minus sign stands before a loss that is bounded below by 0, or the optimizer was built with
    `maximize=True`.

    ## Why it hurts
    Every step makes the predictions worse; the printed loss falls without end, to minus infinity or NaN. The same
    happens where one term of several (the divergence of a variational autoencoder) has the wrong sign.

    ## How it is proven
    The negated value comes straight from a standard loss function, and the error of the predictions grows.
    The same loop is rerun with the sign turned, and both are judged by the error against the targets. Where a standard
    loss is added to other terms and the sum falls far below 0, the sign of each other term is tried. Any other loss
    that falls below 0 faster and faster is maximised for once: what was minimised by mistake comes to rest then.

    ## How to fix it
    Remove the minus sign, or `maximize=True`.

    ## Example
    Bad:

        loss = -F.cross_entropy(model(x), y)

    Good:

        loss = F.cross_entropy(model(x), y)

    ## Known limits
    Adversarial terms, policy gradients, ELBOs and other losses that are negative by design are left in peace:
    they are no standard loss with a minus sign, or the error does not grow. Signs within updates by hand are not seen.

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
        number = only_optimizer(recording)
        if number is None:
            return self._together(recording) if together(recording) else None
        term = falling_term(recording)
        if term is not None:
            return self._term(recording, term)
        optimizer = facts.optimizers[number]
        maximised = any(bool(g.get("maximize")) for g in optimizer.groups)
        loss, sign = standard_loss(recording)
        if loss is None or (sign is not None) == maximised or not grows(recording):
            falls = loss is None and not maximised and endless(recording.column("loss"))
            return self._endless(recording) if falls else None
        name = "minimise" if maximised else "negate-gradients"
        site = optimizer.site if maximised or sign is None else sign.site
        what = "maximize=True" if maximised else "the minus sign"
        if is_likelihood(recording, loss) and not maximised:
            what = "no minus sign before the log-likelihood"
        change = Intervention(name, "the loss minimised", {})
        return self._suspicion(recording, loss, change, recording.location(site), what)

    def _together(self, recording: Recording) -> Suspicion | None:
        """A sign before the one loss by which several optimizers, or updates by hand, make each step."""
        loss, sign = standard_loss(recording)
        if loss is None or sign is None or sign is loss or not grows(recording):
            return None
        change = Intervention("negate-function", "the loss minimised", trace.this_call(recording, sign))
        return self._suspicion(recording, loss, change, recording.location(sign.site), "the minus sign")

    def _endless(self, recording: Recording) -> Suspicion:
        """A loss of the user's own that is no error: a likelihood, a bound of one."""
        loss, backward = recording.column("loss"), recording.event_sites("backward")
        place = recording.site(backward[0] if backward else -1)
        made = trace.operation(recording, recording.facts.loss_operation)
        first, last = thirds(loss)
        text = f"it fell by {-first:.3g} over the first third of the steps and by {-last:.3g} over the last"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the loss falls below 0 faster and faster ({loss[0]:.3g} to {loss[-1]:.3g}): "
            "what is to be maximised (a log-likelihood, a lower bound) is minimised",
            rule=Rule.ENDLESS,
            location=recording.location(made.site if made is not None else -1),
            evidence=(Evidence("loss", round(float(loss[-1]), 4), "falls more and more slowly", text),),
            treatments=(Treatment((Intervention("negate-gradients", "the loss maximised", {}),)),),
            explains=("divergence", "lr-too-high", "lr-too-low", "exploding-gradient", "undertrained"),
            advice="put a minus sign before the log-likelihood (or the lower bound): the loss is what is minimised",
            edits=(Edit("negate-loss", {"line": place.line}),) if place is not None else (),
        )

    def _term(self, recording: Recording, term: Operation) -> Suspicion:
        loss = recording.column("loss")
        last = float(loss[np.isfinite(loss)][-1])
        change = Intervention(
            "negate-function", "this term added with the other sign", trace.this_call(recording, term)
        )
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the loss falls without end ({loss[0]:.3g} to {last:.3g}): a term that grows with the error is "
            "subtracted from it instead of added",
            rule=Rule.KNOB,
            location=recording.location(term.site),
            evidence=(
                Evidence(
                    "loss",
                    round(last, 4),
                    "> 0",
                    "it is the sum of a loss that cannot be negative and of this term, which goes to minus infinity",
                ),
            ),
            treatments=(Treatment((change,)),),
            explains=("divergence", "lr-too-high", "exploding-gradient", "init-too-large", "no-learning"),
            advice="turn the sign of this term (the divergence of a VAE is -0.5 * sum(1 + logvar - mu² - exp(logvar)))",
            metric="task_loss",
            only_proven=True,
            long=True,
        )

    def _suspicion(
        self, recording: Recording, loss: Operation, change: Intervention, location: Location | None, what: str
    ) -> Suspicion:
        first, last = ends(recording)
        likelihood = is_likelihood(recording, loss)
        name = "the cross-entropy" if likelihood else loss.name if loss.name in trace.LOSSES else "the error"
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


def falling_term(recording: Recording) -> Operation | None:
    """The only other term beside standard losses, where their sum falls far below 0."""
    loss = recording.column("loss")
    loss = loss[np.isfinite(loss)]
    if len(loss) < 2 or not loss[0] > 0 or not loss[-1] < -WITHOUT_END * loss[0]:
        return None
    standard, others = addends(recording, recording.facts.loss_operation)
    return others[0] if standard and len(others) == 1 else None


def addends(recording: Recording, index: int, hops: int = MAX_HOPS) -> tuple[bool, list[Operation]]:
    """Whether the result of that operation is a sum with a standard loss in it, and the other terms of that sum."""
    op = trace.operation(recording, index)
    if op is None or not hops:
        return False, []
    if op.name in trace.LOSSES:
        return True, []
    if len(op.inputs) == 1 and op.name in trace.TERMS | trace.SCALING and op.shape == op.inputs[0].shape:
        standard, others = addends(recording, op.inputs[0].origin, hops - 1)
        return (True, others) if standard else (False, [op])
    if len(op.inputs) != 2 or op.name not in trace.TERMS:
        return False, [op]
    sides = [addends(recording, operand.origin, hops - 1) for operand in op.inputs]
    if not any(standard for standard, _ in sides):
        return False, [op]
    return True, [other for _, others in sides for other in others]


def standard_loss(recording: Recording) -> tuple[Operation | None, Operation | None]:
    """The loss function that the loss is nothing but, and the operation that turned its sign (None: even)."""
    index, sign = recording.facts.loss_operation, None
    for _ in range(MAX_HOPS):
        op = trace.operation(recording, index)
        if op is None or not op.inputs:
            return None, None
        if op.name in trace.LOSSES or is_error(recording, op):
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


def only_optimizer(recording: Recording) -> int | None:
    """Index of the optimizer that makes all steps, or all of the last stage; None where several take turns."""
    column = recording.column("optimizer")
    stage = stats.last_stage(column)
    used = np.unique(column[stage:])
    alone = len(recording.facts.optimizers) == 1 or stage > 0
    return int(used[0]) if alone and len(used) == 1 and 0 <= used[0] < len(recording.facts.optimizers) else None


def together(recording: Recording) -> bool:
    """Whether each step follows one backward pass: of all optimizers, or of updates by hand."""
    optimizers = recording.facts.optimizers
    if any(bool(g.get("maximize")) for o in optimizers for g in o.groups):
        return False
    if not optimizers:
        return recording.facts.manual_steps > 0
    backwards = float(np.nansum(recording.column("backwards")))
    return all(o.steps == backwards for o in optimizers) and recording.steps == backwards * len(optimizers)


def is_error(recording: Recording, op: Operation) -> bool:
    """Whether ``op`` is the square or the size of outputs less targets."""
    square = op.name in POWERS and op.scalar == 2.0
    if not (square or op.name in SIZES or (op.name in trace.SCALING and op.identical)):
        return False
    made = trace.maker(recording, op.inputs[0])
    pair = made.inputs if made is not None and made.name in DIFFERENCES else ()
    return len(pair) == 2 and pair[0].derived != pair[1].derived


def is_likelihood(recording: Recording, op: Operation) -> bool:
    """Whether ``op`` picks the log-probability of each label."""
    made = trace.maker(recording, op.inputs[0])
    return op.name in ("gather", "__getitem__") and made is not None and made.name == "log_softmax"


def ends(recording: Recording) -> tuple[float, float]:
    """The error of the predictions over the first and over the last steps at which it was measured."""
    error = recording.column("task_loss")[stats.last_stage(recording.column("optimizer")) :]
    known = error[np.isfinite(error)]
    return stats.finite_mean(known[:3]), stats.finite_mean(known[-2:])


def grows(recording: Recording) -> bool:
    """Whether the error of the predictions ends higher than it began, or is no number."""
    first, last = ends(recording)
    if not np.isfinite(first):
        return False
    return not np.isfinite(recording.column("loss")).all() or last > first
