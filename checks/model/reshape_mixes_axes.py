"""reshape-mixes-axes: a view where a transpose is meant."""

from __future__ import annotations

import math

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Operation, Recording

VIEWS = {"view", "reshape", "_unsafe_view"}
FLATTENING = VIEWS | {"flatten"}
LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits")
EXPLAINS = (
    "no-learning",
    "plateau",
    "slow-learning",
    "lr-too-low",
    "lr-too-high",
    "labels-misaligned",
    "undertrained",
    "overfitting",
    "output-collapse",
    "insufficient-capacity",
)


class ReshapeMixesAxes(Check):
    """A `view` or `reshape` swaps the sizes of two axes without moving the data.

    ## What it means
    `view` reads the same numbers in the same order under another shape. Where (batch, time, features) becomes
    (time, batch, features) that way, what the model takes for one sample is put together from several; where
    (batch, channels, height, width) becomes (batch, pixels, channels), features are taken for pixels, and where
    (time, batch, features) becomes (batch, -1), each row holds parts of several samples. The same happens where
    outputs (time, batch, classes) and targets (batch, time) are both flattened for the loss.

    ## Why it hurts
    Nothing crashes, and the numbers that belong together no longer do: the model learns noise.

    ## How it is proven
    From the shapes before and after, or because moved data are read in the shape that they had before. The same loop
    is rerun with the data moved (`transpose`, `permute`) to the same shape, judged by the error of each prediction
    against its own target; where that is no better, it is advice.

    ## How to fix it
    `x.transpose(0, 1)`, `x.permute(...)`, or `x.flatten(2).transpose(1, 2)`, and only then `reshape`.

    ## Example
    Bad:

        x = x.view(x.size(1), x.size(0), -1)          # (batch, time, features) read as (time, batch, features)

    Good:

        x = x.transpose(0, 1)

    ## Known limits
    Axes of equal size cannot be told apart by shape.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html>
    """

    name = "reshape-mixes-axes"
    family = "model"
    summary = "a view swaps two axes without moving the data: samples or features are mixed"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A view on the way to the loss whose shape is another order of the shape before."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        operations = recording.facts.trace
        samples = {i.shape[0] for loss in trace.loss_calls(recording, *LOSSES) for i in loss.inputs[:2] if i.shape}
        for index in trace.ancestors(recording):
            op = operations[index]
            if op.name in VIEWS and op.inputs and op.inputs[0].derived:
                how = _swapped(op.inputs[0].shape, op.shape) or _read_back(op)
                if how is not None:
                    return self._view(recording, op, how)
                if _merged(op.inputs[0].shape, op.shape) and op.shape[0] in samples:
                    return self._merge(recording, op)
        for op in operations:
            # Inputs that no parameter has met yet are not followed to the loss.
            if op.name in VIEWS and op.phase == "forward" and op.inputs and not op.inputs[0].derived:
                how = _swapped(op.inputs[0].shape, op.shape) or _read_back(op)
                if how is not None:
                    return self._view(recording, op, how)
        for loss in trace.loss_calls(recording, *LOSSES):
            flat = trace.operation(recording, loss.inputs[0].origin)
            if flat is not None and _other_order(flat, loss):
                return self._flattened(recording, flat, loss)
        return None

    def _view(self, recording: Recording, op: Operation, how: str) -> Suspicion:
        args = trace.at_site(recording, op) | {"how": how}
        before, after = op.inputs[0].shape, op.shape
        return self._suspicion(
            recording,
            op,
            f"{op.name} of {before} to {after} swaps sizes without moving the data: "
            "what belongs to one sample or feature is mixed",
            Intervention("move-axes", "axes moved instead", args),
            "move the data before changing the shape: "
            + ("x.flatten(2).transpose(1, 2)" if how == "channels-last" else f"x.permute({how})"),
            Edit("move-axes", {"line": args["line"], "how": _written(how)}),
        )

    def _merge(self, recording: Recording, op: Operation) -> Suspicion:
        before, after = op.inputs[0].shape, op.shape
        args = trace.at_site(recording, op) | {"how": ", ".join(map(str, (1, 0, *range(2, len(before)))))}
        moved = "{}.transpose(0, 1)" + ("" if op.name == "reshape" else ".contiguous()")
        return self._suspicion(
            recording,
            op,
            f"{op.name} of {before} to {after}: the {after[0]} samples are the second axis, so each row gets parts "
            "of several samples",
            Intervention("move-axes", "samples moved to the front first", args),
            f"move the samples to the front first: x.transpose(0, 1).reshape({after[0]}, -1)",
            Edit("change-operand", {"line": args["line"], "function": op.name, "operand": 0, "how": moved}),
        )

    def _flattened(self, recording: Recording, flat: Operation, loss: Operation) -> Suspicion:
        steps = flat.inputs[0].shape[0]
        args = trace.at_site(recording, loss) | {"steps": steps}
        at = {"line": trace.at_site(recording, flat)["line"], "function": flat.name, "operand": 0}
        written = at | {"how": "{}.transpose(0, 1)"}
        return self._suspicion(
            recording,
            flat,
            f"outputs {flat.inputs[0].shape} and targets {loss.inputs[1].base} are flattened in another order: "
            "predictions meet the targets of other samples",
            Intervention("reorder-rows", "outputs in the order of the targets", args),
            "bring both into one order before flattening: outputs.transpose(0, 1).reshape(-1, outputs.size(-1))",
            Edit("change-operand", written),
        )

    def _suspicion(
        self, recording: Recording, op: Operation, title: str, how: Intervention, advice: str, edit: Edit
    ) -> Suspicion:
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=title,
            rule=Rule.FACT,
            location=recording.location(op.site),
            evidence=(Evidence("shape", str(op.shape), f"{op.inputs[0].shape} moved", title),),
            treatments=(Treatment((how,)),),
            explains=EXPLAINS,
            advice=advice,
            edits=(edit,),
            metric="task_loss",
            needs_harm=True,
        )


