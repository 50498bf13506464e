"""A notebook given as a file runs as Jupyter would run it, and what is not carried out is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
from sgd_doctor.options import Options
from sgd_doctor.render import render
from sgd_doctor.report import Report
from sgd_doctor.run.launch import Target
from sgd_doctor.run.notebook import cells_of
from tests import warm
from tests.helpers import doctor, same_tree, tree

SETUP = """%matplotlib inline
!pip install \\
  torch
import torch
from torch import nn
%env DEPTH=1
torch.manual_seed(0)"""
MODULE = "%%writefile parts.py\nimport torch\n\ndef make():\n    return torch.nn.Linear(4, 1)"
SHELL = "%%bash\nrm -rf data"
CHECKS = """import os
import parts
assert os.environ["DEPTH"] == "1" and os.path.exists("data/x.txt") and "__file__" not in globals()
files = !ls
text = '''
%d items
!no command
'''
rest = (7
 % 4)
assert rest == 3 and "%d items" in text and files == []
net = parts.make()
net?
display(net)
if get_ipython():
    get_ipython().run_line_magic("matplotlib", "inline")"""
AWAIT = "import asyncio\nawait asyncio.sleep(0.001)\nx = torch.randn(64, 4)\ny = x.sum(1, keepdim=True)"
LOOP = """%%time
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for step in range(40):
    loss = nn.functional.mse_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()"""


def notebook(folder: Path, *cells: str) -> Path:
    """A notebook with these code cells, and one of text."""
    code = [
        {"cell_type": "code", "source": c.splitlines(True), "metadata": {}, "outputs": [], "execution_count": None}
        for c in cells
    ]
    path = folder / "work" / "train.ipynb"
    (folder / "work" / "data").mkdir(parents=True)
    (folder / "work" / "data" / "x.txt").write_text("x")
    text = {"cell_type": "markdown", "source": "# Title", "metadata": {}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, *code]}))
    return path


def report_on(folder: Path, monkeypatch: pytest.MonkeyPatch, *cells: str) -> Report:
    path = notebook(folder, *cells)
    before = tree(folder)
    monkeypatch.chdir(folder)
    report = warm.diagnose(Target("notebook", str(path.relative_to(folder))), Options(probes=False)).report
    assert same_tree(before, tree(folder)) == []
    return report


def test_magics_are_carried_out_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_on(tmp_path, monkeypatch, SETUP, MODULE, SHELL, CHECKS, AWAIT, LOOP)
    assert (report.verdict, report.run.steps) == ("healthy", 40)
    said = next(note for note in report.notes if "not carried out" in note)
    assert "!pip install" in said
    assert "%%bash (3)" in said
    assert "files = !ls (4)" in said
    assert "matplotlib" not in said


def test_finding_names_the_cell_and_the_line_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forgets = LOOP.replace("    loss.backward()\n", "")
    report = report_on(tmp_path, monkeypatch, SETUP, MODULE, CHECKS, AWAIT, forgets)
    (finding,) = report.problems
    assert finding.check == "missing-backward"
    assert finding.location is not None
    assert (finding.location.path, finding.location.line) == ("work/train.ipynb cell 5", 4)
    assert "file=work/train.ipynb,line=4," in str(render(report, "github"))
    assert finding.location.code == "loss = nn.functional.mse_loss(net(x), y)"


def test_cell_that_is_no_python_is_one_line(tmp_path: Path) -> None:
    notebook(tmp_path, "x = 1", "y = 2\nz = = 3")
    result = doctor("diagnose", "work/train.ipynb", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "sgd-doctor: work/train.ipynb cell 2:2: not valid Python: invalid syntax\n"


TEXTS = ["!ls \\\n  -l \\\n  -a\nx = 1", "%%html\n<b>\n'''", "a = (\n%d\n)", "x??\n?len\n%cd /", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_lines_keep_their_numbers(text: str, tmp_path: Path) -> None:
    (cell,) = cells_of(str(notebook(tmp_path, text)))
    assert cell.source.count("\n") == cell.text.count("\n")
