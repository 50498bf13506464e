"""Where the observer is tied into torch: public global hooks first, patches only where there is no hook."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedulers
from torch.optim import optimizer as optimizers
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from sgd_doctor.observe import scaling
from sgd_doctor.observe.capture import leave_captures_alone
from sgd_doctor.observe.counts import SchedulerState
from sgd_doctor.observe.forward import MAX_HELD
from sgd_doctor.observe.loading import watch_loading
from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.patches import Patches
from sgd_doctor.observe.tensors import innermost_transform, stand_in, tensors_in, transformed

MAX_METRICS = 512
INITIALISERS = (
    "constant_",
    "zeros_",
    "ones_",
    "normal_",
    "uniform_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "eye_",
)
_ON_THE_WAY = {"wrapper", "placed", "grad", "_autograd_grad", "__torch_function__", "handle_torch_function"}
"""Functions between ``autograd.grad`` and what asked for the gradients."""
CLIPS = ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_")


def install(observer: Observer) -> Patches:
    """Start watching.  ``undo()`` on the result removes everything again."""
    patches = Patches()
    try:
        _modules(observer, patches)
        _optimizers(observer, patches)
        _backward(observer, patches)
        _schedulers(observer, patches)
        _clipping(observer, patches)
        scaling.install(observer.scaling, patches)
        _loaders(observer, patches)
        _initialisers(observer, patches)
        leave_captures_alone(observer, patches)
    except BaseException:
        patches.undo()
        raise
    return patches


def _modules(o: Observer, patches: Patches) -> None:
    traced, exported = torch.compiler.is_dynamo_compiling, torch.compiler.is_compiling
    forward, stack, held, grad = o.forward, o.stack, o.held, torch.is_grad_enabled

    # Not by global hooks: with these, torch itself takes a slower path through every module, which costs a small model
    # more than all else that is done for its layers (docs/performance.md).
    def call(original: Callable[..., Any]) -> Callable[..., Any]:
        def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            # torch.compile would take what follows into its graph, or fail at it: compiled parts are left alone.
            if traced():
                return original(self, *args, **kwargs)
            if forward.quiet if stack else o.calm and forward.only_outputs(self):
                # Most calls are those of layers in a pass of which nothing is wanted but the outputs.
                output = original(self, *args, **kwargs)
                if not self._modules and len(held) < MAX_HELD and grad() and innermost_transform() is None:
                    held.append((self, output))
                return output
            if exported() or transformed():
                return original(self, *args, **kwargs)
            depth, output = len(stack), None
            try:
                changed = forward.begins(self, args)
                output = original(self, *(args if changed is None else changed), **kwargs)
            finally:
                if len(stack) > depth and stack[-1] is self:
                    forward.ends(self, output)
            return output

        return __call__

    patches.replace(nn.Module, "__call__", call)

    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            o.module_sites[id(self)] = site = o.sites.builder(self)
            o.ranks.built(self, site)
            if o.stack and not o.in_backward and not o.finished:
                o.structure.built(self, site)
                o.forward.quiet = False
            original(self, *args, **kwargs)

        return __init__

    patches.replace(nn.Module, "__init__", init)
    watch_loading(o, patches)


def _optimizers(o: Observer, patches: Patches) -> None:
    def before(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        o.stepping.begins(optimizer)
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer itself
        o.tracer.stepping = closure is None  # a closure runs the model

    def after(optimizer: Optimizer, *_: Any) -> None:
        o.tracer.stepping = False
        o.stepping.ends(optimizer)

    patches.hook(optimizers.register_optimizer_step_pre_hook(before))
    patches.hook(optimizers.register_optimizer_step_post_hook(after))

    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            if o.here():
                site = o.sites.here()
                o.steps.adopt(self, site)
                o.signals.optimizer_built(self, site)

        return __init__

    def zero_grad(original: Callable[..., None]) -> Callable[..., None]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            if o.finished or not o.here():
                return original(self, *args, **kwargs)
            site = o.event("zero_grad", ours=1)
            o.counts.zero_grads += 1
            optimizer = self if isinstance(self, Optimizer) else None
            if o.appliers and any(applier.skips_zero_grad(optimizer, site) for applier in o.appliers):
                return None
            return original(self, *args, **kwargs)

        return wrapper

    patches.replace(Optimizer, "__init__", init)
    patches.replace(Optimizer, "zero_grad", zero_grad)
    patches.replace(nn.Module, "zero_grad", zero_grad)


def _backward(o: Observer, patches: Patches) -> None:
    def backward(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            tensors, loss = _first(tensors)
            if o.finished or o.in_backward or not isinstance(loss, Tensor) or stand_in(loss) or not o.trains_here():
                return original(tensors, *args, **kwargs)
            o.backward.begins(loss)
            o.in_backward = True
            try:
                result = original(tensors, *args, **kwargs)
            finally:
                o.in_backward = False
            o.backward.ends()
            return result

        return wrapper

    def grad(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            outputs, loss = _first(outputs)
            training = isinstance(loss, Tensor) and _is_training_call(o, loss, inputs, kwargs) and not _beside(o)
            if o.finished or o.in_backward or not o.here() or not training or not isinstance(loss, Tensor):
                return original(outputs, inputs, *args, **kwargs)
            o.counts.grad_calls += 1
            o.backward.begins(loss)
            result = original(outputs, inputs, *args, **kwargs)
            o.backward.ends()
            return result

        return wrapper

    patches.replace(torch.autograd, "backward", backward)
    patches.replace(torch.autograd, "grad", grad)


def _first(tensors: Any) -> tuple[Any, Any]:
    """The argument, in a form that can be read again, and its first tensor."""
    if isinstance(tensors, Tensor):
        return tensors, tensors
    if not isinstance(tensors, Sequence) and isinstance(tensors, Iterable):
        tensors = tuple(tensors)
    return tensors, tensors[0] if isinstance(tensors, Sequence) and len(tensors) else None


def _beside(o: Observer) -> bool:
    """Whether gradients are computed beside the training: it calls ``backward``, or torch itself asks (a Hessian)."""
    caller: FrameType | None = sys._getframe(2)
    while caller is not None and caller.f_code.co_name in _ON_THE_WAY:
        caller = caller.f_back
    asked = caller is not None and caller.f_code.co_filename == torch.autograd.functional.__file__
    return asked or transformed() or o.counts.backwards > o.counts.grad_calls


def _is_training_call(o: Observer, loss: Tensor, inputs: Any, kwargs: dict[str, Any]) -> bool:
    """``autograd.grad(loss, parameters)`` as a replacement of ``backward``, not by the inputs of the model."""
    leaves = [inputs] if isinstance(inputs, Tensor) else list(inputs) if isinstance(inputs, (list, tuple)) else []
    return (
        loss.numel() == 1
        and not kwargs.get("create_graph", False)
        and bool(leaves)
        and all(isinstance(t, Tensor) and t.is_leaf and t.requires_grad for t in leaves)
        and {id(t) for t in leaves}.isdisjoint(id(t) for t in tensors_in(o.root_args))
    )


def _schedulers(o: Observer, patches: Patches) -> None:
    base = schedulers.LRScheduler

    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            o.constructing_scheduler += 1
            try:
                original(self, *args, **kwargs)
            finally:
                o.constructing_scheduler -= 1
            if not o.constructing_scheduler:
                o.schedulers[id(self)] = SchedulerState(
                    type(self).__name__, o.sites.here(), getattr(self, "mode", None)
                )

        return __init__

    def step(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            if o.constructing_scheduler or o.scheduler_depth or o.finished or not o.here():
                return original(self, *args, **kwargs)
            site = _note_scheduler(o, self, args, kwargs)
            if any(applier.skips_scheduler(self, site) for applier in o.appliers):
                return None
            o.scheduler_depth += 1
            try:
                return original(self, *args, **kwargs)
            finally:
                o.scheduler_depth -= 1

        return wrapper

    for _, kind in inspect.getmembers(schedulers, inspect.isclass):
        if issubclass(kind, base) and "step" in vars(kind):
            patches.replace(kind, "step", step)
        if issubclass(kind, base) and "__init__" in vars(kind):
            patches.replace(kind, "__init__", init)


def _note_scheduler(o: Observer, scheduler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    site = o.event("scheduler")
    state = o.schedulers.setdefault(id(scheduler), SchedulerState(type(scheduler).__name__, site))
    state.steps += 1
    state.step_site = site
    if o.steps.count == 0:
        state.before_first_step += 1
    metric = kwargs.get("metrics", args[0] if args else None)
    if state.kind == "ReduceLROnPlateau" and metric is not None and len(state.metrics) < MAX_METRICS:
        try:
            state.metrics.append(float(metric))
            state.metric_steps.append(o.steps.count)
        except (TypeError, ValueError):
            o.fail("a scheduler's metric is no number")
    return site


def _clipping(o: Observer, patches: Patches) -> None:
    def clip(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if o.finished or not o.here():
                return original(*args, **kwargs)
            site = o.event("clip")
            if any(applier.skips_clip(site) for applier in o.appliers):
                return torch.zeros(())
            o.scaling.clips(site)
            before = o.signals.clips.begins(original.__name__, site, args, kwargs)
            result = original(*args, **kwargs)
            o.signals.clips.ends(site, before, result)
            return result

        return wrapper

    home = importlib.import_module("torch.nn.utils.clip_grad")
    for name in CLIPS:
        for owner in (home, torch.nn.utils):
            if hasattr(owner, name):
                patches.replace(owner, name, clip)


def _initialisers(o: Observer, patches: Patches) -> None:
    """Remember the user's line that filled a parameter last."""

    def fill(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(tensor, Tensor) and not o.anchored:
                o.signals.initialised.put(tensor, o.sites.here())
            return original(tensor, *args, **kwargs)

        return wrapper

    home = torch.nn.init
    for name in INITIALISERS:
        if hasattr(home, name):
            patches.replace(home, name, fill)


def _loaders(o: Observer, patches: Patches) -> None:
    def iterate(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: DataLoader[Any]) -> Any:
            # Workers belong to the process that started them, so a replay has to begin before they do.
            if self.num_workers > 0 and not o.away and not o.finished:
                o.anchor()
            if not o.finished and o.here():
                o.ranks.pass_begins(self)
                o.signals.pass_begins(self)
            return original(self)

        return wrapper

    def following(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any) -> Any:
            try:
                batch = original(self)
            except StopIteration:
                if not o.finished and o.here():
                    o.ranks.drawn(self, None)
                raise
            if not o.finished and o.here():
                o.event("data", ours=1)
                if not o.signals.drawn_again(self):
                    o.signals.drawn(self)
                if o.ranks.loaders:
                    o.ranks.drawn(self, batch)
            return batch

        return wrapper

    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: DataLoader[Any], *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            o.signals.loader_built(getattr(self, "_index_sampler", self), o.sites.here())

        return __init__

    patches.replace(DataLoader, "__init__", init)
    patches.replace(DataLoader, "__iter__", iterate)
    patches.replace(_BaseDataLoaderIter, "__next__", following)
