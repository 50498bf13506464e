"""Other operands, other arguments or another gradient for one loss function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.functions import _AtSite
from sgd_doctor.interventions.hyperparameters import _GroupValue
from sgd_doctor.observe.graph import graph_leaves
from sgd_doctor.observe.identities import Identities
from sgd_doctor.observe.tensors import class_dim

TINY = 1e-8
_NAMES = ("input", "target")


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.transpose(1, -1)


TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "log": lambda t: t.clamp_min(TINY).log(),
    "log_softmax": lambda t: t.log_softmax(class_dim(t)),
    "transpose": _transposed,
    "unview": lambda t: t.reshape(t.shape[0], t.shape[2], t.shape[1]).transpose(1, 2),
    "signs": lambda t: t * 2 - 1,
    "sigmoid": torch.sigmoid,
}


def operand(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The first (0) or second (1) tensor of a loss, by position or by name."""
    return args[index] if index < len(args) else kwargs.get(_NAMES[index])


class TransformOperand(_AtSite):
    """The operand ``operand`` of the function goes through the transformation ``how`` first."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        index = int(self.args["operand"])
        old = operand(index, args, kwargs)
        if not isinstance(old, Tensor):
            return None
        new = TRANSFORMS[self.args["how"]](old)
        if index < len(args):
            return self.call(name, func, (*args[:index], new, *args[index + 1 :]), kwargs)
        return self.call(name, func, args, kwargs | {_NAMES[index]: new})


class ReorderRows(_AtSite):
    """Flattened outputs of ``steps`` time steps go from the order (time, batch) to (batch, time)."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        old, steps = operand(0, args, kwargs), int(self.args["steps"])
        if not self.here(name) or not isinstance(old, Tensor) or old.shape[0] % steps:
            return None
        new = old.reshape(steps, -1, *old.shape[1:]).transpose(0, 1).reshape(old.shape)
        if args:
            return self.call(name, func, (new, *args[1:]), kwargs)
        return self.call(name, func, args, kwargs | {"input": new})


class SetFunctionArgument(_AtSite):
    """The argument ``arg`` (or the one at ``position``) of the function has the value ``value``."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        position = int(self.args["position"])
        if position < len(args):
            return self.call(name, func, (*args[:position], self.args["value"], *args[position + 1 :]), kwargs)
        return self.call(name, func, args, kwargs | {self.args["arg"]: self.args["value"]})


class ReplaceFunction(_AtSite):
    """The function's result is that of ``by`` (an entry of :data:`TRANSFORMS`) on its first argument."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        source = operand(0, args, kwargs)
        if not self.here(name) or not isinstance(source, Tensor):
            return None
        return self.call(name, lambda *_, **__: TRANSFORMS[self.args["by"]](source), args, kwargs)


class NegateFunction(_AtSite):
    """The function's result has the other sign."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        return self.call(name, lambda *a, **k: -func(*a, **k), args, kwargs)


class SwapGradient(_AtSite):
    """The loss keeps its value and gets the gradient of another one, so that values stay comparable."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        output, target = operand(0, args, kwargs), operand(1, args, kwargs)
        if not isinstance(output, Tensor) or not isinstance(target, Tensor) or output.shape != target.shape:
            return None
        other = OTHER_LOSSES[self.args["by"]](output, target)

        def mixed(*a: Any, **k: Any) -> Any:
            value = func(*a, **k)
            return value.detach() + (other - other.detach()) if value.numel() == 1 else value

        return self.call(name, mixed, args, kwargs)


def _categorical(output: Tensor, target: Tensor) -> Tensor:
    logs = output.clamp_min(TINY).log()
    return -(target * logs).sum(class_dim(output)).mean()


def _binary(output: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy(output.clamp(0, 1), target.to(output.dtype).clamp(0, 1))


OTHER_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"categorical": _categorical, "binary": _binary}


class ScaleLoss(Applier):
    """Gradients are computed from ``factor`` times the loss and divided again before they are accumulated.

    What would underflow in half precision on the way survives; the loss keeps its value.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._hooked = Identities()

    def before_backward(self, loss: Tensor) -> None:
        factor = float(self.args["factor"])
        for leaf in graph_leaves(loss):
            if not self._hooked.get(leaf):
                self._hooked.put(leaf, True)
                leaf.register_hook(lambda gradient: gradient / factor)  # type: ignore[no-untyped-call]  # torch's
        loss.register_hook(lambda gradient: gradient * factor)  # type: ignore[no-untyped-call]
        self.applied += 1


class ScaleGradients(Applier):
    """Every gradient is multiplied by ``factor`` before the step; the loss keeps its value."""

    def before_step(self, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(self.args["factor"])
                    self.applied += 1


class Minimise(_GroupValue):
    """``maximize`` = False in every group."""

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        return {"maximize": False} if group.get("maximize") else {}


class NegateGradients(ScaleGradients):
    """The loss is minimised where it was maximised, and keeps its value."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__({"factor": -1.0, **args})
