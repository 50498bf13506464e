"""Layers, activations, targets and loop calls, sampled at few steps; see :mod:`sgd_doctor.signals`."""

from __future__ import annotations

import contextlib
import itertools
import math
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import RandomSampler, SequentialSampler

from sgd_doctor.observe.answers import AnswerRecorder
from sgd_doctor.observe.clips import ClipRecorder
from sgd_doctor.observe.comparisons import ComparisonRecorder
from sgd_doctor.observe.features import FeatureStatistics, first_tensor
from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.observe.identities import Identities
from sgd_doctor.observe.layers import layers_of, repeated
from sgd_doctor.observe.nonfinite import GradientWatch, nodes_of
from sgd_doctor.observe.padding import PaddingRecorder
from sgd_doctor.observe.stored import StoredData
from sgd_doctor.observe.targets import TargetRecorder
from sgd_doctor.observe.tensors import first_floating, plain, shape_of, storable, thinned
from sgd_doctor.observe.tracer import BOUNDED, RECTIFIERS
from sgd_doctor.signals import (
    Activation,
    Built,
    Culprit,
    EvalInputs,
    InputDrift,
    Layer,
    Loader,
    Recurrent,
    SharedModule,
    Signals,
)

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer
    from sgd_doctor.observe.tasks import Pair

NEAR_BOUND = 0.01
MAX_PLACES = 128
MAX_BATCHES = 64
LEAST_SAMPLES = 8
"""Samples in a batch from which the spread of the outputs over them is told."""
MAX_BUILT = 64
EVAL_BATCHES = 8
MAX_WRITES = 8
MAX_EVAL_SITES = 8
MAX_GRAPH = 20_000


@dataclass
class _Place:
    function: str
    module: str | None
    site: int
    units: int = 0
    steps: list[int] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)


@dataclass
class _Built:
    kind: str
    count: int = 0
    same: int = 0
    steps: list[int] = field(default_factory=list)
    first: weakref.ref[Tensor] | None = None


@dataclass
class _Drawn:
    source: Callable[[], Any]
    """What decides the batches: the data set, or the sampler where that is more than an order of all of it."""
    site: int
    drawn: int
    sampler: str
    batch_size: int
    samples: int
    batches: int = 0
    passes: list[int] = field(default_factory=list)
    iterator: weakref.ref[Any] | None = None


