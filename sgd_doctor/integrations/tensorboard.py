"""The recording as TensorBoard events: the run as written, and one run beside it for each experiment."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgd_doctor.errors import MissingExtra, UsageError
from sgd_doctor.report import ProbeInfo, Report

if TYPE_CHECKING:
    from sgd_doctor.recording import Recording

AS_WRITTEN = "as-written"
HIDDEN = ("optimizer", "seconds")
"""Columns that say nothing over the steps."""
Point = tuple[str, int, float]
"""Tag, optimizer step and value."""


def require_tensorboard() -> None:
    """Raise MissingExtra where TensorBoard is not installed."""
    from importlib.util import find_spec

    if find_spec("tensorboard") is None:
        raise MissingExtra("tensorboard", "tensorboard", "--tensorboard")


def write_events(folder: Path, report: Report, recording: Recording | None) -> None:
    """Write the events below ``folder``, one sub-folder for each run.

    Scalars of the run as written are all recorded columns (``loss``, ``grad_norm``, ``lr``, ...), and gradient norm and
    relative update of each parameter; of an experiment its loss.  The report itself stands under "Text".

    Raises:
        MissingExtra: TensorBoard is not installed.
        UsageError: the folder cannot be written.
    """
    require_tensorboard()
    try:
        _write(folder / AS_WRITTEN, columns(report, recording), str(report))
        for number, probe in enumerate((p for p in report.run.probes if p.loss), start=1):
            _write(folder / _folder_name(number, probe), probe_points(probe))
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error


def columns(report: Report, recording: Recording | None) -> Iterator[Point]:
    """The finite values of the run as written: whole from a recording, thinned from a report."""
    curves = report.curves
    if recording is None:
        for name, series in (("loss", curves.loss), ("grad_norm", curves.grad_norm), ("lr", curves.lr)):
            yield from _points(name, curves.step, series)
    else:
        for name, values in recording.columns.items():
            if name not in HIDDEN:
                yield from _points(name, range(len(values)), values.tolist())
    for layer in report.layers:
        yield from _points(f"layers/grad_norm/{layer.name}", layer.steps, layer.grad_norm)
        yield from _points(f"layers/update_ratio/{layer.name}", layer.steps, layer.update_ratio)


def probe_points(probe: ProbeInfo) -> Iterator[Point]:
    """The loss of one experiment."""
    return _points("loss", probe.loss_steps, probe.loss)


def _points(tag: str, steps: Any, values: Any) -> Iterator[Point]:
    for step, value in zip(steps, values, strict=False):
        if value is not None and math.isfinite(value):
            yield tag, int(step), float(value)


def _folder_name(number: int, probe: ProbeInfo) -> str:
    name = re.sub(r"[^\w.=+-]+", "-", probe.intervention.replace("→", "to"), flags=re.ASCII).strip("-")
    return f"{number:02}-{'as-written-again' if name == 'none' else name[:60] or 'changed'}"


def _write(folder: Path, points: Iterator[Point], text: str = "") -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("events.out.tfevents.*.sgd-doctor"):
        old.unlink()  # an earlier diagnosis would be drawn over this one
    writer, now = EventFileWriter(str(folder), filename_suffix=".sgd-doctor"), time.time()
    try:
        for tag, step, value in points:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(wall_time=now, step=step, summary=summary))
        if text:
            writer.add_event(Event(wall_time=now, step=0, summary=Summary(value=[_text("report", text)])))
    finally:
        writer.close()


def _text(tag: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    markdown = "\n".join(f"    {line}" for line in text.split("\n"))  # a code block
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    return Summary.Value(
        tag=f"{tag}/text_summary",
        metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")),
        tensor=TensorProto(dtype=DT_STRING, string_val=[markdown.encode(errors="replace")], tensor_shape=shape),
    )
