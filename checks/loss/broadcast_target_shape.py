"""broadcast-target-shape: (N, 1) against (N) becomes N x N."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operand, Operation, Recording

ELEMENTWISE = {
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "sub",
    "rsub",
    "__sub__",
    "__rsub__",
    "mul",
    "poisson_nll_loss",
    "soft_margin_loss",
    "dist",
}


class BroadcastTargetShape(Check):
    """Outputs and targets have shapes that broadcast against each other.

    ## What it means
    An output of shape (N, 1) minus a target of shape (N) is an N × N matrix: every prediction is
    compared with every target.

    ## Why it hurts
    The best answer to that loss is the mean of all targets for every input: the model learns a constant.

    ## How it is proven
    From the shapes of the two operands; the same loop is rerun with the target reshaped, and both are
    judged by the error of each prediction against its own target.

    ## How to fix it
    Give both the same shape: `output.squeeze(1)` or `target.unsqueeze(1)`.

    ## Example
    Bad:

        loss = nn.MSELoss()(model(x), y)              # (N, 1) and (N)

    Good:

        loss = nn.MSELoss()(model(x).squeeze(1), y)   # (N) and (N)

    ## Known limits
    Comparing all pairs on purpose is told apart because there both sides depend on the model.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>
    """

    name = "broadcast-target-shape"
    family = "loss"
    summary = "output (N, 1) and target (N) broadcast to N x N in the loss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """An elementwise operation of an output and a target whose shapes broadcast to more elements."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        for op in recording.facts.trace:
            if op.name in ELEMENTWISE and len(op.inputs) >= 2:
                output, target = op.inputs[0], op.inputs[1]
                if mismatched(output, target):
                    return self._suspicion(recording, op)
        return None

    def _suspicion(self, recording: Recording, op: Operation) -> Suspicion:
        first, second = op.inputs[0], op.inputs[1]
        output, target = (first, second) if learns(first) else (second, first)
        place = recording.site(op.site)
        args = {"function": op.name, "path": place.path if place else "", "line": place.line if place else 0}
        n = max(output.shape)
        how = "squeeze_input" if len(output.shape) > len(target.shape) else "unsqueeze_input"
        edit = {
            "line": args["line"],
            "how": "unsqueeze" if how == "squeeze_input" else "squeeze",
            "operand": "target",
            "side": "right" if learns(first) else "left",
        }
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"output {output.shape} against target {target.shape} broadcasts to {n} × {n} in the loss",
            rule=Rule.FACT,
            location=recording.location(op.site),
            evidence=(
                Evidence(
                    "shapes",
                    f"{output.shape} and {target.shape}",
                    "equal",
                    f"every one of the {n} predictions is compared with all {n} targets",
                ),
            ),
            treatments=(Treatment((Intervention("reshape-target", "target reshaped to the output", args),)),),
            explains=("plateau", "no-learning", "output-collapse", "lr-too-low", "slow-learning", "undertrained"),
            advice=f"give both the same shape: target.reshape{output.shape}, or squeeze the output",
            edits=(Edit("reshape-target", edit),),
            metric="task_loss",
            # Against targets that a model makes no error is measured, and the comparison is as wrong.
            needs_harm=not target.derived,
        )


def learns(operand: Operand) -> bool:
    """Whether gradients go through ``operand``: an output, and no target that a model makes (Q-learning)."""
    return operand.derived and not operand.foreign and operand.lost < 0


def mismatched(first: Operand, second: Operand) -> bool:
    """(N, 1) with (N): one side from the model, the other not, equal element count, different rank."""
    if learns(first) == learns(second) or first.parameter or second.parameter or first.shape == second.shape:
        return False
    a, b = sorted((first.shape, second.shape), key=len)
    if len(b) != len(a) + 1 or not a or a[0] < 2:
        return False
    return b in ((*a, 1), (1, *a)) and (len(a) == 1 or a[-1] == a[0])
