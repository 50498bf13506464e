"""How model, loss and optimizer hang together, noted while the loop runs (values: :mod:`sgd_doctor.structure`)."""

from __future__ import annotations

import statistics
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from sgd_doctor.observe.attributes import owners
from sgd_doctor.observe.freezes import freezing_line, named_freezes
from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.steps import StepRecorder
from sgd_doctor.observe.tasks import TargetStatistics
from sgd_doctor.observe.tensors import plain, sample_view
from sgd_doctor.structure import (
    FreshLayer,
    LiveDropout,
    LoadedState,
    ModeLayer,
    ParameterState,
    Stray,
    Structure,
)

MAX_PARAMETERS = 4096
MAX_STRAYS = 256
MAX_LOADS = 64
MAX_WEIGHTS = 1024
LOOKED_AT = 8
"""Backward calls after which gradients are looked for only at measured steps and powers of two."""


@dataclass
class _Mode:
    name: str
    kind: str
    training: int = 0
    evaluating: int = 0
    values: list[int] = field(default_factory=list)
    momentum: float | None = None
    rate: float | None = None


@dataclass
class _Lost:
    """A stray leaf with what it held at first."""

    tensor: Tensor
    stray: Stray
    before: Tensor


class StructureRecorder:
    """Collects :class:`~sgd_doctor.structure.Structure`.  Reads the user's objects and changes none."""

    def __init__(self, sites: SiteTable, steps: StepRecorder, roots: Mapping[int, nn.Module]) -> None:
        self.sites, self.steps, self.roots = sites, steps, roots
        self.module_sites: Mapping[int, int] = {}
        self.module_names: Mapping[int, str] = {}
        self.known: dict[int, tuple[weakref.ref[Tensor], Tensor | None, bool]] = {}
        self.graded: set[int] = set()
        self.strays: dict[int, _Lost] = {}
        self.loads: list[LoadedState] = []
        self.loading = 0
        self.building: dict[int, int] = {}
        self.fresh: dict[int, tuple[str, int, int]] = {}
        self.pass_number = 0
        self.fresh_parameters: set[int] = set()
        self.modes: dict[int, _Mode] = {}
        self.mode_calls: dict[int, tuple[bool, int | None]] = {}
        self.root_calls: dict[int, tuple[bool, int]] = {}
        self.passes = self.eval_passes = 0
        self.last_eval = False
        self.eval_site = -1
        self.head = ""
        self.head_trainable: bool | None = None
        self.head_share: float | None = None
        self.leaf_parameters = 0
        self._last_input: tuple[weakref.ref[Tensor], int] | None = None
        self.inputs = self.input_calls = 0
        self.dropouts: dict[tuple[str, int], tuple[str | None, int]] = {}
        self.weights: tuple[float, ...] = ()
        self.weights_site = -1
        self._seen = (-1, -1)

    # -- forward

    def built(self, module: nn.Module, site: int) -> None:
        """A module's constructor ran during a forward pass."""
        self.building[id(module)] = site

    def root_begins(self, module: nn.Module, site: int, grad: bool) -> None:
        self.building.clear()
        self.pass_number += 1
        if grad:
            self._last_input = None
            self.root_calls[id(module)] = (module.training, site)

    def meet_evaluation(self, args: tuple[Any, ...]) -> None:
        """An evaluation pass in training mode: does the same input go through again?"""
        tensor = next((a for a in args if isinstance(a, Tensor)), None)
        if tensor is None:
            return
        version = tensor._version if not tensor.is_inference() else 0
        self.input_calls += 1
        if self._last_input is None or self._last_input[0]() is not tensor or self._last_input[1] != version:
            self.inputs += 1
            self._last_input = (weakref.ref(tensor), version)

    def meet_fresh(self, module: nn.Module) -> None:
        """A module that was built in this very forward pass is called."""
        if not module._parameters:
            return
        kind, site = type(module).__name__, self.building.pop(id(module))
        self.fresh_parameters.update(id(p) for p in module._parameters.values())
        _, passes, last = self.fresh.get(site, (kind, 0, -1))
        self.fresh[site] = (kind, passes + (last != self.pass_number), self.pass_number)

    def meet_mode(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A BatchNorm or dropout layer is called with gradients on."""
        if not isinstance(module, (_BatchNorm, _DropoutNd)):
            return
        values = None
        if isinstance(module, _BatchNorm) and args and isinstance(args[0], Tensor) and args[0].dim() > 1:
            values = args[0].numel() // max(1, args[0].shape[1])
        self.mode_calls[id(module)] = (module.training, values)
        if id(module) not in self.modes:
            name = self.module_names.get(id(module), "")
            momentum = None
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                momentum = module.momentum
            rate = float(module.p) if isinstance(module, _DropoutNd) else None
            self.modes[id(module)] = _Mode(name, type(module).__name__, momentum=momentum, rate=rate)

    def meet_dropout(self, name: str, site: int, module: str | None) -> None:
        """Values are dropped although the model is in evaluation mode."""
        _, calls = self.dropouts.get((name, site), (module, 0))
        self.dropouts[name, site] = (module, calls + 1)

    def meet_weights(self, weight: Tensor, site: int) -> None:
        """A loss is weighted by class."""
        if not self.weights and plain(weight) and 0 < weight.numel() <= MAX_WEIGHTS:
            self.weights = tuple(float(v) for v in weight.detach().double().reshape(-1).tolist())
            self.weights_site = site

    # -- backward

    def before_backward(self, unit: int, held: Sequence[tuple[nn.Module, Any]], traced: bool) -> None:
        """``traced``: this stretch begins the script or a later stage of it."""
        self.last_eval = False
        for root in [self.roots[i] for i, (training, _) in self.root_calls.items() if not training and i in self.roots]:
            if any(p.requires_grad for p in root.parameters()) and any(id(m) in self.modes for m in root.modules()):
                self.last_eval = True
                self.eval_site = self.root_calls[id(root)][1]
                break
        self.root_calls.clear()
        for number, (training, values) in self.mode_calls.items():
            mode = self.modes[number]
            mode.training += training
            mode.evaluating += not training
            if training and values is not None:
                mode.values.append(values)
        self.mode_calls.clear()
        key = (len(self.roots), len(self.steps.optimizers))
        if key != self._seen:
            self._seen = key
            self.snapshot()
        if (unit < LOOKED_AT or traced) and held:
            self._find_head(held)

    def _find_head(self, held: Sequence[tuple[nn.Module, Any]]) -> None:
        """The last weight layer of a model that learns (not of a teacher or a network that only judges)."""
        learning = [r for r in self.roots.values() if any(p.requires_grad for p in r.parameters())]
        owner = {id(m): r for r in learning for m in r.modules()}
        for module, _ in reversed(held):
            own = [p for p in module._parameters.values() if p is not None]
            root = owner.get(id(module))
            if root is not None and any(p.dim() >= 2 for p in own):
                self.head = self.module_names.get(id(module), type(module).__name__)
                self.head_trainable = any(p.requires_grad for p in own if p.dim() >= 2)
                sizes = [(p.numel(), p.requires_grad) for p in root.parameters()]
                self.head_share = sum(n for n, live in sizes if live) / max(1, sum(n for n, _ in sizes))
                return

    def after_backward(self, unit: int, traced: bool) -> None:
        """Note which parameters have a gradient."""
        if unit >= LOOKED_AT and unit & (unit - 1) and not traced:
            return
        for number, (reference, _, _) in self.known.items():
            parameter = reference()
            if parameter is not None and parameter.grad is not None:
                self.graded.add(number)

    def step_made(self) -> None:
        """An optimizer step begins."""
        self.passes += 1
        self.eval_passes += self.last_eval

    def stepped(self, held: Iterable[Tensor]) -> None:
        """Parameters that had a gradient when their optimizer stepped."""
        self.graded.update(map(id, held))

    def snapshot(self) -> None:
        """Remember a sample of every parameter that is not known yet."""
        for tensor in self._all():
            entry = self.known.get(id(tensor))
            if (entry is not None and entry[0]() is tensor) or len(self.known) >= MAX_PARAMETERS:
                continue
            sample = None
            if not is_lazy(tensor) and plain(tensor) and tensor.numel():
                with torch.no_grad():
                    sample = sample_view(tensor).clone()
            self.known[id(tensor)] = (weakref.ref(tensor), sample, tensor.requires_grad)

    def _all(self) -> Iterable[Tensor]:
        for root in self.roots.values():
            yield from root.parameters()
        for state in self.steps.optimizers.values():
            optimizer = state.reference()
            for group in optimizer.param_groups if optimizer is not None else ():
                yield from (p for p in group["params"] if isinstance(p, Tensor))

    def meet_leaves(self, leaves: Sequence[Tensor], first: bool) -> None:
        """The leaves of a traced loss: which of them does nobody know?"""
        held = self.held_by_optimizers()
        inside = {id(p) for root in self.roots.values() if root._modules for p in root.parameters()}
        # A layer that is called by itself may be one that a model keeps in a list or dict.
        layers = {id(p) for root in self.roots.values() if not root._modules for p in root.parameters()}
        known = held | inside | layers
        self.leaf_parameters = max(self.leaf_parameters, sum(id(t) in known for t in leaves))
        unknown = [
            t for t in leaves if id(t) not in held and id(t) not in inside and id(t) not in self.fresh_parameters
        ]
        if not unknown:
            return
        found = owners(list(self.roots.values()), self.sites, self.module_sites)
        for tensor in unknown:
            stray = found.get(id(tensor))
            if id(tensor) in layers and (stray is None or not stray.attribute):
                continue
            if stray is None and (isinstance(tensor, nn.Parameter) or not self.roots):
                stray = Stray(name=f"tensor {tuple(tensor.shape)}", shape=tuple(tensor.shape), attribute="")
            if stray is None or len(self.strays) >= MAX_STRAYS or id(tensor) in self.strays or not plain(tensor):
                continue
            if first or stray.attribute:
                with torch.no_grad():
                    self.strays[id(tensor)] = _Lost(tensor, stray, sample_view(tensor).clone())

    def learns(self, module: nn.Module) -> bool:
        """Whether an optimizer holds a parameter of ``module``; True as long as there is no optimizer."""
        held = self.held_by_optimizers()
        return not held or any(id(p) in held for p in module.parameters())

    def held_by_optimizers(self) -> set[int]:
        held: set[int] = set()
        for state in self.steps.optimizers.values():
            held.update(id(p) for p in state.parameters)
            optimizer = state.reference()
            held.update(id(p) for g in (optimizer.param_groups if optimizer else ()) for p in g["params"])
        return held

    # -- the result

    def freeze(self, targets: TargetStatistics) -> Structure:
        inside = {id(p) for root in self.roots.values() for p in root.parameters()}
        held = self.held_by_optimizers()
        states = [
            ParameterState(
                name=self.steps.names.get(number, ""),
                shape=tuple(parameter.shape) if not is_lazy(parameter) else (),
                trainable=trainable or parameter.requires_grad,
                in_model=number in inside,
                in_optimizer=number in held,
                gradient=number in self.graded,
                changed=_changed(parameter, sample),
            )
            for number, (reference, sample, trainable) in self.known.items()
            if (parameter := reference()) is not None
        ]
        counts = tuple(targets.counts.get(k, 0) for k in range(len(self.weights))) if len(self.weights) > 1 else ()
        if len(self.weights) == 1 and targets.count:
            positive = round(targets.mean * targets.count)
            counts = (targets.count - positive, positive)
        return Structure(
            parameters=tuple(states),
            strays=tuple(_judged(lost) for lost in self.strays.values() if id(lost.tensor) not in held),
            loads=tuple(self.loads),
            fresh_layers=tuple(FreshLayer(kind, site, passes) for site, (kind, passes, _) in self.fresh.items()),
            mode_layers=tuple(
                ModeLayer(m.name, m.kind, m.training, m.evaluating, _median(m.values), m.momentum, m.rate)
                for m in self.modes.values()
            ),
            freezes=named_freezes(list(self.roots.values()), self.sites, self.module_names, states),
            live_dropout=tuple(LiveDropout(n, s, m, c) for (n, s), (m, c) in self.dropouts.items()),
            head=self.head,
            freeze_site=freezing_line(self.sites) if any(not s.trainable for s in states) else -1,
            head_trainable=self.head_trainable,
            head_share=self.head_share,
            leaf_parameters=self.leaf_parameters,
            eval_forward_site=self.eval_site,
            eval_passes=self.eval_passes,
            passes=self.passes,
            repeated_inputs=self.input_calls / max(1, self.inputs),
            class_weights=self.weights,
            class_counts=counts,
            weights_site=self.weights_site,
        )


def _changed(tensor: Tensor, sample: Tensor | None) -> bool:
    if sample is None or is_lazy(tensor) or not plain(tensor):
        return True
    with torch.no_grad():
        now = sample_view(tensor)
        # NaN differs from itself: weights that became NaN have changed.
        return now.shape != sample.shape or not bool(torch.equal(now, sample.to(now.device)))


def _judged(lost: _Lost) -> Stray:
    stray = lost.stray
    return Stray(stray.name, stray.shape, stray.attribute, stray.layer, stray.site, _changed(lost.tensor, lost.before))


def _median(values: list[int]) -> int | None:
    return int(statistics.median_low(values)) if values else None


def drops(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a dropout call, given these arguments, sets values to zero."""
    if name == "scaled_dot_product_attention":
        rate = kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0)
        return isinstance(rate, (int, float)) and rate > 0
    rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    training = kwargs.get("training", args[2] if len(args) > 2 else name != "alpha_dropout")
    return bool(training) and isinstance(rate, (int, float)) and rate > 0
