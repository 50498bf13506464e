"""A user's folder for the shield's tests, scripts run in it behind the shield, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sgd_doctor.run.shield import discard

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent.parent
OTHER_USER = 54321

# What a child does: put the shield up, say how, and run the script as its own program would be.
STARTER = """
import json, runpy, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from sgd_doctor.run import shield
how, scratch, results, script = sys.argv[1:5]
if how == "redirect without landlock":
    from sgd_doctor.run import kernel
    kernel.landlock_version = lambda: 0
    how = "redirect"
try:
    info = shield.activate(Path(scratch), keep=[Path(results)], force=None if how == "best" else how)
except OSError as error:
    (Path(results) / "refused").write_text(str(error))
    sys.exit(77)
(Path(results) / "info").write_text(json.dumps(info))
sys.argv[:] = [script, results + "/outcome", *sys.argv[5:]]
runpy.run_path(script, run_name="__main__")
"""


class Place:
    """A user's folder, with a scratch folder and one for results beside it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.project = base / "home" / "project"
        self.scratch = base / "scratch"
        self.results = base / "results"
        for folder in (self.project, self.scratch, self.results):
            folder.mkdir(parents=True)
        _fill(self.project)
        (self.project.parent / "outside.txt").write_text("outside")
        _age(self.project.parent)

    def run(
        self, how: str, script: Path | str, *args: str, command: tuple[str, ...] = (sys.executable,)
    ) -> dict[str, Any]:
        """Run a script behind the shield; return what it and the shield say."""
        if isinstance(script, str):
            path = self.base / "script.py"
            path.write_text(textwrap.dedent(script))
            script = path
        starter = STARTER.format(root=str(ROOT))
        done = subprocess.run(
            [*command, "-c", starter, how, str(self.scratch), str(self.results), str(script), *args],
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=240,
        )
        if done.returncode == 77:
            pytest.skip(f"{how}: " + (self.results / "refused").read_text())
        assert done.returncode == 0, done.stdout + done.stderr
        outcome = self.results / "outcome"
        told: dict[str, Any] = json.loads(outcome.read_text()) if outcome.exists() else {}
        kind, notes = json.loads((self.results / "info").read_text())
        return {"kind": kind, "notes": notes, "stdout": done.stdout, "stderr": done.stderr, **told}


def _fill(project: Path) -> None:
    files = {
        "notes.txt": "last week's notes",
        "log.csv": "step,loss\n1,0.7\n",
        "keep/a.bin": "0123456789",
        "keep/c.txt": "c",
        "rename_me.txt": "rename me",
        "best.pt": "the best so far",
        "remove_me.txt": "remove me",
        "old_run/1.txt": "1",
        "old_run/2.txt": "2",
        "old_run/sub/3.txt": "3",
        "hard_me.txt": "hard",
        "target.txt": "target",
        "truncate_me.txt": "truncate me",
        "mode_me.txt": "mode",
        "time_me.txt": "time",
        "fd_me.txt": "fd",
        "fd_write.txt": "fd",
        "tree/gone.txt": "gone",
        "tree/move.txt": "move",
        "copy_me.txt": "copy me",
        "move_me.txt": "move me",
        "shelf/a.txt": "a",
        "shelf/b/c.txt": "c",
        "users.json": "{}",
        "users.log": "before\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "empty").mkdir()
    (project / "link_to_target").symlink_to("target.txt")
    with sqlite3.connect(project / "runs.sqlite") as connection:
        connection.execute("create table runs (id)")
        connection.execute("insert into runs values (1)")
    connection.close()


def _age(folder: Path) -> None:
    # Times of their own, long ago, so that any change shows.
    for number, path in enumerate(sorted(folder.rglob("*"), reverse=True)):
        os.utime(path, (1_000_000 + number, 2_000_000 + number), follow_symlinks=False)


def fingerprint(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Contents, names, modes, owners, times and identities of everything in a folder."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        seen = path.lstat()
        if stat.S_ISREG(seen.st_mode):
            held = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            held = os.readlink(path) if stat.S_ISLNK(seen.st_mode) else ""
        facts = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, seen.st_ino, seen.st_nlink)
        found[str(path.relative_to(folder))] = (held, *facts)
    return found


def a_place(base: Path) -> Iterator[Place]:
    """A place in ``base`` that must be unchanged in the end; to be yielded from by a fixture."""
    made = Place(base)
    before = fingerprint(made.project.parent)
    yield made
    assert fingerprint(made.project.parent) == before
    discard(made.scratch)
    assert not made.scratch.exists()


def a_users_place() -> Iterator[Place]:
    """The same for an ordinary user, for when the tests themselves are run by root."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to become another user")
    base = Path(tempfile.mkdtemp(prefix="sgd-doctor-user-"))
    made = Place(base)
    for path in (base, *base.rglob("*")):
        os.chown(path, OTHER_USER, OTHER_USER, follow_symlinks=False)
    _age(made.project.parent)
    before = fingerprint(made.project.parent)
    yield made
    assert fingerprint(made.project.parent) == before
    discard(made.scratch)
    shutil.rmtree(base)


def as_user() -> tuple[str, ...]:
    become = ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", "--no-new-privs")
    for python in (sys.executable, "/usr/bin/python3"):
        if not subprocess.run([*become, python, "-c", ""], capture_output=True).returncode:
            return (*become, python)
    pytest.skip("no interpreter that another user may run")
