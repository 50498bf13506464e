"""A descriptor of ours in the user's process, told apart from whatever the script may open under its number."""

from __future__ import annotations

import os


class Channel:
    """A pipe or socket to our own process.

    A script may close every descriptor that it finds (daemons do) and be given the same numbers for files
    of its own: nothing is ever written into those, nor are they closed.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._identity = _identity(descriptor)

    @property
    def open(self) -> bool:
        """Whether the descriptor still leads to where it led at first."""
        return self._identity is not None and _identity(self.descriptor) == self._identity

    def send(self, data: bytes) -> None:
        """Write all of ``data``; nothing happens where nobody reads."""
        if not self.open:
            return
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError:
            self._identity = None

    def close(self) -> None:
        """Close the descriptor, if it is still ours."""
        if self.open:
            os.close(self.descriptor)
        self._identity = None


def _identity(descriptor: int) -> tuple[int, int] | None:
    if descriptor < 0:
        return None
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
