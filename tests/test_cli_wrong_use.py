"""Wrong use: one clear line on standard error, exit code 2, and nothing is written or run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sgd_doctor.cli import main
from tests.helpers import doctor, same_tree, tree, write

RAN = "open('it-ran', 'w').close()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script that would leave a file if it were run, and all kinds of wrong targets."""
    place = tmp_path / "project"
    write(place / "train.py", RAN)
    write(place / "syntax.py", "def broken(:\n    pass\n")
    write(place / "indent.py", "if True:\nprint(1)\n")
    (place / "nul.py").write_bytes(b"x = 1\0\n")
    (place / "binary.py").write_bytes(bytes(range(256)) * 8)
    (place / "latin.py").write_bytes("# Größe\nx = 1\n".encode("latin-1"))
    (place / "coding.py").write_bytes(b"# -*- coding: no-such-coding -*-\nx = 1\n")
    (place / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    write(place / "words.txt", "This is not Python at all.\n")
    write(place / "broken.ipynb", "{")
    write(place / "list.ipynb", "[1, 2]")
    write(place / "report.json", '{"schema_version": 1}')
    write(place / "other.json", "[]")
    (place / "recording.npz").write_bytes(b"PK\x03\x04 no archive")
    (place / "empty.npz").write_bytes(b"")
    (place / "runs").mkdir()
    os.symlink("nowhere.py", place / "dangling.py")
    monkeypatch.chdir(place)
    return place


WRONG: dict[str, tuple[list[str], str]] = {
    "no such file": (["diagnose", "nope.py"], "no such file: nope.py"),
    "a dangling link": (["diagnose", "dangling.py"], "dangling.py"),
    "an empty name": (["diagnose", ""], "no such file"),
    "a folder": (["diagnose", "runs"], "is a folder; name the script in it"),
    "not Python": (["diagnose", "words.txt"], "words.txt:1: not valid Python"),
    "syntax error": (["diagnose", "syntax.py"], "syntax.py:1: not valid Python"),
    "indentation": (["diagnose", "indent.py"], "indent.py:2: not valid Python"),
    "NUL bytes": (["diagnose", "nul.py"], "nul.py"),
    "binary": (["diagnose", "binary.py"], "binary.py"),
    "an image": (["diagnose", "image.png"], "image.png"),
    "no coding line": (["diagnose", "latin.py"], "latin.py"),
    "unknown coding": (["diagnose", "coding.py"], "coding.py"),
    "broken notebook": (["diagnose", "broken.ipynb"], "is not a notebook"),
    "a list as notebook": (["diagnose", "list.ipynb"], "is not a notebook"),
    "half a report": (["diagnose", "report.json"], "is not a report"),
    "other JSON": (["diagnose", "other.json"], "is not a report"),
    "no recording": (["diagnose", "recording.npz"], "recording.npz"),
    "an empty recording": (["diagnose", "empty.npz"], "empty.npz"),
    "no such module": (["diagnose", "-m", "no_such_module_anywhere"], "no_such_module_anywhere"),
    "no such submodule": (["diagnose", "-m", "json.nope"], "json.nope"),
    "no target": (["diagnose"], "Missing argument"),
    "unknown command": (["diagnoze", "train.py"], "No such command"),
    "unknown option": (["diagnose", "--sleect", "loss", "train.py"], "--select"),
    "an option for a target": (["diagnose", "-x"], "-x"),
    "unknown check": (["diagnose", "--select", "lr-to-high", "train.py"], "did you mean lr-too-high"),
    "unknown family": (["diagnose", "--ignore", "optimiser", "train.py"], "did you mean optimizer"),
    "unknown in explain": (["explain", "mising-step"], "did you mean missing-step"),
    "nothing near in explain": (["explain", "zzz"], "sgd-doctor checks"),
    "unknown format": (["diagnose", "--format", "pdf", "train.py"], "pdf"),
    "suffix says nothing": (["diagnose", "--output", "report.xyz", "train.py"], "report.xyz"),
    "more outputs than formats": (
        ["diagnose", "--format", "json", "-o", "a.json", "-o", "b.html", "train.py"],
        "more --output than --format",
    ),
    "output in no folder": (["diagnose", "-o", "missing/report.json", "train.py"], "missing"),
    "output is a folder": (["diagnose", "--format", "json", "-o", "runs", "train.py"], "is a folder"),
    "recording in no folder": (["diagnose", "--save-recording", "missing/r.npz", "train.py"], "missing"),
    "script output is a folder": (["diagnose", "--script-output", "runs", "train.py"], "is a folder"),
    "output over the script": (["diagnose", "--format", "json", "-o", "train.py", "train.py"], "train.py"),
    "one file twice": (
        ["diagnose", "--format", "json", "-o", "a", "--format", "html", "-o", "./a", "train.py"],
        "a",
    ),
    "no steps": (["diagnose", "--steps", "0", "train.py"], "--steps must be at least 1"),
    "negative steps": (["diagnose", "--steps", "-5", "train.py"], "--steps must be at least 1"),
    "steps in words": (["diagnose", "--steps", "ten", "train.py"], "ten"),
    "no budget": (["diagnose", "--budget", "0", "train.py"], "--budget must be more than 0"),
    "budget that is none": (["diagnose", "--budget", "nan", "train.py"], "--budget"),
    "endless budget": (["diagnose", "--budget", "inf", "train.py"], "--budget"),
    "budget in words": (["diagnose", "--budget", "soon", "train.py"], "soon"),
    "no time": (["diagnose", "--time-limit", "0", "train.py"], "--time-limit must be more than 0"),
    "negative overhead": (["diagnose", "--overhead", "-1", "train.py"], "--overhead"),
    "overhead that is none": (["diagnose", "--overhead", "nan", "train.py"], "--overhead"),
    "seed in words": (["diagnose", "--seed", "x", "train.py"], "x"),
    "negative seed": (["diagnose", "--seed", "-1", "train.py"], "--seed"),
    "no folder of checks": (["diagnose", "--checks", "missing", "train.py"], "missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_one_line_and_exit_2(folder: Path, capfd: pytest.CaptureFixture[str], case: str) -> None:
    arguments, words = WRONG[case]
    before = tree(folder)
    assert main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("sgd-doctor: ")
    assert said.err.count("\n") == 1
    assert words in said.err
    assert "Traceback" not in said.err
    assert same_tree(before, tree(folder)) == []


SETTINGS: dict[str, tuple[str, str]] = {
    "unknown setting": ("[tool.sgd-doctor]\nstep = 3", "unknown setting 'step'"),
    "text for a number": ('[tool.sgd-doctor]\nsteps = "many"', "steps"),
    "yes for a number": ("[tool.sgd-doctor]\nsteps = true", "steps"),
    "number for yes": ("[tool.sgd-doctor]\nno-probes = 1", "no-probes"),
    "no steps": ("[tool.sgd-doctor]\nsteps = 0", "at least 1"),
    "unknown check": ('[tool.sgd-doctor]\nignore = ["lr-to-high"]', "did you mean lr-too-high"),
    "numbers as checks": ("[tool.sgd-doctor]\nselect = [1, 2]", "select"),
    "unknown format": ('[tool.sgd-doctor]\nformat = ["pdf"]', "pdf"),
    "no table": ("[tool]\nsgd-doctor = 3", "sgd-doctor"),
    "tool is no table": ("tool = 3", "tool"),
    "no TOML": ("[tool.sgd-doctor\n", "pyproject.toml"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_bad_settings_are_named_with_their_file(folder: Path, capfd: pytest.CaptureFixture[str], case: str) -> None:
    text, words = SETTINGS[case]
    write(folder / "pyproject.toml", text)
    before = tree(folder)
    assert main(["diagnose", "train.py"]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert words in said.err
    assert same_tree(before, tree(folder)) == []


def test_settings_that_are_not_utf_8_are_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "pyproject.toml").write_bytes(b"# Gr\xf6\xdfe\n")
    assert main(["diagnose", "train.py"]) == 2
    assert "pyproject.toml" in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "runs").chmod(0o500)
    assert main(["diagnose", "-o", "runs/report.json", "train.py"]) == 2
    assert "permission denied" in capfd.readouterr().err


def test_as_a_command_it_is_the_same(folder: Path) -> None:
    result = doctor("diagnose", "syntax.py", cwd=folder)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "sgd-doctor: syntax.py:1: not valid Python: invalid syntax\n"


def test_without_a_command_the_help_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) in (0, 2)
    said = capfd.readouterr()
    assert "Commands:" in said.out + said.err
    assert "diagnose" in said.out + said.err


@pytest.mark.usefixtures("folder")
def test_name_with_control_characters_stays_one_harmless_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "a\n\x1b[31mb.py"]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said


@pytest.mark.parametrize("where", [Path("pyproject.toml"), Path("..") / "pyproject.toml"])
def test_settings_of_the_nearest_file_are_used(folder: Path, capfd: pytest.CaptureFixture[str], where: Path) -> None:
    write(folder / where, '[tool.sgd-doctor]\nselect = ["no-such-check"]\n')
    assert main(["diagnose", "train.py"]) == 2
    assert "no-such-check" in capfd.readouterr().err
    assert main(["diagnose", "--select", "loss", "--steps", "0", "train.py"]) == 2
    assert "--steps" in capfd.readouterr().err  # the command line goes before the file
