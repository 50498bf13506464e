"""Reading a source file exactly and putting the edited one in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import tokenize
from pathlib import Path


def read_source(path: Path) -> str:
    """The text of ``path``, decoded as Python does, with its newlines as they are."""
    return path.read_bytes().decode(_encoding(path))


def write_fix(path: Path, after: str) -> Path | None:
    """Put ``after`` in the place of ``path`` in one move and answer with the backup made, if any.

    The original is kept beside it as ``.orig`` unless git tracks it.  An ``.orig`` from before is
    never overwritten: the next one gets a number.
    """
    path = path.resolve()
    before = path.read_bytes()
    if b"\r\n" in before and "\r\n" not in after:
        # The text came through universal newlines.
        after = after.replace("\n", "\r\n")
    content = after.encode(_encoding(path))
    if content == before:
        return None
    backup = None if _tracked(path) else _free_backup(path)
    if backup is not None:
        shutil.copy2(path, backup)
    _replace(path, content)
    return backup


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    # The mark itself stays part of the text, so that writing gives it back.
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _free_backup(path: Path) -> Path:
    backup = path.with_name(path.name + ".orig")
    number = 1
    while backup.exists():
        backup = path.with_name(f"{path.name}.orig{number}")
        number += 1
    return backup


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _tracked(path: Path) -> bool:
    try:
        done = subprocess.run(
            ["git", "ls-files", "--error-unmatch", "--", f":(literal){path.name}"],
            cwd=path.parent,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
