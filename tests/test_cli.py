"""The command line on scripts that run: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sgd_doctor.check import FAMILIES
from sgd_doctor.cli import main
from sgd_doctor.loader import load_checks
from sgd_doctor.report import json_schema
from tests.helpers import (
    FAULTY,
    HEALTHY,
    QUICK,
    ROOT,
    doctor,
    python,
    report_of,
    same_tree,
    start_doctor,
    tree,
    write,
)

REPORT_FILES = {"sgd-doctor-report.html", "sgd-doctor-report.png"}
LR_TOO_HIGH = HEALTHY.replace("lr=0.1", "lr=5.0")


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


# -- what is printed and written


def test_default_prints_the_report_and_writes_html_and_png(tmp_path: Path) -> None:
    write(tmp_path / "train.py", HEALTHY)
    result = doctor("diagnose", *QUICK, "train.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "healthy" in result.stdout
    assert "error" not in result.stdout.lower()
    assert names(tmp_path) == {"train.py", *REPORT_FILES}
    assert (tmp_path / "sgd-doctor-report.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "sgd-doctor-report.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_json_on_standard_output_is_nothing_but_json(tmp_path: Path) -> None:
    write(tmp_path / "train.py", "    print('{ the script talks')\n" + FAULTY.lstrip("\n"))
    result = doctor("diagnose", *QUICK, "--format", "json", "train.py", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    report = report_of(result)
    jsonschema.validate(report, json_schema())
    assert report["findings"][0]["check"] == "missing-backward"
    assert "the script talks" in result.stderr
    assert names(tmp_path) == {"train.py"}


def test_all_forms_at_once_each_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.py", "    print('begin')\n" + FAULTY.lstrip("\n"))
    monkeypatch.chdir(tmp_path)
    outputs = ["r.json", "r.html", "r.png", "r.sarif", "r.txt"]
    options = [part for name in outputs for part in ("-o", name)]
    options += ["--save-recording", "r.npz", "--script-output", "said.txt"]
    assert main(["diagnose", *QUICK, *options, "--exit-zero", "train.py"]) == 0
    assert names(tmp_path) == {"train.py", "r.npz", "said.txt", *outputs}
    assert json.loads((tmp_path / "r.sarif").read_text())["version"] == "2.1.0"
    assert "missing-backward" in (tmp_path / "r.txt").read_text()
    assert (tmp_path / "said.txt").read_text() == "begin\n"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report and the recording of a script that is not there any more."""
    folder = tmp_path_factory.mktemp("saved")
    script = write(folder / "train.py", FAULTY)
    result = doctor(
        "diagnose", *QUICK, "-o", "report.json", "--save-recording", "run.npz", "--no-report", "train.py", cwd=folder
    )
    assert result.returncode == 1, result.stderr
    script.unlink()
    return folder


def test_saved_recording_is_diagnosed_later(saved: Path) -> None:
    result = doctor("diagnose", "--format", "json", saved / "run.npz", cwd=saved.parent)
    assert result.returncode == 1, result.stderr
    report = report_of(result)
    assert report["findings"][0]["check"] == "missing-backward"
    assert any("saved recording" in note for note in report["notes"])