class SignalRecorder(Part):
    """What the observer sees beside gradients and losses.  It changes nothing and keeps little."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.layers: list[Layer] = []
        self.places: dict[tuple[str, int, str | None], _Place] = {}
        self.target: Tensor | None = None
        self.targets = TargetRecorder()
        self.first_input: Tensor | None = None
        self.recurrent: dict[int, Recurrent] = {}
        self.clips = ClipRecorder(observer)
        self.optimizers: dict[tuple[str, int], _Built] = {}
        self.models: dict[tuple[str, int], _Built] = {}
        self.taken: dict[int, tuple[weakref.ref[Any], int, int]] = {}
        self.shared: list[tuple[int, int, int]] = []
        self.data_writes: dict[int, None] = {}
        self.initialised = Identities()
        self.loader_sites: dict[int, int] = {}
        self.loaders: dict[tuple[int, str, int], _Drawn] = {}
        self._drawing: _Drawn | None = None
        """Where the latest batch came from."""
        self.stored = StoredData(observer.sites)
        self.drift: list[tuple[int, float, float]] = []
        self.eval_inputs: dict[int, FeatureStatistics] = {}
        self.culprit: Culprit | None = None
        self.nonfinite_share = 0.0
        self.gradients = GradientWatch()
        self.graph_sizes: list[tuple[int, int]] = []
        self.comparisons = ComparisonRecorder()
        self.repeated: list[SharedModule] = []
        self.curvature: list[float] = []
        self.answers = AnswerRecorder()
        self.padding = PaddingRecorder()
        self.look_ahead: float | None = None
        self.output_spreads: list[tuple[int, float]] = []

    # -- modules

    def root_seen(self, module: nn.Module, prefix: str) -> None:
        """A model is called for the first time."""
        o = self.observer
        self.layers.extend(layers_of(module, prefix, self.built_at, 512 - len(self.layers)))
        names, sites = o.module_names, o.module_sites
        found = repeated(module, lambda m: names.get(id(m), ""), lambda m: sites.get(id(m), -1))
        self.repeated.extend(itertools.islice(found, max(0, MAX_BUILT - len(self.repeated))))
        key = (type(module).__name__, o.module_sites.get(id(module), -1))
        self._built(self.models.setdefault(key, _Built(key[0])))

    def built_at(self, module: nn.Module, weight: Tensor) -> int:
        """Line that filled the weight last, or else that built the layer."""
        return int(self.initialised.get(weight, self.observer.module_sites.get(id(module), -1)))

    def _built(self, entry: _Built) -> None:
        entry.count += 1
        if len(entry.steps) < MAX_BUILT:
            entry.steps.append(self.observer.steps.count)

    def recurrent_called(self, module: nn.RNNBase, args: tuple[Any, ...]) -> None:
        tensor, o = first_tensor(args), self.observer
        if tensor is None or id(module) in self.recurrent:
            return
        self.recurrent[id(module)] = Recurrent(
            name=o.module_names.get(id(module), ""),
            kind=type(module).__name__,
            site=o.sites.here(),
            built=o.module_sites.get(id(module), -1),
            shape=shape_of(tensor),
            batch_first=bool(module.batch_first),
        )

    @torch.no_grad()
    def first_layer_input(self, tensor: Tensor) -> None:
        """What reaches the first weight layer in training."""
        if not plain(tensor) or not tensor.is_floating_point() or tensor.numel() < 2:
            return
        self.first_input = tensor
        values = thinned(tensor, 1 << 16).float()
        if len(self.drift) < MAX_BATCHES:
            self.drift.append((self.observer.steps.count, float(values.mean()), float(values.std())))

    def data_written(self, site: int) -> None:
        """A view of a tensor was written into, outside the model."""
        if site >= 0 and not self.observer.stack and len(self.data_writes) < MAX_WRITES:
            self.data_writes[site] = None

    def eval_layer_input(self, module: nn.Module, args: tuple[Any, ...], site: int) -> None:
        tensor = first_tensor(args)
        if tensor is None or (site not in self.eval_inputs and len(self.eval_inputs) >= MAX_EVAL_SITES):
            return
        statistics = self.eval_inputs.setdefault(site, FeatureStatistics(type(module).__name__, ""))
        if statistics.batches < EVAL_BATCHES:
            statistics.add(tensor)

    @torch.no_grad()
    def activation(self, name: str, output: Tensor, module: str | None, site: int) -> None:
        """The result of an activation function inside the model."""
        o = self.observer
        key = (name, site, module)
        if o.evaluating or not plain(output) or not output.is_floating_point():
            return
        if output.dim() < 2 or output.shape[0] < 2:
            return
        if key not in self.places and len(self.places) >= MAX_PLACES:
            return
        place = self.places.setdefault(key, _Place(name, module, site))
        if len(place.steps) >= MAX_BATCHES:
            return
        values = output.detach()
        place.steps.append(o.steps.count)
        place.units = max(place.units, int(values[0].numel()))
        place.dead.append(_dead_share(values) if name in RECTIFIERS else 0.0)
        place.saturated.append(_saturated_share(name, values) if name in BOUNDED else 0.0)

    @torch.no_grad()
    def model_output(self, output: Any, args: tuple[Any, ...]) -> None:
        """What the model made of a batch of training samples that differ."""
        step, given, made = self.observer.steps.count, first_tensor(args), first_floating(output)
        if given is None or made is None or len(self.output_spreads) >= MAX_BATCHES:
            return
        if self.output_spreads and self.output_spreads[-1][0] == step:
            return
        if not plain(given) or not plain(made) or min(given.dim(), made.dim()) < 2:
            return
        if len(made) < LEAST_SAMPLES or len(given) != len(made) or not bool((given[1:] != given[:1]).any()):
            return
        values = made.detach().reshape(len(made), -1).float()
        size = float(values.square().mean().sqrt())
        if 0 < size < math.inf:
            spread = float(values.std(dim=0).square().mean().sqrt()) / size
            self.output_spreads.append((step, spread))

    # -- targets

    def pair(self, output: Tensor, target: Tensor, pair: Pair) -> None:
        """An output met its target in the loss of a training step."""
        self.target = target
        self.targets.add(self.observer.steps.count, output, target, pair, self.first_input)

    # -- loop

    def optimizer_built(self, optimizer: Optimizer, site: int) -> None:
        key = (type(optimizer).__name__, site)
        entry = self.optimizers.setdefault(key, _Built(key[0]))
        self._built(entry)
        first = next((p for g in optimizer.param_groups for p in g["params"]), None)
        if isinstance(first, Tensor):
            entry.same += entry.first is not None and entry.first() is first
            entry.first = weakref.ref(first)

    def backward_begins(self, loss: Tensor, traced: bool, sampled: bool) -> None:
        self.clips.stepped_last = False
        self.gradients.kept.clear()
        if traced or self.gradients.dangerous:
            self.gradients.watch(loss, traced)
        if sampled and len(self.graph_sizes) < MAX_BATCHES:
            self.graph_sizes.append((self.observer.counts.backwards, len(nodes_of(loss, MAX_GRAPH))))

    def unit_ends(self) -> None:
        self.target = self.first_input = None

    def step_ends(self) -> None:
        self.clips.stepped_last = True
        self.gradients.kept.clear()

    def state_taken(self, module: nn.Module, state: Any, site: int) -> None:
        """``state_dict()`` was called; the result is known again as long as it lives.

        What else shares memory with the model (a dict of its detached tensors) was made of the latest one.
        """
        for thing in (module, state):
            with contextlib.suppress(TypeError):
                self.taken[id(thing)] = (weakref.ref(thing), site, self.observer.steps.count)

    @guarded
    def state_loaded(self, module: nn.Module, state: Any) -> None:
        """A kept state goes back into the model: are its tensors the model's own?"""
        found = [(thing, self.taken.get(id(thing))) for thing in (state, module)]
        entry = next((e for thing, e in found if e is not None and e[0]() is thing), None)
        if entry is None or not isinstance(state, Mapping) or entry[2] == self.observer.steps.count:
            return
        own = {t.data_ptr() for t in (*module.parameters(), *module.buffers())}
        same = bool(state) and all(isinstance(v, Tensor) and v.data_ptr() in own for v in state.values())
        if same and len(self.shared) < MAX_BUILT:
            self.shared.append((entry[1], entry[2], self.observer.steps.count))

    def loader_built(self, loader: object, site: int) -> None:
        self.loader_sites[id(loader)] = site

    def drawn_again(self, iterator: Any) -> bool:
        """Whether the loader that gave a batch is the one that did so before; then all is said of it."""
        entry = self._drawing
        if entry is None or entry.iterator is None or entry.iterator() is not iterator:
            return False
        entry.batches += torch.is_grad_enabled()
        return True

    @guarded
    def drawn(self, iterator: Any) -> None:
        """A batch came out of another loader than before; it counts for training until an evaluation says otherwise."""
        entry = self._drawing = self._drawn_from(iterator._dataset, iterator._index_sampler)
        entry.batches += torch.is_grad_enabled()
        if entry.iterator is None or entry.iterator() is not iterator:
            entry.iterator = weakref.ref(iterator)
            if len(entry.passes) < MAX_BUILT:
                entry.passes.append(self.observer.steps.count)

    @guarded
    def pass_begins(self, loader: Any) -> None:
        """A loader of this process is gone through (workers have data of their own, which begin anew each time)."""
        if loader.num_workers == 0:
            self.stored.meet(loader.dataset)

    def _drawn_from(self, data: Any, batches: Any) -> _Drawn:
        """Loaders that are built anew over the same data are one."""
        sampler, size = getattr(batches, "sampler", batches), getattr(batches, "batch_size", None) or 0
        whole = type(sampler) in (RandomSampler, SequentialSampler)
        source = data if whole else batches
        key = id(source), type(sampler).__name__, size
        entry = self.loaders.get(key)
        if entry is None or entry.source() is not source:
            held = weakref.ref(source) if hasattr(type(source), "__weakref__") else lambda: source
            built = self.loader_sites.get(id(batches), -1)
            samples = len(data) if whole else 0
            entry = _Drawn(held, built, self.observer.sites.here(), key[1], size, samples)
            self.loaders[key] = entry
        return entry

    # -- the end

    def freeze(self) -> Signals:
        return Signals(
            layers=tuple(self.layers),
            activations=tuple(
                Activation(p.function, p.module, p.site, p.units, tuple(p.steps), tuple(p.dead), tuple(p.saturated))
                for p in self.places.values()
            ),
            targets=self.targets.freeze(self.observer.targets.counts),
            recurrent=tuple(self.recurrent.values()),
            clippings=self.clips.freeze(),
            optimizers_built=_all_built(self.optimizers),
            models_built=_all_built(self.models),
            drift=InputDrift(
                tuple(s for s, _, _ in self.drift),
                tuple(storable(m) for _, m, _ in self.drift),
                tuple(storable(d) for _, _, d in self.drift),
            ),
            stored_changes=self.stored.freeze(),
            loaders=tuple(
                Loader(d.site, d.sampler, d.batch_size, d.batches, tuple(d.passes), d.samples, d.drawn)
                for d in sorted(self.loaders.values(), key=lambda d: -d.batches)[:16]
            ),
            eval_inputs=tuple(
                EvalInputs(site, f.count, frozen.mean, frozen.std)
                for site, f in self.eval_inputs.items()
                if (frozen := f.freeze()).mean
            ),
            culprit=self.culprit,
            graph_sizes=tuple(self.graph_sizes),
            scaling=self.observer.scaling.freeze(),
            curvature=tuple(self.curvature),
            answers=self.answers.freeze(),
            padding=self.padding.freeze(),
            look_ahead=self.look_ahead,
            output_spreads=tuple(self.output_spreads),
            shared_states=tuple(self.shared),
            data_writes=tuple(self.data_writes),
            comparisons=self.comparisons.freeze(),
            shared_modules=tuple(self.repeated),
            leaking_feature=self.targets.leaking_feature(),
            nonfinite_share=self.nonfinite_share,
        )


def _all_built(entries: dict[tuple[str, int], _Built]) -> tuple[Built, ...]:
    return tuple(Built(b.kind, site, b.count, tuple(b.steps), b.same) for (_, site), b in entries.items())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _dead_share(values: Tensor) -> float:
    """Share of units that are 0 for the whole batch; a unit is a channel or a feature, whichever is less dead."""
    zero = values <= 0
    if values.dim() == 2:
        return float(zero.all(0).double().mean())
    axes = (1, values.dim() - 1)
    shares = [float(zero.movedim(axis, -1).reshape(-1, values.shape[axis]).all(0).double().mean()) for axis in axes]
    return min(shares)


def _saturated_share(name: str, values: Tensor) -> float:
    low, high = (0.0, 1.0) if "sigmoid" in name else (-1.0, 1.0)
    margin = NEAR_BOUND * (high - low)
    return float(((values < low + margin) | (values > high - margin)).double().mean())
