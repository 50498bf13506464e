"""Files of npm packages that tests hold our output against; fetched, never run as part of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

PACKAGES = {"axe-core": "4.14.1", "@microsoft/jest-sarif": "1.0.0-beta.0"}
"""axe-core: the accessibility rules.  jest-sarif: ships the JSON schema of SARIF 2.1.0."""
FOLDER = "SGD_DOCTOR_NODE_PACKAGES"
"""Environment variable: a folder that keeps the archives between runs."""
TIMEOUT = 120


def package_file(package: str, name: str, scratch: Path) -> bytes:
    """A file of a package, fetched with ``npm pack``; skips the test, with the reason, where that cannot be."""
    archive = _archive(package, os.environ.get(FOLDER) or str(scratch))
    if isinstance(archive, str):
        pytest.skip(archive)
    with tarfile.open(archive) as files:
        member = files.extractfile(f"package/{name}")
        assert member is not None
        return member.read()


@cache
def _archive(package: str, folder: str) -> Path | str:
    """The package's archive, or why there is none."""
    version = PACKAGES[package]
    path = Path(folder) / f"{package.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if path.is_file():
        return path
    npm = shutil.which("npm")
    if npm is None:
        return f"needs npm, to fetch {package}"
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", f"{package}@{version}", "--pack-destination", str(path.parent), "--ignore-scripts"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"npm did not fetch {package} within {TIMEOUT} s"
    return path if path.is_file() else f"npm cannot fetch {package}: {result.stderr.strip()[-200:]}"
