"""The wheel holds the checks inside the package, and an installed copy works from any folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sgd_doctor.loader import load_checks
from tests.helpers import ROOT, python

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders(top: Path) -> set[str]:
    """Folders with Python files at or below ``top``, as dotted names."""
    return {".".join(p.parent.relative_to(top.parent).parts) for p in top.rglob("*.py") if "__pycache__" not in p.parts}


def test_every_folder_is_packaged() -> None:
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    assert len(listed) == len(set(listed))
    expected = folders(ROOT / "sgd_doctor") | {f"sgd_doctor.{name}" for name in folders(ROOT / "checks")}
    assert set(listed) == expected
    places = PYPROJECT["tool"]["setuptools"]["package-dir"]
    assert places == {f"sgd_doctor.{name}": name.replace(".", "/") for name in folders(ROOT / "checks")}
    assert all((ROOT / name.replace(".", "/") / "__init__.py").is_file() for name in folders(ROOT / "checks"))


def test_every_check_file_defines_a_check_that_is_found() -> None:
    known, _ = load_checks()
    files = {p.relative_to(ROOT).with_suffix("") for p in (ROOT / "checks").rglob("*.py") if p.name != "__init__.py"}
    found = {Path(*c.__module__.removeprefix("sgd_doctor.").split(".")) for c in known.values()}
    assert found == files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv*", "*.egg-info", "build", "dist", "__pycache__", ".*_cache", "site")
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [
        sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "-q", "-w", str(folder),
    ]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.long
def test_wheel_holds_the_checks_inside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2, tops  # the package and its metadata; above all no "checks" in anyone's site-packages
    assert "sgd_doctor" in tops
    for path in (ROOT / "checks").rglob("*.py"):
        assert f"sgd_doctor/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "sgd_doctor").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert str(path.relative_to(ROOT)) in names, f"{path} is missing from the wheel"


@pytest.mark.long
def test_installed_copy_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sgd_doctor.cli import main; sys.exit(main())"
    listed = python("-c", program, site, "checks", cwd=elsewhere, PYTHONPATH=str(site))
    assert listed.returncode == 0, listed.stderr
    known, _ = load_checks()
    assert all(name in listed.stdout for name in known)
    (elsewhere / "train.py").write_text("print('hello')\n")
    result = python(
        "-m", "sgd_doctor", "diagnose", "--no-probes", "--no-report", "train.py", cwd=elsewhere, PYTHONPATH=str(site)
    )
    assert result.returncode == 0, result.stderr
    assert "hello" in result.stderr
    assert "Traceback" not in result.stderr
