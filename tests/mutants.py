"""Damaged recordings, reports and notebooks: each is refused in one line, or read and rendered."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

from sgd_doctor.errors import UsageError
from sgd_doctor.options import Options
from sgd_doctor.render import FORMATS, render
from sgd_doctor.report import Report
from sgd_doctor.run.notebook import cells_of
from tests.helpers import HEALTHY
from tests.report_examples import ALL
from tests.test_recording import members, recording

SPLICES = (b"\0", b"\xff\xff\xff\xff", b"PK\x03\x04", b"{", b"]", b"null", b"-1", b"1e999", b'"', b"\\ud800", b"NaN")
ODD: tuple[Any, ...] = (None, True, -1, 2**63, 1e308, float("nan"), "", "\x1b[2J</script>", [], {}, [[]], {"a": 1})


def changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, cut, doubled, moved, or replaced by what parsers stumble over."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at, length = chance.randrange(max(1, len(found))), chance.choice((1, 2, 8, 64, 512))
        kind = chance.randrange(5)
        if kind == 0:
            found[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del found[at : at + length]
        elif kind == 2:
            found[at:at] = found[at : at + length]
        elif kind == 3:
            found[at : at + length] = chance.choice(SPLICES)
        else:
            found[at : at + length] = chance.randbytes(length)
    return bytes(found)


def changed_values(value: Any, chance: random.Random) -> Any:
    """A JSON value in which a few parts are of another kind, gone, or doubled."""
    for _ in range(chance.randint(1, 4)):
        here = value
        while isinstance(here, (dict, list)) and here:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = chance.choice(keys)
            if not isinstance(here[key], (dict, list)) or chance.random() < 0.25:
                here[key] = deepcopy(chance.choice(ODD))
                break
            here = here[key]
    return value


@cache
def _recording() -> bytes:
    return members()


@cache
def _facts() -> str:
    return json.dumps(msgspec.to_builtins(recording().facts))


@cache
def _report() -> str:
    return ALL["hostile"]().to_json()


@cache
def _notebook() -> str:
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": [HEALTHY, "!ls\n"]}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell, cell]})


def _read_recording(data: bytes) -> None:
    """Through a file, as the command reads it."""
    from sgd_doctor.session import diagnose_recording

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        path.write_bytes(data)
        report = diagnose_recording(path, Options()).report
        assert [p.name for p in Path(folder).iterdir()] == ["run.npz"], "something was executed"
    _shown(report, ("text", "json"))


def _read_report(data: bytes) -> None:
    _shown(Report.from_json(data, name="report.json"), FORMATS)


def _shown(report: Report, forms: Iterable[str]) -> None:
    again = Report.from_json(report.to_json())
    assert Report.from_json(again.to_json()) == again
    for form in forms:
        if form != "png":  # a second each; drawn from the same values as the page's figures
            text = render(report, form)
            assert isinstance(text, str)
            assert "\x1b[2J" not in text
            assert form != "html" or "<script>alert" not in text


def _read_notebook(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.ipynb"
        path.write_bytes(data)
        for cell in cells_of(str(path)):
            assert cell.source.count("\n") == cell.text.count("\n")


def _changed_facts(chance: random.Random) -> bytes:
    facts = changed_values(json.loads(_facts()), chance)
    return members(facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8))


KINDS: dict[str, tuple[Callable[[random.Random], bytes], Callable[[bytes], None]]] = {
    "recording, bytes": (lambda r: changed_bytes(_recording(), r), _read_recording),
    "recording, facts": (_changed_facts, _read_recording),
    "report, bytes": (lambda r: changed_bytes(_report().encode(), r), _read_report),
    "report, values": (lambda r: json.dumps(changed_values(json.loads(_report()), r)).encode(), _read_report),
    "notebook, bytes": (lambda r: changed_bytes(_notebook().encode(), r), _read_notebook),
    "notebook, values": (lambda r: json.dumps(changed_values(json.loads(_notebook()), r)).encode(), _read_notebook),
}


def tried(kind: str, chance: random.Random) -> list[str]:
    """What is wrong with how one damaged file is met."""
    make, read = KINDS[kind]
    data = make(chance)
    try:
        read(data)
    except (UsageError, zipfile.BadZipFile) as error:
        text = str(error)
        return [] if isinstance(error, UsageError) and len(text) < 600 else [f"no clear line: {text[:100]}"]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"[:300]]
    return []
