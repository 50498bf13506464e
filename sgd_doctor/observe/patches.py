"""Replaced attributes, put back in reverse order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Patches:
    """Everything that was replaced or hooked, so that nothing stays behind."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Set ``owner.name`` to ``make(original)``."""
        own = name in vars(owner)
        original = getattr(owner, name)
        # Libraries read the signature of what they build anew (Lightning does so with loaders).
        setattr(owner, name, functools.update_wrapper(make(original), original))
        if own:
            self._undo.append(lambda: setattr(owner, name, original))
        else:
            self._undo.append(lambda: delattr(owner, name))

    def hook(self, handle: Any) -> None:
        """Remember a hook's handle."""
        self._undo.append(handle.remove)

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()
