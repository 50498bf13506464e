"""Forks of a watched process, such as workers of a loader, are not watched."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

_watching: weakref.WeakSet[Observer] = weakref.WeakSet()
_registered: list[bool] = []


def leave_forks_alone(observer: Observer) -> None:
    """From now on ``observer`` is away in every fork; a replay calls it back."""
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_go_away)  # nobody can take it back, so once has to do
        _registered.append(True)
    _watching.add(observer)


def _go_away() -> None:
    for observer in _watching:
        observer.away = True
        observer.tracer.switch(False)
