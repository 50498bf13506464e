"""Saved recordings: what comes back, and that a damaged or hostile file does nothing but give one line."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgd_doctor.cli import main
from sgd_doctor.errors import UsageError
from sgd_doctor.options import Options
from sgd_doctor.recording import FORMAT_VERSION, Crash, Facts, OptimizerFacts, Recording, Site, load
from sgd_doctor.report import Report
from sgd_doctor.session import diagnose_recording

STEPS = 7


def recording() -> Recording:
    """A small recording with something of everything."""
    facts = Facts(
        path="/home/someone/train.py",
        argv=("--lr", "ä"),
        steps=STEPS,
        sites=(Site("/home/someone/train.py", 3, "main", "loss.backward()  # ∂"),),
        optimizers=(OptimizerFacts("SGD", 0, 0, 10, ({"lr": 0.1, "nesterov": False, "momentum": None},)),),
        parameters=("weight", "bias"),
        crash=Crash("ValueError", "\x1b[31m<b>", 0, "Traceback", 3),
        versions={"torch": "2.13"},
    )
    loss = np.linspace(1.0, 0.0, STEPS)
    loss[2], loss[4] = np.nan, np.inf
    return Recording(
        facts=facts,
        columns={"loss": loss, "lr": np.full(STEPS, 0.1)},
        tables={"grad_norm": np.ones((2, 2)), "update_ratio": np.ones((2, 2)), "sampled_steps": np.array([0.0, 5.0])},
        events=np.array([[0, 1, 0], [0, 3, -1]], dtype=np.int64),
    )


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("recordings") / "run.npz"
    recording().save(path)
    return path.read_bytes()


def same(one: Recording, other: Recording) -> bool:
    return (
        one.facts == other.facts
        and one.columns.keys() == other.columns.keys()
        and one.tables.keys() == other.tables.keys()
        and all(np.array_equal(one.columns[k], other.columns[k], equal_nan=True) for k in one.columns)
        and all(np.array_equal(one.tables[k], other.tables[k], equal_nan=True) for k in one.tables)
        and np.array_equal(one.events, other.events)
    )


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    recording().save(path)
    assert same(load(path), recording())
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_empty_recording_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    Recording(facts=Facts()).save(path)
    assert same(load(path), Recording(facts=Facts()))


def test_saving_again_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    path.write_bytes(b"older")
    recording().save(path)
    assert same(load(path), recording())


def members(**changed: object) -> bytes:
    """A recording's archive with some members replaced; None leaves one out."""
    arrays: dict[str, object] = {
        "facts": facts_of(),
        "events": recording().events,
        "column.loss": np.zeros(STEPS),
        "table.sampled_steps": np.zeros(2),
    }
    arrays.update(changed)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
    return buffer.getvalue()


def facts_of(**changed: object) -> np.ndarray:
    """The facts member with other values in it."""
    values = msgspec.to_builtins(recording().facts)
    values.update(changed)
    return np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)


