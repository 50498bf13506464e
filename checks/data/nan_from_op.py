"""nan-from-op: an operation with finite inputs makes NaN or infinity."""

from __future__ import annotations

import numpy as np

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Culprit

IGNORED = "every target of the batch is ignored"
GROWTH = 3.0
"""A loss that grew by more than this before it broke was diverging already."""
LAST = 5
ADVICE = {
    "log": "compute it from logits (F.log_softmax, F.logsigmoid, BCEWithLogitsLoss), or add a small constant: "
    "torch.log(x + 1e-8)",
    "sqrt": "add a small constant: torch.sqrt(x + 1e-8)",
    "div": "keep the divisor away from 0: a / (b + 1e-8), or b.clamp_min(1e-8)",
    "pow": "keep the base away from 0: (x + 1e-8) ** p",
    "exp": "limit its input: x.clamp(max=80), or use torch.logsumexp / F.softplus",
    "softmax": "leave at least one place of every row unmasked, or mask with a large negative number instead of -inf",
    "acos": "limit its input: x.clamp(-1 + 1e-6, 1 - 1e-6)",
    "std": "use unbiased=False and add a small constant: x.std(unbiased=False) + 1e-8",
    "mean": "skip empty selections: if mask.any(): ...",
}
GUARDS = {
    "log": "{}.clamp(min=1e-7)",
    "sqrt": "{} + 1e-8",
    "div": "{} + 1e-8",
    "pow": "{} + 1e-8",
    "exp": "{}.clamp(max=80)",
    "acos": "{}.clamp(-1 + 1e-6, 1 - 1e-6)",
}
"""What keeps the operand where the operation is defined."""
_KIND = {
    "log2": "log",
    "log10": "log",
    "log1p": "log",
    "rsqrt": "sqrt",
    "expm1": "exp",
    "asin": "acos",
    "atanh": "acos",
    "log_softmax": "softmax",
    "reciprocal": "div",
}


class NanFromOp(Check):
    """An operation turns finite numbers into NaN or infinity.

    ## What it means
    `log(0)`, `sqrt` of 0 (its gradient is infinite), `0 / 0`, a power of a negative number, `exp` of something large,
    a softmax over a row that is masked completely. The inputs were finite; the operation is not defined there.

    ## Why it hurts
    The loss or its gradient becomes NaN, and with the next step every weight.

    ## How it is proven
    The graph of the step still holds what every operation read: the first operation in the order of the run whose
    inputs are finite and whose result, or gradient, is not. The same loop is rerun with the input of that operation
    kept away from the bad point. Where that does not help, the run was diverging anyway, and this is advice.

    ## How to fix it
    Use the numerically stable form (`log_softmax`, `logsumexp`, `BCEWithLogitsLoss`), or add a small constant.
    `torch.where` does not help by itself: the gradient of the branch that is not taken is still NaN.

    ## Example
    Bad:

        loss = torch.sqrt(((pred - y) ** 2).sum(1)).mean()       # the gradient of sqrt at 0 is infinite

    Good:

        loss = torch.sqrt(((pred - y) ** 2).sum(1) + 1e-8).mean()

    ## Known limits
    The line is found from the operations that were traced at the first steps. Half-precision overflow in matrix
    products is reported as divergence.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/autograd.html#gradients-for-non-differentiable-functions>
    """

    name = "nan-from-op"
    family = "data"
    summary = "log(0), sqrt(0), 0/0 and the like: an operation with finite inputs makes NaN"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The operation that was caught making the first such value."""
        if not recording.facts.backwards:
            raise NotChecked("no backward call was seen")
        scaling = recording.facts.signals.scaling
        if scaling is not None and scaling.direct:
            return None  # amp-misuse says more
        first, culprit = recording.facts.nonfinite, recording.facts.signals.culprit
        if first is None or culprit is None or culprit.reason == IGNORED:
            return None
        site = recording.site(culprit.site)
        name = culprit.function.strip("_").removeprefix("r").replace("truediv", "div")
        kind = _KIND.get(name, "acos" if name.startswith("arc") else name)
        treatments: tuple[Treatment, ...] = ()
        if site is not None:
            args = {"function": culprit.function, "path": site.path, "line": site.line}
            treatments = (Treatment((Intervention("guard-function", f"torch.{kind} kept finite", args),)),)
        edits: tuple[Edit, ...] = ()
        if site is not None and kind in GUARDS:
            at = {"line": site.line, "function": name, "operand": int(kind == "div"), "how": GUARDS[kind], "all": True}
            edits = (Edit("change-operand", at),)
        diverging = self._was_diverging(recording, first.step)
        if diverging and not treatments:
            return None  # it overflowed somewhere; nothing says that this operation is to blame
        certain = not diverging
        place = culprit.site if site is not None else first.site
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"torch.{kind} makes {'a gradient' if culprit.in_gradient else 'a value'} that is not finite "
            f"at step {first.step}: {culprit.reason}",
            rule=Rule.FACT if certain else Rule.KNOB,
            location=recording.location(place),
            evidence=(self._evidence(culprit, first.step),),
            treatments=treatments,
            explains=("divergence", "lr-too-high", "no-learning", "exploding-gradient"),
            advice=ADVICE.get(kind, "keep its input away from where it is not defined"),
            edits=edits,
            needs_harm=bool(treatments),
        )

    def _evidence(self, culprit: Culprit, step: int) -> Evidence:
        where = "its gradient" if culprit.in_gradient else "its result"
        return Evidence(
            "first_nonfinite_operation",
            culprit.function,
            "none",
            f"at step {step} the inputs of {culprit.function} were finite and {where} was not: {culprit.reason}",
        )

    def _was_diverging(self, recording: Recording, step: int) -> bool:
        """The loss had already grown before the value appeared."""
        loss = recording.column("loss")[:step]
        loss = loss[np.isfinite(loss)]
        if len(loss) < 2:
            return False
        start = stats.finite_median(loss[:LAST])
        return not float(np.abs(loss[-LAST:]).max()) <= GROWTH * abs(start)
