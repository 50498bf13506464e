"""Other connections between parameters, graph and optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier
from sgd_doctor.observe.graph import graph_leaves
from sgd_doctor.observe.tracer import IN_PLACE

ADOPTING_PASSES = 2
"""Backward calls whose leaves are taken over (a loop with two losses shows both)."""


class _Adopts(Applier):
    """Puts tensors into the last optimizer that was built."""

    def optimizer(self) -> Optimizer | None:
        states = sorted(self.observer.steps.optimizers.values(), key=lambda s: s.number)
        wanted = self.args.get("optimizer")
        chosen = [s for s in states if wanted is None or s.number == wanted]
        found = [o for s in chosen if (o := s.reference()) is not None]
        return found[-1] if found else None

    def adopt(self, tensors: Iterable[Tensor]) -> None:
        optimizer = self.optimizer()
        if optimizer is None or not optimizer.param_groups:
            return
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for tensor in tensors:
            if id(tensor) not in held:
                optimizer.param_groups[0]["params"].append(tensor)
                self.applied += 1


class AdoptLeaves(_Adopts):
    """The optimizer gets the leaves of the loss that no optimizer holds.

    ``parameters``: every ``nn.Parameter`` among them, not just those that no model knows.
    ``replace``: what it held before is given up.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._passes = 0
        self._adopted: list[Tensor] = []

    def before_backward(self, loss: Tensor) -> None:
        optimizer = self.optimizer()
        if optimizer is None:
            return  # it belongs to a later stage of the script
        self._passes += 1
        if self._passes > ADOPTING_PASSES:
            return
        structure = self.observer.structure
        held = structure.held_by_optimizers()
        wanted = [t for t in graph_leaves(loss) if id(t) not in held]
        if self.args.get("parameters"):
            wanted = [t for t in wanted if isinstance(t, nn.Parameter)]
        else:
            wanted = [t for t in wanted if id(t) in structure.strays]
        if wanted and self.args.get("replace") and not self._adopted:
            for group in optimizer.param_groups:
                group["params"] = []
        self.adopt(wanted)
        self._adopted += wanted

    def after_step(self, optimizer: Optimizer) -> None:
        # The user may zero through the model, which does not know these.
        for tensor in self._adopted:
            tensor.grad = None


class Unfreeze(_Adopts):
    """Every parameter of the called models requires a gradient and is held by the optimizer, in every stage."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._done: set[tuple[int, int]] = set()

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        met = (id(module), len(self.observer.steps.optimizers))
        if id(module) not in self.observer.roots or met in self._done or self.observer.evaluating:
            return None
        self._done.add(met)
        if not any(p.requires_grad for p in module.parameters()):
            return None  # a teacher, or a network that only judges
        frozen = [p for p in module.parameters() if not p.requires_grad and p.is_floating_point()]
        for parameter in frozen:
            parameter.requires_grad_(True)
        self.adopt(frozen)
        return None


class KeepLayer(_Adopts):
    """A layer that is built in every forward pass keeps the parameters of its first building."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._kept: dict[int, dict[str, nn.Parameter | None]] = {}
        self._number = 0

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if len(o.stack) <= 1:
            self._number = 0
        place = o.sites._places[o.module_sites[id(module)]] if o.module_sites.get(id(module), -1) >= 0 else None
        if place is None or place[:2] != (self.args["path"], self.args["line"]) or not module._parameters:
            return None
        self._number += 1
        kept = self._kept.setdefault(self._number, dict(module._parameters))
        if all(module._parameters.get(k) is v for k, v in kept.items()):
            self.adopt([v for v in kept.values() if v is not None])
        if kept.keys() == module._parameters.keys():
            module._parameters.update(kept)
        return None


class KeepModel(Applier):
    """A model that a line builds once more goes on with the weights of the one that it built before."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._last: nn.Module | None = None

    def before_forward(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if module is self._last or len(o.stack) > 1 or o.in_backward or id(module) not in o.roots:
            return None
        place = o.sites._places[o.module_sites[id(module)]] if o.module_sites.get(id(module), -1) >= 0 else None
        if place is None or place[:2] != (self.args["path"], self.args["line"]):
            return None
        if self._last is not None and _shapes(self._last) == _shapes(module):
            with torch.no_grad():
                for new, old in zip(_tensors(module), _tensors(self._last), strict=True):
                    new.copy_(old)
            self.applied += 1
        self._last = module
        return None


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _shapes(module: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(t.shape) for t in _tensors(module)]


class KeepGraph(Applier):
    """``detach()`` and ``.data`` of one line return their tensor with its graph."""

    needs_functions = True

    def rewrite(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any] | None:
        if name != self.args["function"] or not args or not torch.is_grad_enabled():
            return None
        site = self.observer.sites.here()
        if site < 0 or self.observer.sites._places[site][:2] != (self.args["path"], self.args["line"]):
            return None
        self.applied += 1
        return (args[0],)


class KeepGradients(Applier):
    """What a training forward pass computes under ``no_grad`` is computed with gradients."""

    needs_functions = True

    def rewrite(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any] | None:
        o = self.observer
        if torch.is_grad_enabled() or not o.stack or o.evaluating or o.in_backward:
            return None
        in_place = name in IN_PLACE or (name.endswith("_") and not name.endswith("__"))
        if name == "_set_grad_enabled" or in_place:
            return None  # the end of the block itself, and writes into leaves, which are allowed without gradients only
        with torch.enable_grad():
            return self.call(name, func, args, kwargs)
