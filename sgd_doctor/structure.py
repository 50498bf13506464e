"""How model, loss and optimizer hang together: plain values without torch, part of a Recording.

Sites are indices of :attr:`sgd_doctor.recording.Facts.sites` (-1: unknown).
"""

from __future__ import annotations

import msgspec


class ParameterState(msgspec.Struct, frozen=True):
    """One parameter of a model that was called, or of an optimizer."""

    name: str
    shape: tuple[int, ...]
    trainable: bool
    in_model: bool
    in_optimizer: bool
    gradient: bool
    """Whether it ever had a gradient."""
    changed: bool
    """Whether its values are no longer what they were at the first backward."""

    @property
    def size(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count


class Stray(msgspec.Struct, frozen=True):
    """A leaf that the loss depends on, registered in no called model and held by no optimizer."""

    name: str
    shape: tuple[int, ...]
    attribute: str
    """Attribute of a module under which it, or its layer, was found; empty: found under none."""
    layer: str = ""
    """Class of the layer that owns it; empty for a plain tensor."""
    site: int = -1
    """Line that assigns the attribute, or else that builds the layer."""
    changed: bool = False


class LoadedState(msgspec.Struct, frozen=True):
    """One outermost call of ``load_state_dict`` of a module."""

    kind: str
    site: int
    strict: bool
    keys: int
    """Number of tensors in the module's own state."""
    given: int
    """Number of tensors in the state that was loaded."""
    missing: int
    unexpected: int
    example_missing: str = ""
    example_unexpected: str = ""
    step: int = 0
    """Optimizer steps that were made before."""


class FreshLayer(msgspec.Struct, frozen=True):
    """A layer with parameters that was built and called within one forward pass."""

    kind: str
    site: int
    passes: int
    """Training passes in which that happened."""


class ModeLayer(msgspec.Struct, frozen=True):
    """One BatchNorm or dropout layer, over the training passes that were looked at."""

    name: str
    kind: str
    training: int
    """Calls in training mode that a backward followed."""
    evaluating: int
    """Calls in evaluation mode that a backward followed."""
    values: int | None = None
    """Values by channel (median over the calls in training mode), for BatchNorm."""
    momentum: float | None = None
    """Of the running statistics, for BatchNorm that keeps them."""
    rate: float | None = None
    """Share of the values that dropout takes away."""


class NamedFreeze(msgspec.Struct, frozen=True):
    """``module.requires_grad = False``, or a misspelt attribute of a parameter: both freeze nothing."""

    name: str
    attribute: str
    kind: str
    """Class of the object that carries it."""
    site: int = -1
    moved: bool = False


class LiveDropout(msgspec.Struct, frozen=True):
    """A dropout call that dropped values while the model was in evaluation mode."""

    function: str
    site: int
    module: str | None
    calls: int


class Structure(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a run that is wiring rather than numbers."""

    parameters: tuple[ParameterState, ...] = ()
    strays: tuple[Stray, ...] = ()
    loads: tuple[LoadedState, ...] = ()
    fresh_layers: tuple[FreshLayer, ...] = ()
    mode_layers: tuple[ModeLayer, ...] = ()
    freezes: tuple[NamedFreeze, ...] = ()
    live_dropout: tuple[LiveDropout, ...] = ()
    head: str = ""
    """The last layer with a weight matrix that a training pass called."""
    head_trainable: bool | None = None
    head_share: float | None = None
    """Trainable share of the model that owns the head."""
    freeze_site: int = -1
    """The first line that sets ``requires_grad`` to False, where something is frozen."""
    leaf_parameters: int = 0
    """Leaves of the traced losses that are registered parameters or held by an optimizer."""
    eval_forward_site: int = -1
    """Where the model was called in evaluation mode before a backward."""
    eval_passes: int = 0
    """Optimizer steps whose last backward followed a forward pass of the whole model in evaluation mode."""
    passes: int = 0
    """Optimizer steps that were looked at for ``eval_passes``."""
    repeated_inputs: float = 0.0
    """Mean number of evaluation passes in training mode that the same input went through in a row."""
    class_weights: tuple[float, ...] = ()
    """``weight`` of a classification loss, or the single ``pos_weight`` of a binary one."""
    class_counts: tuple[int, ...] = ()
    """How often each class was seen among the targets, in the order of the weights."""
    weights_site: int = -1