def test_saved_report_is_rendered_again(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    report = str(saved / "report.json")
    assert main(["diagnose", "--format", "json", report]) == 1
    assert json.loads(capfd.readouterr().out) == json.loads((saved / "report.json").read_text())
    assert main(["diagnose", "--exit-zero", report]) == 0
    assert "missing-backward" in capfd.readouterr().out
    assert names(tmp_path) == REPORT_FILES


def test_disk_full_is_one_line(saved: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    monkeypatch.chdir(saved)
    assert main(["diagnose", "--format", "json", "-o", "/dev/full", "report.json"]) == 2
    assert capfd.readouterr().err == "sgd-doctor: cannot write /dev/full: No space left on device\n"


def test_pipe_that_closes_early_is_no_error(saved: Path) -> None:
    command = f"{sys.executable} -m sgd_doctor diagnose --format json report.json | true"
    result = subprocess.run(
        ["sh", "-c", command], cwd=saved, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert result.stderr == ""


def test_output_that_cannot_encode_the_report_is_no_error(saved: Path) -> None:
    result = doctor("diagnose", "report.json", "--no-report", cwd=saved, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert "Traceback" not in result.stderr
    assert result.returncode in (1, 2), result.stderr
    result = doctor("diagnose", "--no-report", "report.json", cwd=saved, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert result.returncode == 1, result.stderr
    assert "missing-backward" in result.stdout


# -- the script's own side


def test_options_after_the_script_are_the_scripts(tmp_path: Path) -> None:
    write(
        tmp_path / "show.py",
        """
        import sys
        print(sys.argv)
        """,
    )
    own = ["--lr", "0.1", "-o", "x", "-h", "--steps", "7", "--format", "json", "--", "-m", ""]
    result = doctor("diagnose", *QUICK, "--no-report", "--script-output", "said", "show.py", *own, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "said").read_text() == f"{['show.py', *own]}\n"


def test_module_with_arguments(tmp_path: Path) -> None:
    write(tmp_path / "pkg" / "__init__.py", "VALUE = 7\n")
    write(
        tmp_path / "pkg" / "train.py",
        """
        import os, sys
        from . import VALUE
        print(__name__, __package__, __spec__.name, os.path.basename(__file__), VALUE, sys.argv[1:], sys.path[0])
        """,
    )
    arguments = ["pkg.train", "--epochs", "3", "-h"]
    native = python("-m", *arguments, cwd=tmp_path)
    result = doctor("diagnose", *QUICK, "--no-report", "--script-output", "said", "-m", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "said").read_text() == native.stdout
    assert native.returncode == 0, native.stderr


@pytest.mark.long
def test_settings_file(tmp_path: Path) -> None:
    write(tmp_path / "train.py", FAULTY)
    write(
        tmp_path / "pyproject.toml",
        """
        [tool.sgd-doctor]
        no-probes = true
        steps = 5
        ignore = ["missing-backward"]
        format = ["json"]
        exit-zero = true
        """,
    )
    result = doctor("diagnose", "--ignore", "data", "train.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = report_of(result)
    assert report["findings"][0]["check"] == "missing-backward"  # the command line goes before the file
    assert names(tmp_path) == {"train.py", "pyproject.toml"}


def test_seed_is_set_before_the_script(tmp_path: Path) -> None:
    write(
        tmp_path / "draw.py",
        """
        import random, numpy, torch
        print(random.random(), numpy.random.rand(), torch.rand(1).item())
        """,
    )
    said = []
    for number in (1, 1, 2):
        options = ["--seed", str(number), "--no-report", "--script-output", "said", *QUICK]
        assert doctor("diagnose", *options, "draw.py", cwd=tmp_path).returncode == 0
        said.append((tmp_path / "said").read_text())
    assert said[0] == said[1] != said[2]


# -- the fix


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a faulty script, and the diff that a diagnosis printed for it."""
    folder = tmp_path_factory.mktemp("repaired")
    write(folder / "train.py", FAULTY)
    before = tree(folder)
    result = doctor("diagnose", "--steps", "30", "--no-report", "--diff", "--format", "github", "train.py", cwd=folder)
    assert result.returncode == 1, result.stderr
    assert same_tree(before, tree(folder)) == []
    return folder, result.stdout[result.stdout.index("--- ") :]


def test_diff_can_be_applied(repaired: tuple[Path, str], tmp_path: Path) -> None:
    _, diff = repaired
    write(tmp_path / "train.py", FAULTY)
    applied = subprocess.run(["patch", "-p1"], input=diff, cwd=tmp_path, capture_output=True, text=True)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "loss.backward()" in (tmp_path / "train.py").read_text()


def test_fix_writes_what_the_diff_shows_keeps_the_original_and_is_done_once(
    repaired: tuple[Path, str], tmp_path: Path
) -> None:
    folder, diff = repaired
    original = (folder / "train.py").read_text()
    subprocess.run(["patch", "-p1", "-o", str(tmp_path / "expected.py")], input=diff, cwd=folder, check=True, text=True)
    expected = (tmp_path / "expected.py").read_text()

    write(tmp_path / "train.py", FAULTY)
    first = doctor("diagnose", "--steps", "30", "--no-report", "--fix", "train.py", cwd=tmp_path)
    assert first.returncode == 1, first.stderr
    assert (tmp_path / "train.py").read_text() == expected
    assert (tmp_path / "train.py.orig").read_text() == original
    assert "fixed: train.py" in first.stderr

    again = doctor("diagnose", "--steps", "30", "--no-report", "--fix", "train.py", cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    assert "nothing to change" in again.stderr
    assert (tmp_path / "train.py").read_text() == expected
    assert (tmp_path / "train.py.orig").read_text() == original


@pytest.mark.long
def test_fix_under_git_keeps_no_copy(tmp_path: Path) -> None:
    write(tmp_path / "train.py", FAULTY)
    quiet = {"cwd": tmp_path, "check": True, "capture_output": True}
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q"], **quiet)  # type: ignore[call-overload]
    subprocess.run(["git", "add", "train.py"], **quiet)  # type: ignore[call-overload]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "first"], **quiet)  # type: ignore[call-overload]
    result = doctor("diagnose", "--steps", "30", "--no-report", "--fix", "train.py", cwd=tmp_path)
    assert "fixed: train.py" in result.stderr
    assert {p.name for p in tmp_path.iterdir()} == {".git", "train.py"}


# -- exit codes


def test_check_that_raises_is_named_and_costs_nothing_else(saved: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "own" / "fails.py",
        '''
        from sgd_doctor.check import Check

        class Fails(Check):
            """Raises."""

            name = "always-raises-for-this-test"
            family = "loop"
            summary = "raises"

            def suspect(self, recording):
                raise ZeroDivisionError("on purpose")
        ''',
    )
    result = doctor("diagnose", "--checks", "own", "--no-report", saved / "run.npz", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "always-raises-for-this-test" in result.stdout
    assert "missing-backward" in result.stdout


@pytest.mark.parametrize("stubborn", [False, True])
def test_interrupt_gives_the_report_so_far_and_exit_130(tmp_path: Path, stubborn: bool) -> None:
    head = "    import os, signal\n" + ("    signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if stubborn else "")
    tail = "        if step == 40: os.write(1, b'forty\\n')\n"
    body = HEALTHY.replace("range(60)", "range(10**9)").replace("optimizer.step()\n", "optimizer.step()\n" + tail)
    write(tmp_path / "train.py", head + body.lstrip("\n"))
    process = start_doctor("diagnose", "--steps", str(10**9), "--format", "json", "train.py", cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line == "forty\n":
            break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    report = json.loads(out)
    assert report["run"]["steps"] >= 40
    assert any("interrupted" in note for note in report["notes"])
    assert names(tmp_path) == {"train.py"}


# -- the parts that must answer at once


HEAVY = ("torch", "matplotlib", "numpy.testing", "rich.console", "jinja2", "libcst")


@pytest.mark.parametrize("arguments", [["--help"], ["diagnose", "--help"], ["checks"], ["explain", "lr-too-high"]])
def test_quick_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    result = python(
        "-c",
        "import sys; from sgd_doctor.cli import main; code = main(sys.argv[1:]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(code)",
        *arguments,
        cwd=tmp_path,
    )
    assert result.returncode == 0
    assert result.stderr == "[]\n"
    assert result.stdout.count("\n") > 10


def test_version() -> None:
    result = doctor("--version", cwd=ROOT)
    assert re.fullmatch(r"sgd-doctor, version \d+\.\d+\.\d+\S*\n", result.stdout)


def test_catalogue_lists_every_check_once(capfd: pytest.CaptureFixture[str]) -> None:
    known, notes = load_checks()
    assert notes == []
    assert main(["checks", "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    assert [row["name"] for row in rows] == list(known)
    assert all(row["family"] in FAMILIES and row["summary"] for row in rows)
    assert main(["checks"]) == 0
    listed = capfd.readouterr().out
    assert all(listed.count(f"  {name} ") == 1 for name in known)
