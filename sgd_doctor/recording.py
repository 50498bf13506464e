"""The Recording: everything that one run left, as plain values (no torch, no pickle).

Saved as one ``.npz`` archive: the numeric columns as arrays and the rest as JSON text in the
member ``facts``.  Loading never executes anything: ``allow_pickle`` is off.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, SupportsIndex

import msgspec
import numpy as np
import numpy.typing as npt

from sgd_doctor.errors import UsageError
from sgd_doctor.findings import Location
from sgd_doctor.ranks import Distributed
from sgd_doctor.signals import Signals
from sgd_doctor.structure import Structure

FORMAT_VERSION = 1
Array = npt.NDArray[np.float64]

EVENTS = ("data", "forward", "loss", "backward", "zero_grad", "clip", "step", "scheduler", "evaluate")
"""Kinds of event, in the order of their number in :attr:`Recording.events`."""


class Site(msgspec.Struct, frozen=True):
    """A line of the user's source from which something was called."""

    path: str
    line: int
    function: str
    code: str = ""

    def location(self) -> Location:
        return Location(path=self.path, line=self.line, end_line=self.line, code=self.code)


class OptimizerFacts(msgspec.Struct, frozen=True):
    """One optimizer as it was built.  ``site`` indexes :attr:`Facts.sites` (-1: unknown)."""

    kind: str
    site: int
    created_at_step: int
    parameters: int
    """Number of scalar parameters it holds."""
    groups: tuple[dict[str, float | bool | None], ...]
    """Hyperparameters of each group when first seen: lr, momentum, weight_decay, dampening, nesterov."""
    steps: int = 0
    names: tuple[str, ...] = ()
    """Names of its parameters, group after group."""
    sizes: tuple[int, ...] = ()
    """Number of parameters in each group when first seen."""


PER_BATCH = 0.9
"""Scheduler steps for each optimizer step from which on a scheduler counts batches and not epochs."""


class SchedulerFacts(msgspec.Struct, frozen=True):
    """One learning-rate scheduler and how it was used."""

    kind: str
    site: int
    steps: int
    """Calls of ``step()``, the one in the constructor not counted."""
    step_site: int = -1
    mode: str | None = None
    """``min`` or ``max`` of ReduceLROnPlateau."""
    metrics: tuple[float, ...] = ()
    """Values passed to ``step(metric)``, the first 512."""
    metric_steps: tuple[int, ...] = ()
    before_first_step: int = 0
    """Calls of ``step()`` before the first optimizer step."""

    def per_batch(self, steps: int) -> bool:
        """Whether it was stepped (nearly) as often as the optimizer, which made ``steps`` steps."""
        return self.steps >= PER_BATCH * steps


class Operand(msgspec.Struct, frozen=True):
    """A tensor that an operation read.  ``origin``: index of the operation that made it, or -1."""

    shape: tuple[int, ...]
    dtype: str
    derived: bool
    """Whether it depends on an output of the model (or on a parameter that requires a gradient)."""
    parameter: bool
    origin: int = -1
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    row_sums_to_one: bool = False
    """Non-negative and summing to 1 over the class dimension (1, or the last for a vector)."""
    distinct: int | None = None
    """Number of distinct values, where it was counted."""
    log_rows: bool = False
    """Logarithms of values that sum to 1 over the class dimension."""
    row_sums: tuple[float, float] | None = None
    """Smallest and largest sum over the class dimension."""
    foreign: bool = False
    """Whether it depends on models alone that no optimizer holds, and without gradients."""
    lost: int = -1
    """Index of the operation behind which the way back to the parameters was lost, or -1."""
    base: tuple[int, ...] = ()
    """Shape of the whole tensor that this one is another view of."""


class Operation(msgspec.Struct, frozen=True):
    """One call of a torch function during a traced step."""

    name: str
    site: int
    module: str | None
    inputs: tuple[Operand, ...]
    shape: tuple[int, ...]
    """Shape of the (first) result."""
    dim: int | None = None
    phase: str = "forward"
    """forward or loss (after the model returned)"""
    scalar: float | None = None
    """The first plain number among the arguments."""
    reduction: str | None = None
    identical: bool = False
    """Whether the first two operands hold the same values."""
    recorded: bool = True
    """Whether gradients were on."""
    layer: str = ""
    """Class of the module that called the function; empty for the user's own code."""
    built: int = -1
    """Site that built that module."""


class Leaf(msgspec.Struct, frozen=True):
    """A leaf tensor that the loss depends on."""

    name: str
    shape: tuple[int, ...]
    in_optimizer: bool
    in_module: bool


class Crash(msgspec.Struct, frozen=True):
    """An exception that ended the script."""

    kind: str
    message: str
    site: int
    traceback: str
    step: int
    locals: dict[str, str] = {}
    """A few facts at the raising frame, for example the number of classes."""


class NonFinite(msgspec.Struct, frozen=True):
    """The first value that was not finite."""

    step: int
    where: str
    """input, target, output, loss, gradient or weight"""
    name: str
    """Module, parameter or loss that carries it."""
    site: int = -1
    inputs_finite: bool = True


