"""Reading a trace: who made an operand, what the loss is the sum of, where gradients were lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sgd_doctor.recording import Operand, Operation, Recording

PASSING = {
    "view",
    "reshape",
    "squeeze",
    "unsqueeze",
    "flatten",
    "float",
    "to",
    "contiguous",
    "transpose",
    "permute",
    "__getitem__",
    "double",
    "clone",
    "type",
    "swapaxes",
    "movedim",
    "half",
    "bfloat16",
    "T",
    "mT",
}
"""Functions that hand the same values on."""
KEEPING = {"float", "to", "contiguous", "double", "clone", "type", "half", "bfloat16"}
"""The ones among them that keep the shape as well."""
TERMS = {
    "add",
    "__add__",
    "__radd__",
    "add_",
    "__iadd__",
    "sub",
    "__sub__",
    "rsub",
    "__rsub__",
    "mean",
    "sum",
    "neg",
    "__neg__",
    "stack",
    "requires_grad_",
    *PASSING,
}
"""Functions through which a loss is put together from its terms."""
SCALING = {"mul", "__mul__", "__rmul__", "div", "__truediv__", "true_divide", "mul_", "div_"}
LOSSES = {
    "cross_entropy",
    "nll_loss",
    "multi_margin_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
}
"""Loss functions of an output and a target that are not negative when used as meant."""
NOT_DIFFERENTIABLE = {
    "argmax",
    "argmin",
    "argsort",
    "long",
    "int",
    "bool",
    "bucketize",
    "searchsorted",
    "multinomial",
    "one_hot",
    "eq",
    "ne",
    "gt",
    "lt",
    "ge",
    "le",
    "__eq__",
    "__ne__",
    "__gt__",
    "__lt__",
    "__ge__",
    "__le__",
    "greater",
    "less",
    "isclose",
    "bernoulli",
}
"""Functions whose result carries no gradient."""
FLAT = {"round", "floor", "ceil", "trunc", "sign", "sgn", "heaviside", "__floordiv__", "floor_divide", "fix"}
"""Functions whose gradient is zero everywhere."""
MAX_HOPS = 12


def operation(recording: Recording, index: int) -> Operation | None:
    """The operation of that index, or None."""
    trace = recording.facts.trace
    return trace[index] if 0 <= index < len(trace) else None


def maker(recording: Recording, operand: Operand, passing: set[str] = PASSING) -> Operation | None:
    """The operation that made ``operand``'s values, through functions that only hand them on."""
    for _ in range(MAX_HOPS):
        made = operation(recording, operand.origin)
        if made is None or made.name not in passing or not made.inputs:
            return made
        operand = made.inputs[0]
    return None


def ancestors(recording: Recording) -> list[int]:
    """Indices of the operations that the loss was computed from, in the order of the trace."""
    found: set[int] = set()
    queue = [recording.facts.loss_operation]
    while queue:
        index = queue.pop()
        made = operation(recording, index)
        if made is None or index in found:
            continue
        found.add(index)
        queue.extend(operand.origin for operand in made.inputs if not operand.parameter)
    return sorted(found)


def loss_calls(recording: Recording, *names: str) -> list[Operation]:
    """Calls of these loss functions that the loss depends on; all of the trace where that is not known."""
    trace = recording.facts.trace
    used = ancestors(recording)
    chosen = [trace[i] for i in used] if used else [op for op in trace if op.phase == "loss"]
    return [op for op in chosen if op.name in names and op.inputs]


def terms(recording: Recording) -> Iterator[Operation]:
    """The operations whose results, scaled at most by numbers, are added up to the loss."""
    seen: set[int] = set()
    queue = [recording.facts.loss_operation]
    while queue:
        index = queue.pop()
        made = operation(recording, index)
        if made is None or index in seen:
            continue
        seen.add(index)
        scaled = made.name in SCALING and (len(made.inputs) == 1 or made.inputs[-1].shape == ())
        if made.name in TERMS and made.inputs:
            queue.extend(operand.origin for operand in made.inputs)
        elif scaled:
            queue.append(made.inputs[0].origin)
        else:
            yield made


