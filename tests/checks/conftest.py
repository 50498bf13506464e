"""Every check is tried on real scripts; by default the first one of each file is, the rest is marked long."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seen: set[Path] = set()
    for item in items:
        if item.path.parent == HERE:
            if item.path in seen:
                item.add_marker(pytest.mark.long)
            seen.add(item.path)
