"""Torch functions seen by the tracer: where outputs meet targets, and what plain arguments say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sgd_doctor.observe.features import FeatureStatistics
from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.observe.padding import ATTENTION
from sgd_doctor.observe.structure import drops
from sgd_doctor.observe.tasks import LOSS_FUNCTIONS, Pair, TargetStatistics, measure

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

DIFFERENCES = {"sub", "rsub", "__sub__", "__rsub__"}
TRAINING_PAIRS = LOSS_FUNCTIONS | DIFFERENCES | {
    "mul", "__mul__", "__rmul__", "div", "gather", "__getitem__",
    "cosine_similarity", "pairwise_distance", "cdist", "dist",
}  # fmt: skip
"""Functions in which an output meets its target on the way to a loss."""
EVALUATION_PAIRS = LOSS_FUNCTIONS | DIFFERENCES | {"eq", "__eq__", "ne", "__ne__"}
"""And without gradients: a loss, an error, or predictions compared with labels."""


@dataclass(frozen=True)
class _Met:
    """Outputs of ``root(*args)`` that met what may be their target."""

    output: Tensor
    target: Tensor
    name: str
    pair: Pair
    root: nn.Module | None
    args: tuple[Any, ...]
    inside: bool


class CallWatch(Part):
    """Called by the tracer, which is on for chosen steps only."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._open: _Met | None = None
        """What a loss function may still outrank before this step's backward."""
        self._before = TargetStatistics()
        """The statistics of the targets without it."""

    @guarded
    def meet(self, output: Tensor, target: Tensor, name: str, site: int) -> None:
        """An output of the model met a tensor that does not depend on it: probably the target."""
        o = self.observer
        if name not in (EVALUATION_PAIRS if o.evaluating else TRAINING_PAIRS):
            return
        if name == "__getitem__" and target.dtype == torch.bool:
            return  # a mask
        is_loss = name in LOSS_FUNCTIONS
        if o.evaluating:
            if o.task_outside and o.tracer.in_forward:
                return  # of no account in training either: there the outputs meet the targets outside the model
            binary = o.task_loss if o.task_kind == "binary" else ""
            o.held_out.meet(output, target, name, o.last_output, o.targets, binary)
            if is_loss or name in DIFFERENCES:
                o.signals.comparisons.meet_error(output, target, site)
            return
        if is_loss or name in DIFFERENCES:
            o.counts.losses += 1
            o.loss_sites[site] = o.loss_sites.get(site, 0) + 1
            o.event("loss", site)
        inside = o.tracer.in_forward
        outranked = o.pair_inside and not inside  # what a model computes within may be a loss beside the real one
        if o.pair is not None and not outranked and (o.pair_is_loss or not is_loss):
            return
        final = is_loss and not inside
        if o.pair is None:
            self._before = o.targets
        statistics = self._before if final else self._before.copy()
        pair = measure(output, target, name, statistics)
        if pair is not None:
            o.pair, o.pair_is_loss, o.pair_inside, o.targets = pair, final, inside, statistics
            o.task_kind, o.task_loss, o.task_site = pair.kind, name, site
            o.task_outside |= not inside
            self._open = _Met(output, target, name, pair, o.root, o.root_args, inside)
            if final:
                self.settle()

    def settle(self) -> None:
        """Nothing outranks the pair any more: these are the targets."""
        met, o = self._open, self.observer
        self._open = None
        if met is None or met.pair is not o.pair:
            return
        o.signals.pair(met.output, met.target, met.pair)
        if met.root is None:
            return
        o.signals.answers.look(met.args, met.target)
        if o.measure_task and not met.inside:
            o.pool.add(met.root, met.args, met.target, met.name)
        for applier in o.appliers:
            applier.meets(met.root, met.args, met.target, met.name)

    @guarded
    def meet_call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A function of :data:`~sgd_doctor.observe.tracer.WATCHED`: what its plain arguments say."""
        o = self.observer
        if "dropout" in name or name == "scaled_dot_product_attention":
            if o.evaluating and not o.root_training and drops(name, args, kwargs):
                o.structure.meet_dropout(name, o.sites.here(), o.module_path())
        elif name == ATTENTION:
            mask = kwargs.get("key_padding_mask")
            if isinstance(mask, Tensor) and not o.evaluating:
                o.signals.padding.look(mask, o.sites.here())
        elif not o.evaluating:
            key = "pos_weight" if name == "binary_cross_entropy_with_logits" else "weight"
            weight = kwargs.get(key, args[2] if key == "weight" and len(args) > 2 else None)
            if isinstance(weight, Tensor):
                o.structure.meet_weights(weight, o.sites.here())

    @guarded
    def meet_comparison(self, name: str, inputs: list[Tensor], derived: list[bool], args: tuple[Any, ...]) -> None:
        """Something that depends on the model is compared, or rounded."""
        o = self.observer
        o.signals.comparisons.meet(name, inputs, derived, args, o.sites.here(), o.task_loss)

    @guarded
    def meet_activation(self, name: str, output: Tensor, site: int) -> None:
        """The result of an activation function inside the model."""
        self.observer.signals.activation(name, output, self.observer.module_path(), site)

    @guarded
    def meet_weights(self, name: str, data: Tensor, operand: int, site: int) -> None:
        """Data met a weight in a function and not in a module."""
        o = self.observer
        if o.features is None:
            o.features = FeatureStatistics(name, f"the operand of {name}")
            o.features.function, o.features.function_site = name, site
            o.features.operand, o.features.site = operand, site
        if o.features.function_site == site and o.features.function == name:
            o.features.add(data)
            o.signals.first_layer_input(data)
