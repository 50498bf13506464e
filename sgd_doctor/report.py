"""The Report: the one object that every face reads (terminal, HTML, PNG, JSON, SARIF, notebook)."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec

from sgd_doctor.errors import UsageError
from sgd_doctor.findings import Finding, Location, Severity
from sgd_doctor.version import __version__

SCHEMA_VERSION = 1
Series = tuple[float | None, ...]
"""One value per recorded point; ``None`` where the value was not finite or not measured."""


class Tool(msgspec.Struct, frozen=True):
    """Who wrote the report."""

    name: str = "sgd-doctor"
    version: str = __version__


class TargetInfo(msgspec.Struct, frozen=True):
    """What was diagnosed.  ``kind``: script, module, notebook, callable, parts, watch, recording."""

    kind: str
    path: str | None = None
    argv: tuple[str, ...] = ()


class ProbeInfo(msgspec.Struct, frozen=True):
    """One short run.  ``intervention`` is ``"none"`` for a control run; ``loss`` has at most 200 points
    and goes with ``loss_steps`` (the step of each point)."""

    intervention: str
    steps: int
    metric: float | None
    loss: Series = ()
    loss_steps: tuple[int, ...] = ()


class RunInfo(msgspec.Struct, frozen=True):
    """Facts of the observed run.  ``overhead``: run time with recording / without, estimated."""

    steps: int
    seconds: float
    probes: tuple[ProbeInfo, ...] = ()
    ended: str = "finished"
    """step-limit, finished, time-limit, crashed, killed or interrupted"""
    device: str = "cpu"
    overhead: float | None = None
    versions: dict[str, str] = {}
    command: str | None = None
    """The command that repeats this diagnosis."""
    replay: str = "none"
    """How probes ran: fork, process, snapshot or none (the reason, where it is not fork, in ``Report.notes``)."""


class Curves(msgspec.Struct, frozen=True):
    """Columns of the observed run, thinned to at most 1000 points; ``step`` holds their steps."""

    loss: Series = ()
    grad_norm: Series = ()
    lr: Series = ()
    step: tuple[int, ...] = ()
    momentum: Series = ()
    """Of the first parameter group, as lr; the first beta for Adam and its kin."""
    weight_decay: Series = ()


class LayerCurve(msgspec.Struct, frozen=True):
    """One parameter tensor over the sampled steps (the user's name for it)."""

    name: str
    steps: tuple[int, ...]
    grad_norm: Series
    update_ratio: Series


class Histogram(msgspec.Struct, frozen=True):
    """How often values lay in equal bins from ``low`` to ``high``."""

    low: float
    high: float
    counts: tuple[int, ...]
    feature: int = 0
    """Number of the feature, where there are several."""


class FeatureScales(msgspec.Struct, frozen=True):
    """Statistics of each feature (column or channel) that reaches the first weight layer."""

    source: str
    """Where they were measured, for example ``input of net.0 (Linear)``."""
    mean: Series
    std: Series
    minimum: Series
    maximum: Series
    every: int = 1
    """The fields above list every n-th feature, from the first on."""
    histograms: tuple[Histogram, ...] = ()
    """Of some features, evenly chosen."""


class ActivationCurve(msgspec.Struct, frozen=True):
    """One place where an activation function is applied, over the steps that were looked at.  Shares from 0 to 1."""

    name: str
    """The module's name, or the function and its line."""
    function: str
    steps: tuple[int, ...]
    dead: Series
    """Share of units that were 0 for every sample of the batch."""
    saturated: Series
    """Share of values within 1 % of a bound of a sigmoid or tanh."""


class TargetScales(msgspec.Struct, frozen=True):
    """The targets that the loss was given, over the batches that were looked at."""

    kind: str
    """class, binary, real or unknown"""
    counts: dict[str, int] = {}
    """How often each label occurred, for classes."""
    mean: float | None = None
    std: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    histogram: Histogram | None = None
    """Of targets that are no classes."""


class TimelineEntry(msgspec.Struct, frozen=True):
    """One event of a typical step: data, forward, loss, backward, zero_grad, clip, step, scheduler."""

    event: str
    location: Location | None


class RuledOut(msgspec.Struct, frozen=True):
    """A suspected cause that did not survive, and what showed it."""

    check: str
    reason: str


class SuggestedLr(msgspec.Struct, frozen=True, kw_only=True):
    """The learning rate that trained best in short reruns (asked for by ``--suggest lr``).

    ``low`` to ``high`` trained about as well; ``written`` is the script's own (the largest of the run).  ``value`` is
    the mean of ``metric`` over the last quarter of ``steps`` steps at ``lr``; ``probe_steps`` is what the search cost.
    """

    lr: float
    low: float
    high: float
    written: float
    metric: str
    value: float
    steps: int
    probe_steps: int
    together_with: tuple[str, ...] = ()
    """Confirmed changes that were on while it was looked for."""
    learned: bool = True
    """Whether the run at ``lr`` is clearly better than a constant answer."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a diagnosis: verdict and findings, the cause to fix first standing first."""

    schema_version: int = SCHEMA_VERSION
    tool: Tool = Tool()
    target: TargetInfo
    verdict: str
    """healthy, unhealthy or inconclusive"""
    summary: str = ""
    """One or two sentences: the verdict in words."""
    findings: tuple[Finding, ...] = ()
    run: RunInfo
    curves: Curves = Curves()
    ruled_out: tuple[RuledOut, ...] = ()
    not_checked: tuple[RuledOut, ...] = ()
    """Checks that could not look (missing data, budget), and why."""
    passed: tuple[str, ...] = ()
    """Checks that looked and found nothing."""
    notes: tuple[str, ...] = ()
    layers: tuple[LayerCurve, ...] = ()
    features: FeatureScales | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    activations: tuple[ActivationCurve, ...] = ()
    targets: TargetScales | None = None
    suggested_lr: SuggestedLr | None = None

    @property
    def healthy(self) -> bool:
        """True unless an error or a warning was found, or nothing could be said."""
        return self.verdict == "healthy"

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Errors and warnings only."""
        return tuple(f for f in self.findings if f.severity is not Severity.ADVICE)

    def to_json(self, *, indent: int = 2) -> str:
        """The report as JSON text, as described by ``report.schema.json``."""
        try:
            data = msgspec.json.encode(self)
        except UnicodeEncodeError:  # half a character, for example of a file name that is no text
            data = msgspec.json.encode(_whole_characters(msgspec.to_builtins(self)))
        return msgspec.json.format(data, indent=indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes, *, name: str = "report") -> Report:
        """Read a saved report.

        Raises:
            UsageError: ``text`` is not a report of this schema version.
        """
        try:
            report = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{name} is not a report of sgd-doctor: {error}") from error
        if report.schema_version != SCHEMA_VERSION:
            raise UsageError(
                f"{name} has schema version {report.schema_version}; this sgd-doctor reads version {SCHEMA_VERSION}"
            )
        return report

    def save(self, path: str | Path) -> None:
        """Write the report; the suffix (.json, .html, .png, .sarif) chooses the form."""
        from sgd_doctor.render import write_report

        write_report(self, Path(path))

    def __str__(self) -> str:
        from sgd_doctor.render.terminal import plain_text

        return plain_text(self)

    def __repr__(self) -> str:
        return f"<Report {self.verdict}: {self.summary}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The text, in an interactive session of IPython."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from sgd_doctor.render.notebook import fragment

        return fragment(self)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of :class:`Report`."""
    schema = msgspec.json.schema(Report)
    # The version of the writer is no part of the format.
    schema["$defs"]["Report"]["properties"]["tool"].pop("default", None)
    schema["$defs"]["Tool"]["properties"]["version"].pop("default", None)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "sgd-doctor report"
    for definition in schema["$defs"].values():
        if "description" in definition:  # a docstring; Python 3.13 takes its indentation away, others do not
            definition["description"] = inspect.cleandoc(definition["description"])
    return schema


def _whole_characters(value: Any) -> Any:
    """A JSON value with a question mark for each half of a character."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return [_whole_characters(item) for item in value] if isinstance(value, (list, tuple)) else value
