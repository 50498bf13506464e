"""The other mode (training or evaluation) for the time of a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from sgd_doctor.interventions.base import Applier

DROPOUT_P = 4
"""Place of ``dropout_p`` among the arguments of ``scaled_dot_product_attention``."""


class TrainMode(Applier):
    """The model is in training mode where it is called for training."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._switched: set[int] = set()

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if id(module) not in o.roots or len(o.stack) > 1:
            return None
        place = o.sites._places[o.events[-1][2]] if o.events and o.events[-1][2] >= 0 else None
        here = place is not None and place[:2] == (self.args["path"], self.args["line"])
        if torch.is_grad_enabled() and here:
            if not module.training:
                module.train()
                self._switched.add(id(module))
                self.applied += 1
        elif id(module) in self._switched and module.training:
            module.eval()
            self._switched.discard(id(module))
        return None


class LowerDropout(Applier):
    """Dropout layers that take more than ``above`` of the values away take ``rate`` of them."""

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if isinstance(module, _DropoutNd) and module.p > self.args["above"]:
            module.p = float(self.args["rate"])
            self.applied += 1
        return None


class EvalModeAtEvaluation(Applier):
    """The model is in evaluation mode where it is called without gradients; dropout calls drop nothing there."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self.needs_functions = bool(args.get("functions"))
        self._restore: dict[int, list[nn.Module]] = {}

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if id(module) not in o.roots or len(o.stack) > 1:
            return None
        if torch.is_grad_enabled():
            for child in self._restore.pop(id(module), []):
                child.training = True
        elif module.training:
            training = [child for child in module.modules() if child.training]
            self._restore.setdefault(id(module), training)
            for child in training:
                child.training = False
            self.applied += 1
        return None

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.observer.evaluating:
            return None
        if name == "scaled_dot_product_attention":
            self.applied += 1
            if len(args) > DROPOUT_P:
                return (func(*args[:DROPOUT_P], 0.0, *args[DROPOUT_P + 1 :], **kwargs),)
            return (func(*args, **kwargs | {"dropout_p": 0.0}),)
        if "dropout" not in name:
            return None
        source = args[0] if args else kwargs.get("input")
        if not isinstance(source, Tensor):
            return None
        self.applied += 1
        return (source,)
