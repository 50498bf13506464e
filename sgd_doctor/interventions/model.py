"""Other initial weights, other activations, and operations kept away from where they break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.functions import _AtSite

TINY = 1e-8
WEIGHTED = {"linear", "conv1d", "conv2d", "conv3d", "bilinear", "conv_transpose1d", "conv_transpose2d"}


class Reinitialise(Applier):
    """The layers ``layers`` (all: None) start from PyTorch's own initialisation.

    With ``activation``, hidden layers get the gain that keeps the signal's size behind that function
    (He et al. 2015, Glorot and Bengio 2010).  Draws from a generator of its own.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._done: set[int] = set()

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if len(o.stack) == 1 and id(module) in o.roots and id(module) not in self._done and not o.in_backward:
            self._done.add(id(module))
            devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
            with torch.random.fork_rng(devices=devices), torch.no_grad():
                torch.manual_seed(int(self.args.get("seed", 20_011)))
                self._reset(module)
        return None

    def _reset(self, root: nn.Module) -> None:
        wanted, names = self.args.get("layers"), self.observer.module_names
        chosen = [m for m in root.modules() if wanted is None or names.get(id(m)) in wanted]
        chosen = [m for m in chosen if any(p.requires_grad for p in m.parameters(recurse=False))]
        matrices = [m for m in chosen if isinstance(m, (nn.Linear, nn.modules.conv._ConvNd))]
        for module in chosen:
            self._own(module)
            self.applied += 1
            if module in matrices[:-1]:
                self._scale(module)

    @staticmethod
    def _own(module: nn.Module) -> None:
        """What torch starts such a layer with; a layer of the user's gets Xavier's weights, whatever it does itself."""
        for kind in type(module).__mro__:
            reset = vars(kind).get("reset_parameters", vars(kind).get("_reset_parameters"))
            if reset is not None and kind.__module__.startswith("torch."):
                reset(module)
                return
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad and parameter.dim() > 1 and parameter.is_floating_point():
                nn.init.xavier_uniform_(parameter)

    def _scale(self, module: nn.Linear | nn.modules.conv._ConvNd) -> None:
        activation = self.args.get("activation")
        if activation is None:
            return
        if activation == "relu":
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        else:
            # 4 for the sigmoid: its slope at 0 is 1/4.
            nn.init.xavier_normal_(module.weight, gain=4.0 if activation == "sigmoid" else 5 / 3)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class SwapActivation(_AtSite):
    """Hidden activations become ReLU, at the lines (and in the modules) ``places``."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if name not in self.args["functions"] or not self.observer.stack:
            return None
        _, line, _ = self.observer.sites._places[self.observer.sites.here()]
        if [self.observer.module_path(), line] not in self.args["places"]:
            return None
        source = args[0] if args else kwargs.get("input")
        self.applied += 1
        return (torch.relu(source),) if isinstance(source, Tensor) else None


class InsertRelu(_AtSite):
    """A ReLU behind the layers ``layers``."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if name not in WEIGHTED or self.observer.module_path() not in self.args["layers"]:
            return None
        self.applied += 1
        return (torch.relu(func(*args, **kwargs)),)


def _replaced(index: int, change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    def call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if index < len(args) and isinstance(args[index], Tensor):
            args = (*args[:index], change(args[index]), *args[index + 1 :])
        elif index == 0 and isinstance(kwargs.get("input"), Tensor):
            kwargs = kwargs | {"input": change(kwargs["input"])}
        elif index == 1 and isinstance(kwargs.get("other"), Tensor):
            kwargs = kwargs | {"other": change(kwargs["other"])}
        return func(*args, **kwargs)

    return call


def _cleaned(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return torch.nan_to_num(func(*args, **kwargs), 0.0, 0.0, 0.0)


def _away_from_zero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < TINY, torch.full_like(values, TINY), values)


def _inside(values: Tensor) -> Tensor:
    return values.clamp(-1 + 1e-6, 1 - 1e-6)


_positive = _replaced(0, lambda x: x.clamp_min(TINY))
_divided = _replaced(1, _away_from_zero)
GUARDS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("log", "log2", "log10", "sqrt", "sqrt_", "rsqrt", "reciprocal", "pow", "__pow__"), _positive),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__", "__div__"), _divided),
    **dict.fromkeys(("__rtruediv__", "__rdiv__"), _replaced(0, _away_from_zero)),
    "log1p": _replaced(0, lambda x: x.clamp_min(-1 + 1e-6)),
    **dict.fromkeys(("exp", "exp_", "expm1"), _replaced(0, lambda x: x.clamp_max(80.0))),
    **dict.fromkeys(("acos", "asin", "atanh", "arccos", "arcsin", "arctanh"), _replaced(0, _inside)),
    **dict.fromkeys(("softmax", "log_softmax", "cross_entropy", "nll_loss", "std", "mean"), _cleaned),
}
"""For each function, the same with its input kept where result and gradient are finite."""


class GuardFunction(_AtSite):
    """The function at this line is kept away from where its result, or gradient, is not finite."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name) or name not in GUARDS:
            return None
        return self.call(name, lambda *a, **k: GUARDS[name](func, a, k), args, kwargs)


class BatchFirst(Applier):
    """The recurrent layers ``layers`` read the first dimension as the batch."""

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if isinstance(module, nn.RNNBase) and self.observer.module_names.get(id(module)) in self.args["layers"]:
            module.batch_first = True
            self.applied += 1
        return None
