"""The example package of a check of one's own: loaded from its folder, and installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import HEALTHY, ROOT, doctor, python, report_of, write

EXAMPLE = ROOT / "docs" / "example_check"
RISING = HEALTHY.replace(
    "    for step", "    rates = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=1.1)\n    for step"
).replace("        optimizer.step()", "        optimizer.step()\n        rates.step()")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder into which the package was installed."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-q", "--target", str(site)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    return site


def test_check_from_its_folder_is_proven(tmp_path: Path) -> None:
    write(tmp_path / "train.py", RISING)
    options = ["--seed", "0", "--steps", "60", "--budget", "30s", "--select", "acme-lr-rises", "--format", "json"]
    result = doctor("diagnose", *options, "--checks", EXAMPLE / "acme_checks", "train.py", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    (finding,) = report_of(result)["findings"]
    assert (finding["check"], finding["confidence"]) == ("acme-lr-rises", "confirmed")
    assert "ExponentialLR" in finding["location"]["code"]
    assert finding["proof"]["intervention"] == "lr stays at 0.1"


@pytest.mark.long
def test_installed_check_is_listed_explained_and_passes_its_own_test(installed: Path, tmp_path: Path) -> None:
    paths = f"{ROOT}:{installed}"
    assert "acme-lr-rises" in doctor("checks", cwd=tmp_path, PYTHONPATH=paths).stdout
    explained = doctor("explain", "acme-lr-rises", cwd=tmp_path, PYTHONPATH=paths)
    assert "A run that is watched during its warm-up" in explained.stdout
    own = python("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests", cwd=tmp_path, PYTHONPATH=paths)
    assert own.returncode == 0, own.stdout