class Features(msgspec.Struct, frozen=True):
    """Statistics of what reaches the first weight layer, by feature (last dimension, or channel)."""

    source: str
    layer: str
    """Class of that layer, for example Linear, Conv2d, BatchNorm1d, Embedding."""
    batches: int
    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    integer: bool = False
    distinct: int | None = None
    """Number of distinct values over the first batch, counted up to 16."""
    site: int = -1
    """Where the model was called."""
    function: str = ""
    """Name of the torch function, where the layer is no module."""
    function_site: int = -1
    operand: int = 0
    input_is_data: bool = True
    """Whether the values come from the data and not from an earlier layer."""
    next_layer: str = ""
    """Class of the module that reads the layer's output."""
    varies: bool = True
    """Whether any two samples (along the first dimension, of all batches) differ."""
    sampled: tuple[int, ...] = ()
    """Features that have a histogram, as positions in ``mean``."""
    histograms: tuple[tuple[int, ...], ...] = ()
    """Of each of them, how many of the values that were kept lie in equal bins from its minimum to its maximum."""


class TaskFacts(msgspec.Struct, frozen=True):
    """What the model is trained to predict, from its outputs and the targets they meet."""

    kind: str
    """class, binary, real or unknown"""
    loss_name: str
    loss_site: int
    classes: int = 0
    trivial_loss: float | None = None
    """Loss of the best constant predictor (entropy of the labels, or variance of the targets)."""
    target_std: float | None = None


class HeldOut(msgspec.Struct, frozen=True):
    """Evaluation passes of one call site: what the model scores on data it is not being trained on."""

    site: int
    steps: tuple[int, ...]
    loss: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    samples: int
    training_mode: bool = False
    mode_flags_matter: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a run that is not a column of numbers."""

    format: int = FORMAT_VERSION
    kind: str = "script"
    path: str | None = None
    argv: tuple[str, ...] = ()
    ended: str = "finished"
    exit_code: int | None = None
    seconds: float = 0.0
    """Wall time from the first training step to the end."""
    own_seconds: float = 0.0
    """Time of ``seconds`` spent in recording."""
    steps: int = 0
    forwards: int = 0
    backwards: int = 0
    losses: int = 0
    """Loss-function calls with gradients on."""
    zero_grads: int = 0
    evaluations: int = 0
    manual_steps: int = 0
    unmoved_backwards: int = 0
    """Backward calls in a row, without any optimizer, that found the very same leaves with the very same values."""
    grad_calls: int = 0
    """Calls of ``torch.autograd.grad``."""
    weights_moved: bool = False
    loss_sites: tuple[int, ...] = ()
    device: str = "cpu"
    model: str = ""
    model_parameters: int = 0
    roots: int = 0
    """Distinct top-level modules that were called with gradients on."""
    versions: dict[str, str] = {}
    sites: tuple[Site, ...] = ()
    optimizers: tuple[OptimizerFacts, ...] = ()
    schedulers: tuple[SchedulerFacts, ...] = ()
    parameters: tuple[str, ...] = ()
    module_sites: dict[str, int] = {}
    module_kinds: dict[str, str] = {}
    trace: tuple[Operation, ...] = ()
    trace_step: int = -1
    trace_complete: bool = False
    leaves: tuple[Leaf, ...] = ()
    features: Features | None = None
    task: TaskFacts | None = None
    held_out: tuple[HeldOut, ...] = ()
    nonfinite: NonFinite | None = None
    crash: Crash | None = None
    eval_mode_steps: int = 0
    mode_layers: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()
    """Interventions of this run that found nothing to act on."""
    notes: tuple[str, ...] = ()
    command: str | None = None
    loss_operation: int = -1
    """Index in ``trace`` of the operation that made what ``backward`` was called on."""
    detached_at: int = -1
    """The first place in any traced step where something that depends on the model is detached; -1: none."""
    structure: Structure | None = None
    signals: Signals = Signals()
    distributed: Distributed | None = None
    kept_seconds: float = 0.0
    """Time of ``seconds`` that loading batches took which replays read from files instead."""


@dataclass(frozen=True)
class Recording:
    """What one run left.

    Attributes:
        facts: everything that is not a column.
        columns: by optimizer step, each of shape ``(steps,)``: ``loss``, ``task_loss``,
            ``accuracy``, ``grad_norm``, ``weight_norm``, ``update_ratio``, ``lr``, ``momentum``,
            ``weight_decay``, ``decay_ratio``, ``stale``, ``empty_grads``, ``backwards``,
            ``optimizer``, ``seconds``, ``held_out_loss``, ``held_out_error``.  NaN where a value was not measured.
        tables: by sampled step and parameter, each of shape ``(sampled, parameters)``:
            ``grad_norm``, ``update_ratio``; ``sampled_steps`` of shape ``(sampled,)``.
        events: ``int64`` of shape ``(events, 3)``: step, number of the kind in :data:`EVENTS`, site.
    """

    facts: Facts
    columns: Mapping[str, Array] = field(default_factory=dict)
    tables: Mapping[str, Array] = field(default_factory=dict)
    events: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int64))

    @property
    def steps(self) -> int:
        return self.facts.steps

    def column(self, name: str) -> Array:
        """The column ``name`` of shape ``(steps,)``, empty where it was not recorded."""
        found = self.columns.get(name)
        return found if found is not None else np.zeros(0)

    def held_out_metric(self) -> str:
        """The column that says how held-out data fare: their loss, or where only hits are counted their error."""
        only_hits = "held_out_loss" not in self.columns and "held_out_error" in self.columns
        return "held_out_error" if only_hits else "held_out_loss"

    def restores(self) -> bool:
        """Whether weights are loaded back once training is over: what was overfitted since then does no harm."""
        structure = self.facts.structure
        return structure is not None and any(load.step >= self.steps > 0 for load in structure.loads)

    def site(self, index: int) -> Site | None:
        """The site of that number, or None."""
        return self.facts.sites[index] if 0 <= index < len(self.facts.sites) else None

    def location(self, index: int) -> Location | None:
        site = self.site(index)
        return site.location() if site is not None else None

    def event_sites(self, kind: str) -> list[int]:
        """Sites of the events of ``kind``, the most frequent first."""
        number = EVENTS.index(kind)
        chosen = self.events[self.events[:, 1] == number, 2]
        values, counts = np.unique(chosen[chosen >= 0], return_counts=True)
        return [int(values[i]) for i in np.argsort(-counts, kind="stable")]

    def to_bytes(self) -> bytes:
        """The recording as the archive that :func:`load` reads."""
        buffer = io.BytesIO()
        facts = msgspec.to_builtins(self.facts, enc_hook=_plain)
        arrays: dict[str, npt.NDArray[np.generic]] = {
            # json, not msgspec: a loss or a metric may be NaN, which msgspec would write as null and not read again.
            "facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
            "events": self.events,
        }
        arrays.update({f"column.{name}": values for name, values in self.columns.items()})
        arrays.update({f"table.{name}": values for name, values in self.tables.items()})
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy types **kwds as bool
        return buffer.getvalue()

    def save(self, path: Path) -> None:
        """Write the recording, whole or not at all."""
        data = self.to_bytes()
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _plain(value: Any) -> float | str:
    """A value of a user's or torch's own kind (a symbolic size, a scalar of numpy) as one that JSON has."""
    try:
        return int(value) if isinstance(value, SupportsIndex) else float(value)
    except Exception:  # anything at all may be raised by a class of the user's
        return type(value).__name__


MAX_UNPACKED_BYTES = 1 << 30
"""A file that unpacks to more than this is refused: a recording stays far below 100 MB."""


SHOWN = 200
"""Characters of a library's message that are shown: it may quote the damaged file."""


