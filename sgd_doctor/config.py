"""``[tool.sgd-doctor]`` of the user's pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sgd_doctor.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS: dict[str, type | tuple[type, ...]] = {
    "steps": int,
    "budget": (int, float),
    "time-limit": (int, float),
    "no-probes": bool,
    "seed": int,
    "select": (list, str),
    "ignore": (list, str),
    "format": list,
    "no-report": bool,
    "allow-writes": bool,
    "overhead": (int, float),
    "checks": list,
    "quiet": bool,
    "exit-zero": bool,
}
"""Settings and their types; the command line goes before them."""


def configured(folder: Path) -> dict[str, Any]:
    """The settings of the nearest pyproject.toml at or above ``folder``; empty where there is none.

    Raises:
        UsageError: the file is no TOML, or a setting is unknown or of the wrong type.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            return _read(path)
    return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    for name in ("tool", "sgd-doctor"):
        table = table.get(name, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} is not a table")
    for key, value in table.items():
        if key not in KEYS:
            raise UsageError(f"{path}: unknown setting {key!r} in [tool.sgd-doctor]; known: {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is not bool):
            raise UsageError(f"{path}: {key} in [tool.sgd-doctor] has the wrong type")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise UsageError(f"{path}: {key} in [tool.sgd-doctor] must hold names in quotes")
    return dict(table)
