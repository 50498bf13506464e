"""What other programs rely on: quiet runs, equal output for equal seeds, pages as JSON, completion."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sgd_doctor.cli import main
from sgd_doctor.loader import load_checks
from tests.helpers import HEALTHY, QUICK, doctor, environment, report_of, write

TIMES = {"seconds", "overhead"}


def without_times(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_times(value) for key, value in node.items() if key not in TIMES}
    return [without_times(item) for item in node] if isinstance(node, list) else node


@pytest.mark.long
def test_equal_seeds_give_equal_reports_but_for_the_times(tmp_path: Path) -> None:
    unseeded = HEALTHY.replace("torch.manual_seed(0)", "").replace("lr=0.1", "lr=0.9").replace("(60)", "(90)")
    write(tmp_path / "train.py", unseeded)
    options = ["--steps", "90", "--budget", "60s", "--select", "lr-too-high,divergence", "--format", "json"]

    def report(seed: str) -> Any:
        result = doctor("diagnose", "--seed", seed, *options, "train.py", cwd=tmp_path)
        assert result.returncode == 1, result.stderr
        return without_times(report_of(result))

    first = report("0")
    assert report("0") == first
    assert first["findings"][0]["proof"]["treated"] is not None


def test_quiet_leaves_nothing_but_the_report(tmp_path: Path) -> None:
    write(tmp_path / "train.py", HEALTHY)
    result = doctor("diagnose", *QUICK, "--quiet", "--format", "json", "train.py", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    assert report_of(result)["verdict"] == "healthy"
    write(tmp_path / "pyproject.toml", "[tool.sgd-doctor]\nquiet = true\n")
    written = doctor("diagnose", *QUICK, "train.py", cwd=tmp_path)
    assert (written.returncode, written.stderr) == (0, "")
    assert (tmp_path / "sgd-doctor-report.html").is_file()


def test_quiet_does_not_hide_what_is_wrong(tmp_path: Path) -> None:
    result = doctor("diagnose", "--quiet", "nowhere.py", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "sgd-doctor: no such file: nowhere.py\n"


def test_progress_says_what_is_tried_and_the_time_left(tmp_path: Path) -> None:
    write(tmp_path / "train.py", HEALTHY.replace("lr=0.1", "lr=5.0"))
    options = ["--steps", "40", "--budget", "45s", "--select", "lr-too-high", "--no-report"]
    said = doctor("diagnose", *options, "train.py", cwd=tmp_path).stderr
    assert re.search(r"^sgd-doctor: the same loop as written, at other rates .*\(at most 4\d s left\)$", said, re.M)


@pytest.mark.parametrize("name", ["lr-too-low", "missing-backward"])
def test_page_of_a_check_as_json(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name, "--format", "json"]) == 0
    page = json.loads(capfd.readouterr().out)
    assert page["name"] == name
    assert page["family"] == load_checks()[0][name].family
    assert set(page["sections"]) >= {"What it means", "Why it hurts", "How it is proven", "How to fix it", "Example"}
    assert all(page["sections"].values())
    assert page["documentation"].startswith(page["lead"])


SHELLS = {"bash": "complete -o nosort -F", "zsh": "#compdef sgd-doctor", "fish": "complete --no-files --command"}


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_gets_its_completion(shell: str, tmp_path: Path) -> None:
    result = doctor(cwd=tmp_path, _SGD_DOCTOR_COMPLETE=f"{shell}_source")
    assert result.returncode == 0, result.stderr
    assert SHELLS[shell] in result.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sgd-doctor ex", "explain"),
        ("sgd-doctor explain lr-too", "lr-too-high"),
        ("sgd-doctor diagnose --tens", "--tensorboard"),
        ("sgd-doctor diagnose --format sa", "sarif"),
    ],
)
def test_completion_offers_what_fits(typed: str, offered: str, tmp_path: Path) -> None:
    words = typed.split()
    result = doctor(
        cwd=tmp_path, _SGD_DOCTOR_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1)
    )
    assert f"plain,{offered}" in result.stdout.splitlines()


SESSIONS = {
    "bash": """
        eval "$(_SGD_DOCTOR_COMPLETE=bash_source sgd-doctor)"
        complete -p sgd-doctor > /dev/null || exit 1
        COMP_WORDS=(sgd-doctor explain missing-b) COMP_CWORD=2
        _sgd_doctor_completion sgd-doctor
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        compdef() { [[ "$*" == "_sgd_doctor_completion sgd-doctor" ]] || exit 1 }
        offer() { print -l -- "${(@P)argv[-1]%%:*}" }
        compadd() { offer "$@" }
        _describe() { offer "${@[1,-2]}" }
        eval "$(_SGD_DOCTOR_COMPLETE=zsh_source sgd-doctor)"
        words=(sgd-doctor explain missing-b) CURRENT=3
        _sgd_doctor_completion
    """,
    "fish": """
        _SGD_DOCTOR_COMPLETE=fish_source sgd-doctor | source
        complete -C "sgd-doctor explain missing-b"
    """,
}
"""What each shell does when somebody presses Tab; zsh's own functions for showing an offer print it."""


@pytest.mark.parametrize("shell", ["bash", *(pytest.param(name, marks=pytest.mark.long) for name in ("zsh", "fish"))])
def test_the_shell_itself_completes(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    command = write(tmp_path / "bin" / "sgd-doctor", f'#!/bin/sh\nexec "{sys.executable}" -m sgd_doctor "$@"\n')
    command.chmod(0o755)
    env = environment(PATH=f"{command.parent}{os.pathsep}{os.environ['PATH']}", HOME=str(tmp_path))
    result = subprocess.run(
        [program, "-c", SESSIONS[shell]], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["missing-backward"]
