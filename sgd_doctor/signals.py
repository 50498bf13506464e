"""What data, layers and loop calls looked like: plain values without torch, part of a Recording.

Sites are indices of :attr:`sgd_doctor.recording.Facts.sites` (-1: unknown).
"""

from __future__ import annotations

import msgspec


class Layer(msgspec.Struct, frozen=True):
    """A layer with a weight matrix, as it was when its model was first called."""

    name: str
    kind: str
    shape: tuple[int, ...]
    """Of the largest weight."""
    site: int
    """Line that filled the weight last, or else that built the layer."""
    trainable: bool
    std: float
    """Root mean square of the weights."""
    usual: float
    """Root mean square that PyTorch's own initialisation gives: 1/sqrt(3 fan_in)."""
    equal_rows: bool
    """Whether every unit has the same incoming weights."""
    zero: bool
    bias: float | None = None
    """Mean of the bias."""
    bias_site: int = -1
    constant: bool = False
    """Whether all weights are the same number."""


class Activation(msgspec.Struct, frozen=True):
    """One place where an activation function is applied, at a few training steps."""

    function: str
    module: str | None
    site: int
    units: int
    steps: tuple[int, ...]
    dead: tuple[float, ...]
    """Share of units that were 0 for every sample of the batch."""
    saturated: tuple[float, ...]
    """Share of values within 1 % of a bound of a sigmoid or tanh."""


class Batch(msgspec.Struct, frozen=True):
    """The targets of one training batch, as they met the outputs."""

    step: int
    samples: int
    entropy: float | None
    """Entropy of the labels in the batch (classes only)."""
    label: int | None
    """The most frequent label."""
    predicted: int | None
    """The most frequent prediction."""
    predicted_share: float | None
    output_std: float
    """Spread of the outputs over the samples."""


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Targets of training, over all batches that were looked at."""

    shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    integer: bool = False
    distinct: tuple[float, ...] = ()
    """Distinct values, up to 17 of them."""
    counts: dict[str, int] = {}
    """How often each label occurred, for classes."""
    histogram: tuple[int, ...] = ()
    """How many of the values that were kept lie in equal bins from the minimum to the maximum."""
    batches: tuple[Batch, ...] = ()


class Recurrent(msgspec.Struct, frozen=True):
    """The first call of a recurrent layer."""

    name: str
    kind: str
    site: int
    built: int
    shape: tuple[int, ...]
    batch_first: bool


class Clipping(msgspec.Struct, frozen=True):
    """Calls of a gradient-clipping function from one place."""

    function: str
    site: int
    limit: float
    """0: not known."""
    calls: int
    norms: tuple[float, ...]
    """Norms before clipping, of the first calls."""
    after_step: int
    """Calls with no backward between the last step and them."""


class Built(msgspec.Struct, frozen=True):
    """Optimizers or models that were built by one line, over and over."""

    kind: str
    site: int
    count: int
    steps: tuple[int, ...]
    """Optimizer step at which each was built, the first 64."""
    same: int = 0
    """How many of them hold the parameters of the one before."""


class Loader(msgspec.Struct, frozen=True):
    """A data loader that batches were drawn from."""

    site: int
    """Line that built it."""
    sampler: str
    batch_size: int
    batches: int
    """Batches drawn while gradients were on or before the first step."""
    passes: tuple[int, ...] = ()
    """Optimizer step at which each pass over it began, the first 64."""
    samples: int = 0
    """Length of its data set; 0 where that has none."""
    drawn: int = -1
    """Line that began the first pass."""


class InputDrift(msgspec.Struct, frozen=True):
    """Mean and spread of what reaches the first weight layer, batch by batch."""

    steps: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class StoredChange(msgspec.Struct, frozen=True):
    """An array that a data set stores and that holds other values at the end of the run than at its beginning."""

    name: str
    share: float
    """Of the values that were looked at."""
    site: int
    """Where the data set's samples are read."""


