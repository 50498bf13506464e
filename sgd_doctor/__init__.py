"""Finds out why a PyTorch training loop does not learn, and proves it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sgd_doctor.version import __version__

if TYPE_CHECKING:
    from sgd_doctor.api import diagnose, watch
    from sgd_doctor.check import Check
    from sgd_doctor.findings import Finding
    from sgd_doctor.report import Report

__all__ = ["Check", "Finding", "Report", "__version__", "diagnose", "watch"]

_HOMES = {
    "diagnose": "api",
    "watch": "api",
    "Report": "report",
    "Finding": "findings",
    "Check": "check",
    "load_ipython_extension": "integrations.ipython",
    "unload_ipython_extension": "integrations.ipython",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and not before: ``import sgd_doctor`` is free."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