def unrelated(term: Operation) -> str:
    """Why a loss of two operands does not depend on the model; empty where it does."""
    first, second = term.inputs[0], term.inputs[1]
    if term.identical:
        return "compares a tensor with itself"
    if not _from_model(first) and not _from_model(second):
        return "compares two tensors that do not depend on the model"
    return ""


def _from_model(operand: Operand) -> bool:
    return (operand.derived and not operand.foreign) or operand.lost >= 0 or operand.parameter


def outdated(recording: Recording, term: Operation) -> str:
    """Why the operands of a loss come from no part of this step: a leaf that nobody trains; empty where one does."""
    leaves = recording.facts.leaves
    ours = any(leaf.in_optimizer or leaf.in_module for leaf in leaves)
    if not leaves or ours or any(i.origin >= 0 and (i.derived or i.lost >= 0) for i in term.inputs[:2]):
        return ""
    shapes = {i.shape for i in term.inputs[:2] if i.parameter}
    if not shapes or any(op.inputs[0].shape in shapes for op in exits(recording)):  # or it came back from numpy
        return ""
    return "uses a tensor from before this step that no optimizer holds, and nothing that the model computes"


def misused(recording: Recording) -> tuple[Operation, str] | None:
    """A term of the loss that does not depend on the model as it is at this step, and why."""
    for term in terms(recording):
        if term.name in LOSSES and len(term.inputs) >= 2:
            why = unrelated(term) or outdated(recording, term)
            if why:
                return term, why
    return None


def cuts(recording: Recording) -> list[Operation]:
    """The operations behind which what the loss was computed from lost its way back to the parameters."""
    trace = recording.facts.trace
    used = ancestors(recording) or list(range(len(trace)))
    found = {operand.lost for i in used for operand in trace[i].inputs if operand.lost >= 0}
    return [trace[i] for i in sorted(found) if i < len(trace)]


EXITS = ("numpy", "__array__", "tolist", "item")
"""Ways out of torch, recorded so that a loss that comes back from there is explained: it has no graph."""


def exits(recording: Recording) -> list[Operation]:
    """The ways out of torch of what this step computed (and not of the loss of the step before)."""
    return [op for op in recording.facts.trace if op.name in EXITS and op.inputs and op.inputs[0].origin >= 0]


def way_out(recording: Recording) -> Operation | None:
    """The last of :func:`exits`."""
    return next(reversed(exits(recording)), None)


def hard_cuts(recording: Recording) -> list[Operation]:
    """Those of :func:`cuts` that carry no gradient by their nature; none where the loss was made of plain numbers,
    so that nothing says which operations (arguments are checked, actions drawn) it has to do with."""
    if not ancestors(recording) and way_out(recording) is not None:
        return []
    return [cut for cut in cuts(recording) if is_hard(cut)]


def is_hard(op: Operation) -> bool:
    """Whether the result of ``op`` carries no gradient by its nature."""
    return op.name in NOT_DIFFERENTIABLE


def at_site(recording: Recording, op: Operation) -> dict[str, Any]:
    """The arguments by which an intervention finds the calls of ``op``'s line again."""
    place = recording.site(op.site)
    args: dict[str, Any] = {
        "function": op.name,
        "path": place.path if place is not None else "",
        "line": place.line if place is not None else 0,
    }
    return args | ({"module": op.module} if op.module is not None else {})


def this_call(recording: Recording, op: Operation) -> dict[str, Any]:
    """As :func:`at_site`, of this call alone where the line is passed several times (layers in a loop)."""
    alike = [o for o in recording.facts.trace if (o.name, o.site, o.module) == (op.name, op.site, op.module)]
    number = next(i for i, o in enumerate(alike) if o is op)
    return at_site(recording, op) | ({"call": number} if len(alike) > 1 else {})


def site_of(op: Operation, *kinds: str) -> int:
    """Where ``op`` is written: the line that builds its module of one of ``kinds``, else the line of the call."""
    return op.built if op.layer in kinds and op.built >= 0 else op.site


def normal_dim(op: Operation) -> int | None:
    """The dimension that ``op`` works along, counted from 0."""
    rank = len(op.inputs[0].shape) if op.inputs else 0
    if op.dim is None:
        # torch's own choice where none is given (torch.nn.functional._get_softmax_dim).
        return 0 if rank in (0, 1, 3) else 1
    return op.dim + rank if op.dim < 0 else op.dim