def _written(how: str) -> str:
    """The method that moves the axes, as people write it."""
    if how == "channels-last":
        return ".flatten(2).transpose(1, 2)"
    moved = [(i, int(axis)) for i, axis in enumerate(how.split(", ")) if i != int(axis)]
    return f".transpose({moved[0][0]}, {moved[0][1]})" if len(moved) == 2 else f".permute({how})"


def _swapped(before: tuple[int, ...], after: tuple[int, ...]) -> str | None:
    """The permutation that ``after`` looks like, where a view cannot have meant anything else; None: no such."""
    if before == after or len(before) < 2 or min(before) < 1:
        return None
    if len(before) == 4 and len(after) == 3 and min(before[1], before[2] * before[3]) > 1:
        n, channels, *pixels = before
        moved = (n, math.prod(pixels), channels)
        return "channels-last" if after == moved and after[1] != after[2] else None
    if len(before) != len(after) or sorted(before) != sorted(after):
        return None
    wide = [size for size in before if size > 1]
    if len(wide) < min(3, len(before)) or len(set(wide)) < 2 or [s for s in after if s > 1] == wide:
        return None
    return _exchange(before, after)


def _read_back(op: Operation) -> str | None:
    """The permutation that would bring moved data back to the shape they had, and which the view only pretends."""
    before, after = op.inputs[0].shape, op.shape
    back = [s for s in op.inputs[0].base if s > 1] == [s for s in after if s > 1]
    return _exchange(before, after) if back and sorted(before) == sorted(after) else None


def _merged(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether (T, N, ...) became (N, ...) with fewer axes: rows that each take what lies next to each other."""
    return 2 <= len(after) < len(before) and before[1] == after[0] != before[0] and before[0] > 1


def _exchange(before: tuple[int, ...], after: tuple[int, ...]) -> str | None:
    """The permutation that exchanges the two axes in which the shapes differ; None where these are not two."""
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    if len(changed) != 2:
        return None
    order = list(range(len(before)))
    order[changed[0]], order[changed[1]] = changed[1], changed[0]
    return ", ".join(map(str, order))


def _other_order(flat: Operation, loss: Operation) -> bool:
    """Whether outputs (T, N, ...) were flattened to meet targets that are a flattened (N, T)."""
    if flat.name not in FLATTENING or not flat.inputs or len(loss.inputs) < 2:
        return False
    shape, base = flat.inputs[0].shape, loss.inputs[1].base
    if len(shape) < 2 or len(base) < 2 or not loss.inputs[1].shape or loss.inputs[1].derived:
        return False
    rows = shape[0] * shape[1]
    flattened = loss.inputs[0].shape[0] == rows and loss.inputs[1].shape[0] == rows
    return flattened and tuple(base[:2]) == (shape[1], shape[0]) and shape[0] != shape[1] and min(shape[:2]) > 1
