"""Commands, folders and small scripts for the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

HEALTHY = """
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]]) + 0.1 * torch.randn(256, 1)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(60):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}")
"""
"""A script with nothing wrong."""

FAULTY = "\n".join(line for line in HEALTHY.splitlines() if "backward" not in line)
"""Forgets ``backward``: an error that needs no rerun."""

QUICK = ("--no-probes", "--steps", "20")
"""Options for a diagnosis that only watches."""


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: this checkout can be imported from anywhere."""
    inherited = os.environ.get("PYTHONPATH")
    path = f"{ROOT}{os.pathsep}{inherited}" if inherited else str(ROOT)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "", "COLUMNS": "100", **more}


def python(
    *arguments: str | Path, cwd: Path, timeout: float = 120.0, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run this interpreter; ``stdin`` None means at its end."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**env),
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=timeout,
        check=False,
    )


def doctor(*arguments: str | Path, cwd: Path, timeout: float = 120.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``sgd-doctor`` as a command."""
    return python("-m", "sgd_doctor", *arguments, cwd=cwd, timeout=timeout, **env)


def start_doctor(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start ``sgd-doctor`` in the background, as a terminal would: in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sgd_doctor", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def write(path: Path, text: str) -> Path:
    """Write a script given as an indented literal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: kind, mode, time of change and content of each entry."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def same_tree(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> list[str]:
    """What differs, in words; folders may have other times and sizes."""
    said = [f"gone: {name}" for name in before.keys() - after.keys()]
    said += [f"new: {name}" for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        folder = old[3] is None
        if old != new and not (folder and old[0] == new[0]):
            said.append(f"changed: {name}")
    return sorted(said)


def report_of(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON report on standard output, which holds nothing else."""
    report = json.loads(result.stdout)
    assert isinstance(report, dict)
    return report
