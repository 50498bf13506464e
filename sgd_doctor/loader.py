"""Mount a folder of checks as a package.

``checks/`` stands at the top level of the source tree and is imported as ``sgd_doctor.checks``.
A wheel carries the folder inside the package; a checkout keeps it next door.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from importlib.metadata import entry_points
from pathlib import Path

from sgd_doctor.check import Check, registered
from sgd_doctor.errors import UsageError

PACKAGE = "sgd_doctor.checks"
ENTRY_POINTS = "sgd_doctor.checks"
"""Entry-point group of checks that other packages add."""

_HERE = Path(__file__).resolve().parent


def built_in_folder() -> Path:
    """The folder of the built-in checks: inside the installed package, or beside it in a checkout."""
    for folder in (_HERE / "checks", _HERE.parent / "checks"):
        if folder.is_dir():
            return folder
    raise RuntimeError("the checks of sgd-doctor are missing from this installation")


def mount(folder: Path, name: str) -> None:
    """Make ``folder`` importable as the package ``name`` (once)."""
    if name in sys.modules:
        return
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, init if init.is_file() else None, submodule_search_locations=[str(folder)]
    )
    if spec is None:
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if spec.loader is not None:
        spec.loader.exec_module(module)


def load_checks(extra: tuple[Path, ...] = ()) -> tuple[dict[str, type[Check]], list[str]]:
    """All checks: built in, from entry points and from the folders ``extra``.

    Returns:
        The checks by name, and one note for each third-party module that failed to import.

    Raises:
        UsageError: a folder of ``extra`` does not exist.
    """
    notes: list[str] = []
    mount(built_in_folder(), PACKAGE)
    _import_all(built_in_folder(), PACKAGE, None)
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:  # a broken plugin must not end the diagnosis
            notes.append(f"plugin {entry.name} failed to load: {type(error).__name__}: {error}")
    for number, folder in enumerate(extra):
        if not folder.is_dir():
            raise UsageError(f"no such folder of checks: {folder}")
        name = f"sgd_doctor_extra_checks_{number}"
        mount(folder.resolve(), name)
        _import_all(folder.resolve(), name, notes)
    return registered(), notes


def _import_all(folder: Path, name: str, notes: list[str] | None) -> None:
    for info in pkgutil.walk_packages([str(folder)], f"{name}."):
        try:
            importlib.import_module(info.name)
        except Exception as error:
            if notes is None:
                raise
            notes.append(f"check {info.name} failed to load: {type(error).__name__}: {error}")
