"""Other targets, other weights of the samples, or other batches."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from torch.utils.data.dataloader import _BaseDataLoaderIter

from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.functions import _AtSite
from sgd_doctor.observe.tensors import all_finite

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer


class _OtherTarget(_AtSite):
    """The operand of the loss that does not depend on the model is replaced."""

    def other(self, output: Tensor, target: Tensor) -> Tensor | None:
        """What stands in for ``target``, or None."""
        raise NotImplementedError

    def report(self, output: Tensor, target: Tensor, changed: Tensor, name: str) -> None:
        """Let the observer measure the pair."""
        self.observer.calls.meet(output, changed, name, self.observer.sites.here())

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        tensors = [v for v in (*args[:2], kwargs.get("input"), kwargs.get("target")) if isinstance(v, Tensor)]
        derived = [self.observer.tracer.is_derived(t) for t in tensors]
        if len(tensors) != 2 or derived.count(True) != 1:
            return None
        output, target = tensors[derived.index(True)], tensors[derived.index(False)]
        changed = self.other(output, target)
        if changed is None:
            return None
        swap = {id(target): changed}
        result = func(*(swap.get(id(v), v) for v in args), **{k: swap.get(id(v), v) for k, v in kwargs.items()})
        self.applied += 1
        self.report(output, target, changed, name)
        if isinstance(result, Tensor):
            self.observer.tracer.derived.put(result, True)
        return (result,)


class RescaleTargets(_OtherTarget):
    """Targets become ``(target - shift) / scale``.

    The task is measured in the user's own units: of the output scaled back, against the target as it was,
    so that runs with and without the change compare.
    """

    def other(self, output: Tensor, target: Tensor) -> Tensor | None:
        if not target.is_floating_point():
            return None
        shift, scale = float(self.args["shift"]), float(self.args["scale"])
        return ((target.double() - shift) / scale).to(target.dtype)

    def report(self, output: Tensor, target: Tensor, changed: Tensor, name: str) -> None:
        if self.args.get("restore", True):
            output = output.detach() * self.args["scale"] + self.args["shift"]
            self.observer.calls.meet(output, target, name, self.observer.sites.here())
        else:
            super().report(output, target, changed, name)


class FillNonFinite(_OtherTarget):
    """Values of inputs and targets that are not finite become 0."""

    def here(self, name: str) -> bool:
        return name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub", "__sub__", "rsub", "__rsub__")

    def other(self, output: Tensor, target: Tensor) -> Tensor | None:
        return None if all_finite(target) else torch.nan_to_num(target, 0.0, 0.0, 0.0)

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if len(self.observer.stack) != 1 or self.observer.in_backward:
            return None
        bad = [isinstance(a, Tensor) and not all_finite(a) for a in args]
        if not any(bad):
            return None
        self.applied += 1
        return tuple(torch.nan_to_num(a, 0.0, 0.0, 0.0) if b else a for a, b in zip(args, bad, strict=True))


class OneBatch(_OtherTarget):
    """Every step sees the first batch again: can the model fit anything at all?

    Of a smaller batch (the last one of an epoch) it takes the size: the script goes on with targets of its own.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._inputs: tuple[Any, ...] | None = None
        self._target: Tensor | None = None

    def before_forward(self, module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        o = self.observer
        if len(o.stack) != 1 or o.in_backward or o.evaluating or not torch.is_grad_enabled():
            return None
        if next(module.parameters(), None) is None:
            return None  # a loss
        if self._inputs is None:
            self._inputs = tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in args)
        self.applied += 1
        if any(isinstance(a, Tensor) and a.dim() for a in args):
            size = next(len(a) for a in args if isinstance(a, Tensor) and a.dim())
            return tuple(a[:size] if isinstance(a, Tensor) and a.dim() else a for a in self._inputs)
        return self._inputs

    def other(self, output: Tensor, target: Tensor) -> Tensor | None:
        if self.observer.evaluating or not target.dim():
            return None
        if self._target is None:
            self._target = target.detach().clone()
        same = self._target[: len(target)]
        return same if same.shape[:1] == output.shape[:1] else None


class PermuteTargets(_OtherTarget):
    """The targets of each batch change places: they keep their frequencies and tell nothing about the inputs.

    A sample that comes again keeps the target that it got first, so that they can be memorised as well as its own.
    """

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._generator = torch.Generator()  # of our own: the script's random numbers stay as they are
        self._generator.manual_seed(0)
        self._given: dict[float, Tensor] = {}

    @torch.no_grad()
    def other(self, output: Tensor, target: Tensor) -> Tensor | None:
        if self.observer.evaluating or target.dim() == 0:
            return None
        keys = self._keys(len(target))
        new = [i for i, key in enumerate(keys) if key not in self._given]
        order = torch.randperm(len(new), generator=self._generator).tolist()
        self._given.update({keys[i]: target[new[place]].clone() for i, place in zip(new, order, strict=True)})
        return torch.stack([self._given[key] for key in keys])

    def _keys(self, count: int) -> list[float]:
        """A number for each sample of the batch: a projection of its input, or nothing that comes again."""
        inputs = [a for a in self.observer.root_args if isinstance(a, Tensor) and a.dim() and len(a) == count]
        if not inputs:
            return torch.rand(count, generator=self._generator, dtype=torch.float64).tolist()
        rows = inputs[0].detach().reshape(count, -1).double()
        along = torch.rand(rows.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return [float(v) for v in (rows @ along.to(rows.device)).tolist()]


class WeightClasses(_OtherTarget):
    """The loss weighs every class by the inverse of how often it occurs."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        output = args[0] if args else kwargs.get("input")
        if not self.here(name) or not isinstance(output, Tensor):
            return None
        key = "pos_weight" if name == "binary_cross_entropy_with_logits" else "weight"
        if kwargs.get(key) is not None or (key == "weight" and len(args) > 2 and args[2] is not None):
            return None
        weights: Any = torch.tensor(self.args["weights"], dtype=output.dtype, device=output.device)
        if key == "pos_weight":
            weights = weights[1]
        elif name == "binary_cross_entropy":  # has weights of samples only
            target = args[1] if len(args) > 1 else kwargs["target"]
            weights = torch.where(target > 0.5, weights[1], weights[0])
        result = func(*args[:2], **kwargs | {key: weights})
        self.applied += 1
        self.observer.tracer._note(name, args, kwargs, result)
        return (result,)


class ShuffleBatches(Applier):
    """Loaders that read their data in order read them in a random order."""

    def bind(self, observer: Observer) -> None:
        super().bind(observer)
        generator = torch.Generator()
        generator.manual_seed(20_011)

        def shuffled(sampler: Any) -> Iterator[int]:
            self.applied += 1
            yield from torch.randperm(len(sampler.data_source), generator=generator).tolist()

        SequentialSampler.__iter__ = shuffled  # type: ignore[method-assign]
        for running in gc.get_objects():
            if isinstance(running, _BaseDataLoaderIter) and isinstance(
                getattr(running._index_sampler, "sampler", None), SequentialSampler
            ):
                running._sampler_iter = iter(running._index_sampler)
