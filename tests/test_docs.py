"""The documentation tells of what there is: settings, options, pages; and the site builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sgd_doctor.cli import cli
from sgd_doctor.config import KEYS
from tests.helpers import ROOT

DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_setting_is_told() -> None:
    told = set(re.findall(r"^\| `([\w-]+)` \|", text("configuration.md"), re.MULTILINE))
    assert told == set(KEYS)


def test_every_setting_is_an_option_and_no_option_is_told_that_is_none() -> None:
    command = cli.commands["diagnose"]
    options = {name for p in command.params if isinstance(p, click.Option) for name in p.opts}
    assert {f"--{key}" for key in KEYS} <= options
    pages = " ".join(text(page.name) for page in DOCS.glob("*.md"))
    told = set(re.findall(r"sgd-doctor diagnose (--[a-z-]+)", pages))
    assert told <= options, told - options


def test_the_table_of_what_was_tried_is_sorted_and_names_files_that_are_there() -> None:
    rows = [line for line in text("ecosystem.md").splitlines() if line.startswith("| ")][1:]
    keys = [tuple(cell.strip().lower() for cell in row.strip("|").split("|")[:1]) for row in rows]
    assert keys == sorted(keys)
    for path in re.findall(r"`(tests/[\w/]+\.py|\.ci/\w+|docs/\w+\.py)", "\n".join(rows)):
        assert (ROOT / path).is_file(), path


@pytest.mark.long
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site" / "checks" / "lr-too-high" / "index.html").is_file()
    page = (tmp_path / "site" / "guide" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', page.replace('rel="canonical"', ""))
