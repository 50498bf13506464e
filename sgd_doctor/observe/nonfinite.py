"""Where the first value that is not finite came from: the autograd graph still holds what each operation read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sgd_doctor.observe.tensors import all_finite, plain, tensors_in
from sgd_doctor.recording import NonFinite
from sgd_doctor.signals import Culprit

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

MAX_NODES = 20_000
NEAR_LOSS = 96
"""Nodes from the loss on in which operations with dangerous gradients are watched."""
MAX_WATCHED = 16
MAX_KEPT = 1 << 20
HUGE = 1e18
"""Finite values beyond this overflow in the next product: that is divergence, not bad data."""
CALLED = {
    "Log": ("log",),
    "Log2": ("log2",),
    "Log10": ("log10",),
    "Log1P": ("log1p",),
    "Sqrt": ("sqrt", "sqrt_"),
    "Rsqrt": ("rsqrt",),
    "Div": ("div", "__truediv__", "true_divide", "__rtruediv__", "__div__", "divide", "__rdiv__"),
    "Reciprocal": ("reciprocal", "__rtruediv__", "__rdiv__"),
    "Pow": ("pow", "__pow__", "pow_"),
    "Exp": ("exp", "exp_"),
    "Expm1": ("expm1",),
    "Acos": ("acos", "arccos"),
    "Asin": ("asin", "arcsin"),
    "Atanh": ("atanh", "arctanh"),
    "Softmax": ("softmax",),
    "LogSoftmax": ("log_softmax",),
    "NllLoss": ("cross_entropy", "nll_loss"),
    "Std": ("std",),
    "Mean": ("mean",),
}
"""Backward nodes that can make such a value, and the functions that leave them behind."""
DANGEROUS_GRADIENT = ("Sqrt", "Rsqrt", "Pow", "Log", "Log2", "Log10", "Div", "Acos", "Asin", "Std")
MASKABLE = ("Softmax", "LogSoftmax")
"""Kinds whose result is NaN for rows of -inf, and just as well where what they read has overflowed before."""
EVERYWHERE = (*MASKABLE, "NllLoss", "Mean")
"""Kinds that nearly every loop has, and that break only for masked rows and empty batches."""
_READ = ("_saved_self", "_saved_input", "_saved_mat1", "_saved_target", "_saved_other", "_saved_mat2")


def kind(node: Any) -> str:
    """``Log`` of ``LogBackward0``."""
    name: str = node.name().rsplit("::", 1)[-1]
    return name.split("Backward")[0].removesuffix("2D")


def nodes_of(loss: Tensor, limit: int = MAX_NODES) -> list[Any]:
    """Nodes of the graph, those nearest to the loss first."""
    if loss.grad_fn is None:
        return []
    seen: dict[Any, None] = {loss.grad_fn: None}
    queue: list[Any] = [loss.grad_fn]
    for node in queue:
        if len(seen) >= limit:
            break
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen[child] = None
                queue.append(child)
    return list(seen)


def saved(node: Any, name: str) -> Any:
    """What the node keeps under ``name``; None where there is nothing, or it is freed already."""
    try:
        return getattr(node, name, None)
    except RuntimeError:
        return None


def _input(node: Any, bad: Callable[[Tensor], Tensor], why: str) -> str:
    value = saved(node, "_saved_self")
    if not isinstance(value, Tensor) or not all_finite(value):
        return ""
    return why if bool(bad(value).any()) else ""


def _result_is(node: Any, bad: Callable[[Tensor], Tensor], why: str) -> str:
    value = saved(node, "_saved_result")
    return why if isinstance(value, Tensor) and bool(bad(value).any()) else ""


def _power(node: Any) -> str:
    exponent = saved(node, "_saved_exponent")
    if not isinstance(exponent, (int, float)):
        return ""
    if exponent < 0 and (why := _input(node, lambda x: x == 0, f"its base contains 0 and the exponent is {exponent}")):
        return why
    if exponent != int(exponent):
        return _input(node, lambda x: x < 0, f"its base contains negative numbers and the exponent is {exponent}")
    return ""


def _divisor(node: Any) -> str:
    other = saved(node, "_saved_other")
    return "its divisor contains 0" if isinstance(other, Tensor) and bool((other == 0).any()) else ""


def _masked(node: Any) -> str:
    """NaN where a mask can make it: a layer whose output goes straight into the softmax was not masked."""
    made = [kind(child) for child, _ in node.next_functions if child is not None]
    if any(name in UNMASKED for name in made):
        return ""
    return _result_is(node, torch.isnan, "a whole row of its input is -inf (everything is masked)")


def _ignored(node: Any) -> str:
    weight = saved(node, "_saved_total_weight")
    return "every target of the batch is ignored" if isinstance(weight, Tensor) and bool((weight == 0).all()) else ""


RULES: dict[str, Callable[[Any], str]] = {
    "Log": lambda n: _input(n, lambda x: x <= 0, "its input contains 0 or negative numbers"),
    "Log2": lambda n: _input(n, lambda x: x <= 0, "its input contains 0 or negative numbers"),
    "Log10": lambda n: _input(n, lambda x: x <= 0, "its input contains 0 or negative numbers"),
    "Log1P": lambda n: _input(n, lambda x: x <= -1, "its input contains -1 or less"),
    "Sqrt": lambda n: _result_is(n, torch.isnan, "its input contains negative numbers"),
    "Rsqrt": lambda n: _result_is(n, torch.isinf, "its input contains 0"),
    "Reciprocal": lambda n: _result_is(n, torch.isinf, "its input contains 0"),
    "Div": _divisor,
    "Pow": _power,
    "Exp": lambda n: _result_is(n, torch.isinf, "its result overflows"),
    "Expm1": lambda n: _result_is(n, torch.isinf, "its result overflows"),
    "Acos": lambda n: _input(n, lambda x: x.abs() > 1, "its input lies outside [-1, 1]"),
    "Asin": lambda n: _input(n, lambda x: x.abs() > 1, "its input lies outside [-1, 1]"),
    "Atanh": lambda n: _input(n, lambda x: x.abs() >= 1, "its input lies outside (-1, 1)"),
    "Softmax": lambda n: _masked(n),
    "LogSoftmax": lambda n: _masked(n),
    "NllLoss": _ignored,
    "Std": lambda n: _result_is(n, torch.isnan, "it has too few values"),
    "Mean": lambda n: "it has no values" if saved(n, "_saved_self_sym_numel") == 0 else "",
}
GRADIENT_REASONS = {
    "Sqrt": "its gradient at 0 is infinite",
    "Rsqrt": "its gradient at 0 is infinite",
    "Pow": "its gradient at 0 is infinite",
    "Log": "its gradient at 0 is infinite, also where torch.where leaves the value out",
    "Div": "its gradient for a divisor of 0 is infinite, also where torch.where leaves the value out",
    "Acos": "its gradient at -1 and 1 is infinite",
    "Asin": "its gradient at -1 and 1 is infinite",
    "Std": "its gradient for equal values is infinite",
}


UNMASKED = ("Addmm", "Mm", "Convolution", "Relu", "Tanh", "Sigmoid", "NativeLayerNorm", "NativeBatchNorm")
"""Operations whose result no mask has touched."""


class GradientWatch:
    """Keeps what went through the few operations whose gradient can be infinite, until the step is over."""

    def __init__(self) -> None:
        self.dangerous: bool | None = None
        self.kept: list[tuple[str, int, tuple[Any, ...], tuple[Any, ...]]] = []

    def watch(self, loss: Tensor, traced: bool) -> None:
        """Before a backward call of a stretch that is ``traced``, or whose graph can break by itself."""
        found = [n for n in nodes_of(loss, MAX_NODES if traced else NEAR_LOSS) if kind(n) in DANGEROUS_GRADIENT]
        risky = [n for n in found if not _harmless(n)][:MAX_WATCHED]
        if traced:
            self.dangerous = bool(self.dangerous) or bool(risky)
        for number, node in enumerate(reversed(risky)):
            node.register_hook(self._keeper(kind(node), number))

    def _keeper(self, name: str, number: int) -> Callable[[Any, Any], None]:
        def keep(grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
            sizes = [t.numel() for t in (*grad_inputs, *grad_outputs) if isinstance(t, Tensor)]
            if sum(sizes) <= MAX_KEPT:
                self.kept.append((name, number, tuple(grad_inputs), tuple(grad_outputs)))

        return keep

    def culprit(self) -> tuple[str, str] | None:
        """The operation that turned finite gradients into others, and why."""
        for name, _, inputs, outputs in self.kept:
            if all(all_finite(t) for t in tensors_in(outputs)) and not all(all_finite(t) for t in tensors_in(inputs)):
                return name, GRADIENT_REASONS.get(name, "its gradient is infinite")
        return None


def _harmless(node: Any) -> bool:
    """A whole-number power, or a division by a number that is not 0, has a gradient everywhere."""
    if kind(node) == "Pow":
        exponent = saved(node, "_saved_exponent")
        return isinstance(exponent, (int, float)) and exponent >= 1
    if kind(node) == "Div":
        other = saved(node, "_saved_other")
        return not isinstance(other, Tensor) or (other.numel() == 1 and bool(other != 0))
    return False


def locate(o: Observer, loss: Tensor, value: float, site: int) -> tuple[NonFinite, Culprit | None, float]:
    """The first thing of this step that is not finite, the operation that made it, and its share of such values."""
    step = o.steps.count
    for tensor in tensors_in(o.root_args):
        if not all_finite(tensor):
            return NonFinite(step, "input", "the model's input", site, False), None, _share(tensor)
    ordered = sorted(nodes_of(loss), key=lambda n: n._sequence_nr())
    target = _bad_target(o, ordered)
    if target is not None:
        return NonFinite(step, "target", "the target", site, False), None, _share(target)
    overflowed = False
    for node in ordered:
        rule = RULES.get(kind(node))
        reason = rule(node) if rule is not None else ""
        if reason and not (overflowed and kind(node) in MASKABLE):
            found = name_culprit(o, kind(node), reason, [n for n in ordered if kind(n) == kind(node)].index(node))
            where = NonFinite(step, "operation", f"torch.{found.function}", found.site if found.site >= 0 else site)
            return where, found, 0.0
        data = _bad_data(node)
        if data is not None and not o.held:
            return NonFinite(step, "input", "the input", site, False), None, _share(data)
        overflowed = overflowed or _overflows(node)
    return _module(o, step, value, site), None, 0.0


def _overflows(node: Any) -> bool:
    """Whether the operation read numbers so large that its result may be infinite: a run that diverges."""
    values = (saved(node, name) for name in _READ)
    large = [t for t in values if isinstance(t, Tensor) and t.is_floating_point() and t.numel()]
    return any(not bool((t.detach().abs() <= HUGE).all()) for t in large)


def _module(o: Observer, step: int, value: float, site: int) -> NonFinite:
    """The first module whose output is not finite; else the loss itself, or data that met finite outputs."""
    for module, output in o.held:
        if not all(all_finite(t) for t in tensors_in(output)):
            name = o.module_names.get(id(module), type(module).__name__)
            weights = all(all_finite(p) for p in module.parameters(recurse=False))
            return NonFinite(step, "output", name, o.module_sites.get(id(module), site), weights)
    return NonFinite(step, "loss", f"loss ({value})", site)


def may_break(o: Observer) -> bool:
    """Whether the operations traced so far hold one that can give a value that is not finite by itself.

    Only the graph of the step tells which one it was and why, so such a loop's loss is read before the graph is gone.
    """
    wanted = {function for name in set(RULES) - set(EVERYWHERE) for function in CALLED.get(name, (name.lower(),))}
    return any(op.name in wanted for ops in (o.tracer.operations, *(t[1] for t in o.traces)) for op in ops)


def carriers_of(o: Observer, loss: Tensor) -> list[tuple[str, str, int, Tensor]]:
    """Where the first value that is not finite may stand: kind, name, site and tensor.

    The model's input, then the outputs of its modules in the order of their making, on the device of ``loss``.
    """
    found = [("input", "the model's input", -1, t) for t in tensors_in(o.root_args)]
    for module, output in o.held:
        name = o.module_names.get(id(module), type(module).__name__)
        found += [("output", name, o.module_sites.get(id(module), -1), t) for t in tensors_in(output)]
    return [
        c for c in found if plain(c[3]) and c[3].is_floating_point() and c[3].numel() and c[3].device == loss.device
    ]


def _bad_target(o: Observer, nodes: Sequence[Any]) -> Tensor | None:
    """A target that is not finite: seen with its output, or kept by the node of the loss function."""
    candidates = [o.signals.target, *(saved(n, "_saved_target") for n in nodes)]
    for tensor in candidates:
        if isinstance(tensor, Tensor) and not tensor.requires_grad and not all_finite(tensor):
            return tensor
    return None


def _bad_data(node: Any) -> Tensor | None:
    """A tensor that this operation read, that is not finite and that nothing differentiable made."""
    if all(child is not None for child, _ in node.next_functions):
        return None
    for name in _READ:
        value = saved(node, name)
        if isinstance(value, Tensor) and not value.requires_grad and not all_finite(value):
            return value
    return None


def name_culprit(o: Observer, name: str, reason: str, number: int = -1, in_gradient: bool = False) -> Culprit:
    """The operation with its line, from the operations that were traced at the first steps."""
    wanted = CALLED.get(name, (name.lower(),))
    for operations in (o.tracer.operations, *(t[1] for t in reversed(o.traces))):
        found = [op for op in operations if op.name in wanted]
        if found:
            op = found[number] if 0 <= number < len(found) else found[-1]
            return Culprit(op.name, op.site, op.module, reason, in_gradient)
    return Culprit(wanted[0], -1, None, reason, in_gradient)


def _share(tensor: Tensor) -> float:
    values = tensor.detach()
    share = float((~torch.isfinite(values)).double().mean())
    return share if math.isfinite(share) else 1.0