def load(path: Path) -> Recording:
    """Read a saved recording.

    Raises:
        UsageError: the file cannot be read or is no recording of this format.
    """
    try:
        with path.open("rb") as file:
            return _load(file)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or str(error)[:SHOWN]}") from error
    except Exception as error:  # what zipfile, zlib, numpy and msgspec raise shares no base class
        raise UsageError(f"{path} is not a recording of sgd-doctor: {str(error)[:SHOWN]}") from error


def from_bytes(data: bytes) -> Recording:
    """The recording that :meth:`Recording.to_bytes` made."""
    return _load(io.BytesIO(data))


def _load(file: BinaryIO) -> Recording:
    with zipfile.ZipFile(file) as archive:
        if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise ValueError("it is too large")
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        facts = msgspec.convert(json.loads(archive["facts"].tobytes()), type=Facts)
        if facts.format != FORMAT_VERSION:
            raise ValueError(f"format {facts.format}, this sgd-doctor reads format {FORMAT_VERSION}")
        columns = _members(archive, "column.", 1)
        tables = {k: v for k, v in _members(archive, "table.", None).items() if v.ndim in (1, 2)}
        events = np.asarray(archive["events"], dtype=np.int64)
    if events.ndim != 2 or events.shape[1] != 3:
        raise ValueError("events have the wrong shape")
    if events.size and not (events[:, 1].min() >= 0 and events[:, 1].max() < len(EVENTS)):
        raise ValueError("events of an unknown kind")
    if facts.steps < 0 or any(len(values) != facts.steps for values in columns.values()):
        raise ValueError("columns and steps differ")
    sampled = tables.get("sampled_steps", np.zeros(0))
    if sampled.ndim != 1 or not np.isfinite(sampled).all():
        raise ValueError("sampled steps are no numbers")
    if any(v.ndim == 2 and len(v) != len(sampled) for v in tables.values()):
        raise ValueError("tables and sampled steps differ")
    return Recording(facts=facts, columns=columns, tables=tables, events=events)


def _members(archive: Mapping[str, npt.NDArray[np.generic]], prefix: str, ndim: int | None) -> dict[str, Array]:
    found = {}
    for name in archive:
        if name.startswith(prefix):
            stored = archive[name]
            if stored.dtype.kind not in "fiub":
                raise ValueError(f"{name} holds no numbers")
            values = np.asarray(stored, dtype=np.float64)
            if ndim is not None and values.ndim != ndim:
                raise ValueError(f"{name} has the wrong shape")
            found[name.removeprefix(prefix)] = values
    return found
