"""Files are written whole or not at all, and every form can be asked for by its suffix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import report_examples

from sgd_doctor import render
from sgd_doctor.errors import UsageError
from sgd_doctor.report import Report


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
@pytest.mark.parametrize("fmt", render.FORMATS)
def test_every_form_of_every_report_can_be_rendered_twice_alike(name: str, fmt: str) -> None:
    report = report_examples.ALL[name]()
    first, second = render.render(report, fmt), render.render(report, fmt)
    assert first == second
    assert isinstance(first, bytes) == (fmt == "png")
    if isinstance(first, str):
        first.encode()  # no lone surrogate is left


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".html", b"<!DOCTYPE html>"),
        (".HTM", b"<!DOCTYPE html>"),
        (".png", b"\x89PNG"),
        (".json", b"{"),
        (".sarif", b"{"),
        (".txt", "✗ unhealthy".encode()),
    ],
)
def test_the_suffix_chooses_the_form(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"report{suffix}"
    render.write_report(report_examples.unhealthy(), path)
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_a_named_format_wins_over_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    render.write_report(report_examples.healthy(), path, "json")
    assert json.loads(path.read_text())["verdict"] == "healthy"


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"report\.pdf.*\.txt \.json \.html \.htm \.png \.sarif"):
        render.write_report(report_examples.healthy(), tmp_path / "report.pdf")
    assert not os.listdir(tmp_path)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'pdf'.*text, json, html, png, sarif, github"):
        render.render(report_examples.healthy(), "pdf")


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.json"
    with pytest.raises(UsageError, match=r"cannot write .*report\.json: No such file") as caught:
        render.write_report(report_examples.healthy(), path)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(UsageError, match="directory"):
        render.write_report(report_examples.healthy(), tmp_path / "report.json")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UsageError, match="No space left"):
        render.write_report(report_examples.healthy(), path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_link_is_written_through_and_permissions_stay(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "report.json"
    link.symlink_to(target)
    render.write_report(report_examples.healthy(), link)
    assert link.is_symlink()
    assert json.loads(target.read_text())["verdict"] == "healthy"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to_and_not_replaced() -> None:
    render.write_report(report_examples.healthy(), Path("/dev/null"), "json")
    assert Path("/dev/null").is_char_device()


def test_report_save_uses_the_same_faces(tmp_path: Path) -> None:
    report_examples.healthy().save(tmp_path / "report.json")
    assert Report.from_json((tmp_path / "report.json").read_text()) == report_examples.healthy()


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import sgd_doctor.render", "matplotlib jinja2 rich torch"),
        ("import sgd_doctor.render.terminal", "matplotlib jinja2 torch"),
        ("import sgd_doctor.render.json, sgd_doctor.render.sarif", "matplotlib jinja2 rich torch"),
        ("import sgd_doctor.render.html, sgd_doctor.render.notebook", "torch matplotlib.pyplot"),
    ],
)
def test_a_face_loads_only_what_it_needs(code: str, absent: str) -> None:
    program = f"import sys\n{code}\nprint([m for m in {absent.split()!r} if m in sys.modules])"
    root = Path(__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
