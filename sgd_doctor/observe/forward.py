"""Forward passes: which model is called, with what, in which mode."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sgd_doctor.observe.features import WEIGHT_LAYERS, FeatureStatistics, first_tensor
from sgd_doctor.observe.guard import GUARDED, Part, guarded, power_of_two
from sgd_doctor.observe.layers import has_mode
from sgd_doctor.observe.tensors import first_floating, tensors_in
from sgd_doctor.observe.wrappers import unwrapped

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

MAX_HELD = 2048
"""Outputs of modules that are kept until the backward pass."""
WATCHED_UNITS = 12
"""Backward-to-backward stretches in which modes and inputs are looked at each time; later at powers of two."""
MAX_FORWARDS = 64
"""Forward passes without a backward call after which a stretch counts as over."""


ROOT_AGAIN = 3
"""Frames of ours from :meth:`ForwardWatch.root_again` on."""


class ForwardWatch(Part):
    """Called where modules are."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.want_first = self.want_next = self.want_modes = False
        self.quiet = False
        """Whether nothing more is wanted of the layers of this pass than their outputs."""
        self.forwards_in_unit = 0
        self.unit_roots: set[int] = set()

    def begins(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """A module is called; other arguments for it, or None."""
        o = self.observer
        if not o.stack and not o.here():
            return None
        if o.finished:
            if o.on_next_forward is not None:
                o.on_next_forward()
            return None
        if not o.stack and not o.in_backward:
            known = id(module) in o.roots
            if known and o.calm and module.training and not o.evaluating and torch.is_grad_enabled():
                self.root_again(module, args)
                o.stack.append(module)
                return None
            if known or _has_parameters(module):
                self.root_begins(module, args)
        o.stack.append(module)
        self._look_at(module, args)
        changed = None
        for applier in o.appliers:
            replaced = applier.before_forward(module, args)
            if replaced is not None:
                args = changed = replaced
        return changed

    def _look_at(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        o = self.observer
        if self.want_modes and not module._modules:
            o.structure.meet_mode(module, args)
        if id(module) in o.structure.building and not o.in_backward:
            o.structure.meet_fresh(module)
        if self.want_first and isinstance(module, WEIGHT_LAYERS):
            self.meet_first_layer(module, args)
        elif self.want_next and not module._modules:
            self.want_next = False
            if o.features is not None:
                o.features.next_layer = type(module).__name__
        if module is o.first_layer if o.evaluating else o.traced and isinstance(module, nn.RNNBase):
            self.meet_layer(module, args)

    @guarded
    def meet_layer(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """The first layer of an evaluation, or a recurrent one of a traced stretch."""
        o = self.observer
        if o.evaluating:
            o.signals.eval_layer_input(module, args, o.events[-1][2] if o.events else -1)
        elif isinstance(module, nn.RNNBase):
            o.signals.recurrent_called(module, args)

    @guarded
    def root_begins(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A whole model is called."""
        o, grad = self.observer, torch.is_grad_enabled()
        if grad:
            o.anchor()
        begun = time.perf_counter()
        o.root_site = site = o.sites.here(1 + GUARDED)
        unclear = not module.training and o.counts.backwards > 0 and site not in o.trained_in_eval
        evaluating, known = not grad or unclear, id(module) in o.roots
        changed = evaluating != o.evaluating or not known
        o.evaluating = evaluating
        if not known:
            self.adopt_root(module)
        o.event("evaluate" if o.evaluating else "forward", site)
        o.root_training = module.training
        looked_at = o.looked_at()
        self.want_modes = grad and looked_at
        o.structure.root_begins(module, site, grad)
        if o.evaluating:
            o.counts.evaluations += 1
            if module.training:
                o.structure.meet_evaluation(args)
            o.held_out.begin(o.steps.count, o.sites.stack(), site, module)
        else:
            self.count_pass(module)
            if o.ranks.join():
                o.ranks.root_begins(module, site)
            if self.forwards_in_unit > MAX_FORWARDS:
                o.boundary()
                looked_at = o.looked_at()
        if changed or looked_at or not o.runs_light():
            o.set_tracer()
        o.tracer.in_forward = True
        o.root, o.root_args = module, args
        self.want_first = not o.evaluating and looked_at
        if o.features is not None and o.features.site < 0:
            o.features.site = site
        self.quiet = not (looked_at or o.traced or o.evaluating or o.appliers)
        o.steps.own_time += time.perf_counter() - begun

    def root_again(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """The same for a pass of which nothing is new: most of a run's, so as little as possible is done and asked."""
        o = self.observer
        o.root_site = site = o.sites.here(ROOT_AGAIN)
        o.event("forward", site)
        o.root_training = True
        o.structure.root_begins(module, site, True)
        self.count_pass(module)
        o.calm = self.forwards_in_unit < MAX_FORWARDS
        o.tracer.in_forward = True
        o.root, o.root_args = module, args
        self.quiet = True

    def count_pass(self, module: nn.Module) -> None:
        """One more pass that trains; an evaluation that went before has come to its end."""
        o = self.observer
        o.held_out.commit()
        o.counts.forwards += 1
        self.forwards_in_unit += 1
        self.unit_roots.add(id(module))

    def only_outputs(self, module: nn.Module) -> bool:
        """Whether nothing but the output is wanted of a module that is called outside of a model (a loss)."""
        o = self.observer
        elsewhere = o.finished or o.in_backward or o.evaluating or not o.here()
        return not (module._parameters or module._modules or elsewhere)

    def adopt_root(self, module: nn.Module) -> None:
        """A model is called for the first time: names of its modules and parameters."""
        o = self.observer
        o.roots[id(module)] = module
        o.signals.root_seen(unwrapped(module), self.name_parts(module))

    def name_parts(self, module: nn.Module) -> str:
        """Give what has none a name; returns what stands before the names of this model."""
        o = self.observer
        first = next(iter(o.roots.values())) is module
        module = unwrapped(module)
        prefix = "" if first else f"{type(module).__name__}."
        for name, child in module.named_modules():
            o.module_names.setdefault(id(child), prefix + name if name else type(module).__name__)
            kind = type(child).__name__
            if has_mode(child) or kind.startswith("InstanceNorm"):
                o.mode_layers[kind] = None
        for name, parameter in module.named_parameters():
            o.steps.names.setdefault(id(parameter), prefix + name)
        return prefix

    @guarded
    def meet_first_layer(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """The first layer with weights of this forward pass."""
        o = self.observer
        self.want_first = False
        tensor = first_tensor(args)
        if tensor is None:
            return
        if o.first_layer is None:
            o.first_layer = module
            name, kind = o.module_names.get(id(module), ""), type(module).__name__
            o.features = FeatureStatistics(kind, f"input of {name} ({kind})" if name else f"input of {kind}")
            o.features.site = o.events[-1][2] if o.events else -1
            self.want_next = True
        if module is o.first_layer and o.features is not None:
            o.features.add(tensor)
            o.signals.first_layer_input(tensor)

    def ends(self, module: nn.Module, output: Any) -> None:
        """The module that was called last returned."""
        o = self.observer
        o.stack.pop()
        if o.in_backward:
            return
        if not module._modules and torch.is_grad_enabled() and not o.evaluating and len(o.held) < MAX_HELD:
            o.held.append((module, output))
        if not o.stack and id(module) in o.roots:
            if o.calm and self.quiet:
                o.last_output, o.tracer.in_forward, self.quiet = None, False, False
                if self.forwards_in_unit > 1:
                    o.tick()
            else:
                self.root_ends(module, output)

    @guarded
    def root_ends(self, module: nn.Module, output: Any) -> None:
        """A whole model returned."""
        o = self.observer
        o.last_output, o.tracer.in_forward = None, False
        if o.tracer.on:
            outputs = list(tensors_in(output))
            o.tracer.model_returned(outputs, o.traced and not o.structure.learns(module))
            o.last_output = first_floating(outputs)
        if power_of_two(o.unit) and not o.evaluating and torch.is_grad_enabled():
            o.signals.model_output(output, o.root_args)
        self.want_first = self.want_next = self.want_modes = self.quiet = False
        if o.evaluating and self.unit_roots and (module.training or id(module) not in self.unit_roots):
            # A teacher or a target network amid a training step: what follows is training again.
            o.held_out.discard()
            o.evaluating = False
            o.set_tracer()
        if o.evaluating or self.forwards_in_unit > 1 or not o.counts.optimizer_steps:
            o.tick()

    def unit_ends(self) -> None:
        """A backward-to-backward stretch is over."""
        self.forwards_in_unit = 0
        self.unit_roots.clear()


def _has_parameters(module: nn.Module) -> bool:
    if not module._modules:
        return bool(module._parameters) and any(p is not None for p in module._parameters.values())
    return next(module.parameters(), None) is not None
