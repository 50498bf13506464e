"""What a check is, and the registry of all checks.

A check is one file under ``checks/``: a subclass of :class:`Check` whose docstring is its
documentation page.  Defining the class registers it; nothing else lists it.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sgd_doctor.findings import Suspicion
    from sgd_doctor.recording import Recording

FAMILIES = ("loop", "wiring", "mode", "loss", "data", "model", "optimizer", "outcome", "distributed")


class NotChecked(Exception):
    """Raised by :meth:`Check.suspect` where the recording lacks what the check needs, with the reason."""


class Check(ABC):
    """One rule: looks at a Recording and names what it finds odd.

    Class attributes:
        name: canonical name, as users select and ignore it.
        family: one of :data:`FAMILIES`; a family name selects all its checks.
        summary: one line for ``sgd-doctor checks``.
        symptom: True where the check names what is seen, not why.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    summary: ClassVar[str]
    symptom: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not inspect.isabstract(cls):
            register(cls)

    @abstractmethod
    def suspect(self, recording: Recording) -> Suspicion | None:
        """What is odd about ``recording``, or None.

        Raises:
            NotChecked: the recording lacks what this check needs.
        """

    @classmethod
    def documentation(cls) -> str:
        """The documentation page (Markdown), from the docstring."""
        return inspect.cleandoc(cls.__doc__ or "")


_REGISTRY: dict[str, type[Check]] = {}


def register(check: type[Check]) -> None:
    """Add ``check``.

    Raises:
        ValueError: the name is missing or taken, or the family is unknown.
    """
    name = getattr(check, "name", "")
    if not name or check.family not in FAMILIES:
        raise ValueError(f"{check.__module__}.{check.__qualname__} needs a name and a known family")
    other = _REGISTRY.get(name)
    if other is not None and (other.__module__, other.__qualname__) != (check.__module__, check.__qualname__):
        raise ValueError(f"two checks claim the name {name!r}: {other.__module__} and {check.__module__}")
    _REGISTRY[name] = check


def registered() -> dict[str, type[Check]]:
    """All checks by name, in the order of family and name."""
    ordered = sorted(_REGISTRY.values(), key=lambda c: (FAMILIES.index(c.family), c.name))
    return {check.name: check for check in ordered}