def archive(name: str, data: bytes, *, claimed: int | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    content = buffer.getvalue()
    if claimed is None:
        return content
    # The size in the central directory is what a reader is told before it unpacks anything.
    at = content.index(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", claimed) + content[at + 28 :]


class Hostile:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return open, ("unpickled", "w")


def pickled() -> bytes:
    return pickle.dumps(Hostile())


def header(text: str) -> bytes:
    """A .npy member with this header and no data."""
    data = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "words": b"this is no archive",
    "a pickle": pickled(),
    "a bare array": header("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }"),
    "an empty archive": archive("x", b"")[:0] + b"PK\x05\x06" + bytes(18),
    "only a header": b"PK\x03\x04" + bytes(26),
    "no facts": members(facts=None),
    "no events": members(events=None),
    "facts that are no JSON": members(facts=np.frombuffer(b"{", dtype=np.uint8)),
    "facts of another kind": members(facts=np.frombuffer(b"[1, 2]", dtype=np.uint8)),
    "facts as floats": members(facts=np.zeros(3)),
    "another format": members(facts=facts_of(format=FORMAT_VERSION + 1)),
    "sites as text": members(facts=facts_of(sites="all")),
    "negative steps": members(facts=facts_of(steps=-1)),
    "more steps than columns": members(facts=facts_of(steps=STEPS + 1)),
    "a column that is a table": members(**{"column.loss": np.zeros((STEPS, 2))}),
    "a column of text": members(**{"column.loss": np.array(["x"] * STEPS)}),
    "a column of objects": members(**{"column.loss": np.array([Hostile()] * STEPS, dtype=object)}),
    "objects as events": members(events=np.array([Hostile()], dtype=object)),
    "objects as facts": members(facts=np.array([Hostile()], dtype=object)),
    "events of another shape": members(events=np.zeros((3, 2), dtype=np.int64)),
    "events that name no kind": members(events=np.array([[0, 99, 0]])),
    "events before the first kind": members(events=np.array([[0, -7, 0]])),
    "a pickle as member": archive("facts.npy", pickled()),
    "a header that is code": archive("facts.npy", header("__import__('os').system('touch ran')")),
    "a header that asks for too much": archive(
        "facts.npy", header("{'descr': '|u1', 'fortran_order': False, 'shape': (1 << 60,), }")
    ),
    "a huge shape": archive(
        "facts.npy", header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({1 << 50},), }}")
    ),
    "a bomb": archive("facts.npy", bytes(1 << 20), claimed=0xFFFFFFF0),
    "a member outside": archive("../outside.npy", b""),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_file_is_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.npz").write_bytes(DAMAGED[case])
    assert main(["diagnose", "run.npz"]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("sgd-doctor: ")
    assert "run.npz" in said.err
    assert said.err.count("\n") == 1
    assert len(said.err) < 500
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"], "something of the file was executed"


def test_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "none.npz")


def test_truncated_at_any_length(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    for length in range(0, len(content), max(1, len(content) // 100)):
        path.write_bytes(content[:length])
        with pytest.raises(UsageError):
            load(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    )
)
def test_changed_bytes_give_a_recording_or_one_line(
    content: bytes, tmp_path: Path, changes: list[tuple[float, bytes]]
) -> None:
    data = bytearray(content)
    for place, values in changes:
        at = int(place * len(data))
        data[at : at + len(values)] = values
    path = tmp_path / "run.npz"
    path.write_bytes(bytes(data))
    said = ""
    try:
        found = load(path)
        assert all(len(c) == found.steps for c in found.columns.values())
    except UsageError as error:
        said = str(error)
    assert not said or ("run.npz" in said and len(said) < 500)


def test_report_loader_refuses_what_is_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    other_version = b'{"schema_version": 99, "target": {"kind": "x"}}'
    texts = [b"", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, other_version, b'"x"']
    for text in texts:
        (tmp_path / "report.json").write_bytes(text)
        assert main(["diagnose", "report.json"]) == 2, text[:50]
        said = capfd.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["report.json"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(-2, 5), max_size=4),
)


def places(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Paths to everything within a JSON value."""
    inner: list[tuple[object, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [at, *(p for key, item in inner for p in places(item, (*at, key)))]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_facts_are_refused_or_diagnosed(tmp_path: Path, data: st.DataObject) -> None:
    values = msgspec.to_builtins(recording().facts)
    for _ in range(data.draw(st.integers(1, 3))):
        *outer, last = data.draw(st.sampled_from([p for p in places(values) if p]))
        target = values
        for key in outer:
            target = target[key]
        target[last] = data.draw(VALUES)
    path = tmp_path / "run.npz"
    path.write_bytes(members(facts=np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)))
    try:
        report = diagnose_recording(path, Options()).report
    except UsageError:
        return
    assert Report.from_json(report.to_json()) == report
    assert str(report)