class EvalInputs(msgspec.Struct, frozen=True):
    """Features of evaluation batches at the first weight layer, of one place."""

    site: int
    samples: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class SharedModule(msgspec.Struct, frozen=True):
    """One layer that a container holds several times."""

    kind: str
    container: str
    """Name of the module that holds it."""
    places: int
    site: int
    """Line that built it."""


class Comparison(msgspec.Struct, frozen=True):
    """Predictions that were compared in one place in a way that cannot be meant."""

    kind: str
    """``single``: one prediction against many labels; ``outer``: every prediction against every label;
    ``threshold``: raw outputs of a binary classifier against one half."""
    site: int
    predictions: tuple[int, ...]
    labels: tuple[int, ...]
    calls: int
    share: float = 0.0
    """Of predictions that another threshold (0, which is a probability of one half) would change."""


class Padding(msgspec.Struct, frozen=True):
    """Padding masks of attention layers, over the training batches that were looked at."""

    site: int
    rows: int
    """Rows of which some positions are left out and others are not."""
    leading: int
    """How many of them leave out the first position and not the last."""


class Answers(msgspec.Struct, frozen=True):
    """Where the targets of a sequence stand in the model's own input."""

    argument: int
    """Number of the positional argument."""
    shift: int
    """0: at the position of the output; 1: at the next one."""
    axis: int
    """Dimension of the argument along which positions count."""


class Culprit(msgspec.Struct, frozen=True):
    """The operation that made the first value that is not finite."""

    function: str
    """As in ``torch.log``."""
    site: int
    module: str | None
    reason: str
    """What about its (finite) inputs made it so."""
    in_gradient: bool = False


class Scaling(msgspec.Struct, frozen=True):
    """How a ``GradScaler`` was used."""

    site: int
    """Line that scaled the loss first."""
    factor: float
    """Scale at that time."""
    steps: int
    """Calls of ``scaler.step``."""
    skipped: int
    """How many of them made no step of the optimizer."""
    direct: int = 0
    """Steps of an optimizer with scaled gradients, past the scaler."""
    direct_site: int = -1
    clipped: int = 0
    """Calls that clipped scaled gradients."""
    clip_site: int = -1


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a run that checks on data, model and loop need beyond the columns."""

    layers: tuple[Layer, ...] = ()
    activations: tuple[Activation, ...] = ()
    targets: Targets = Targets()
    recurrent: tuple[Recurrent, ...] = ()
    clippings: tuple[Clipping, ...] = ()
    optimizers_built: tuple[Built, ...] = ()
    models_built: tuple[Built, ...] = ()
    drift: InputDrift = InputDrift()
    stored_changes: tuple[StoredChange, ...] = ()
    loaders: tuple[Loader, ...] = ()
    """The one that most training batches came from stands first."""
    eval_inputs: tuple[EvalInputs, ...] = ()
    culprit: Culprit | None = None
    graph_sizes: tuple[tuple[int, int], ...] = ()
    """Backward call, and number of nodes of the graph that it walked."""
    shared_states: tuple[tuple[int, int, int], ...] = ()
    """Line and step at which a ``state_dict`` was taken, and step at which it was loaded into its own tensors."""
    data_writes: tuple[int, ...] = ()
    """Lines that write in place into a view of a tensor, outside the model."""
    comparisons: tuple[Comparison, ...] = ()
    shared_modules: tuple[SharedModule, ...] = ()
    scaling: Scaling | None = None
    curvature: tuple[float, ...] = ()
    """Largest eigenvalue of the Hessian on each of the first batches, where it was asked for."""
    padding: Padding | None = None
    output_spreads: tuple[tuple[int, float], ...] = ()
    """Optimizer step, and deviation of the model's outputs over the samples of a batch in units of their root mean
    square."""
    answers: Answers | None = None
    """Where the targets of a sequence stand in the model's own input."""
    look_ahead: float | None = None
    """Where it was measured: how far an output moves with the token that is its answer, in standard deviations."""
    leaking_feature: int | None = None
    """A single feature that is the label itself."""
    nonfinite_share: float = 0.0
    """Share of values that are not finite, in the tensor that the recording names as the first one."""
