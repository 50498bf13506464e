"""Which line of the user's source called."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgd_doctor.recording import Site

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES = tuple(
    {
        os.path.abspath(path) + os.sep
        for name, path in sysconfig.get_paths().items()
        if name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
)
_SKIP, _LIBRARY, _USER = 0, 1, 2
MAX_CODES = 8192
"""Code objects that are remembered; a program that makes new ones all the time must not fill the memory."""


class SiteTable:
    """Numbers the places of the user's code from which something was called."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._places: list[tuple[str, int, str]] = []
        # By identity: a code object hashes all its constants anew each time it is asked.
        self._kinds: dict[int, int] = {}
        self._codes: list[CodeType] = []
        self._calls: dict[tuple[int, int], int] = {}

    def here(self, ours: int = 0) -> int:
        """Number of the innermost line of the user's own code on the stack (-1: none).

        Lines of installed libraries are passed over, so that a finding points at the user's line
        also where a framework drives the loop.

        Args:
            ours: frames, from the caller's on, that are known not to be the user's: Python makes an object of
                every frame that is looked at, and these are the costly part of the search.
        """
        frame: FrameType | None = sys._getframe(1 + ours)
        library = None
        kinds = self._kinds
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code))
            if kind is None:
                kind = self._kind(code)
            if kind == _USER:
                known = self._calls.get((id(code), frame.f_lasti))
                return known if known is not None else self.number(frame)
            if kind == _LIBRARY and library is None:
                library = frame
            frame = frame.f_back
        return self.number(library) if library is not None else -1

    def builder(self, built: object) -> int:
        """The line that builds ``built``: not one of its own constructors."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            own = code.co_name == "__init__" and code.co_argcount and frame.f_locals.get(code.co_varnames[0]) is built
            if not own and self._kind(code) == _USER:
                return self.number(frame)
            frame = frame.f_back
        return self.here()

    def stack(self, depth: int = 4) -> tuple[int, ...]:
        """The innermost ``depth`` lines of the user's code on the stack."""
        frame: FrameType | None = sys._getframe(1)
        found: list[int] = []
        while frame is not None and len(found) < depth:
            if self._kind(frame.f_code) == _USER:
                found.append(self.number(frame))
            frame = frame.f_back
        return tuple(found)

    def number(self, frame: FrameType) -> int:
        code = frame.f_code
        call = id(code), frame.f_lasti
        found = self._calls.get(call)
        if found is None:
            self._kind(code)  # keeps the code object, and with it its identity
            found = self._calls[call] = self.place(code.co_filename, frame.f_lineno or 0, code.co_name)
        return found

    def place(self, path: str, line: int, function: str) -> int:
        """The number of a line, given by hand (a traceback entry)."""
        found = self._numbers.get((path, line))
        if found is None:
            found = self._numbers[path, line] = len(self._places)
            self._places.append((path, line, function))
        return found

    def paths(self) -> tuple[str, ...]:
        """The files that were seen so far."""
        return tuple(dict.fromkeys(path for path, _, _ in self._places))

    def is_user(self, code: CodeType) -> bool:
        return self._kind(code) == _USER

    def _kind(self, code: CodeType) -> int:
        kind = self._kinds.get(id(code))
        if kind is None:
            if len(self._codes) >= MAX_CODES:
                self._kinds.clear()
                self._calls.clear()
                self._codes.clear()
            kind = self._kinds[id(code)] = _kind_of(code.co_filename)
            self._codes.append(code)
        return kind

    def sites(self) -> tuple[Site, ...]:
        """All places so far, with their text."""
        from sgd_doctor.recording import Site  # imports numpy, which the user's script has to be first to do

        return tuple(
            Site(path=path, line=line, function=function, code=linecache.getline(path, line).strip())
            for path, line, function in self._places
        )


def is_users_file(filename: str) -> bool:
    """Whether a source file is the user's own: none of Python, of an installed library or of this package."""
    return _kind_of(filename) == _USER


def _kind_of(filename: str) -> int:
    if filename.startswith(("<frozen", "<__array_function__")) or filename.startswith(_OWN):
        return _SKIP
    if f"{os.sep}site-packages{os.sep}torch{os.sep}" in filename:
        return _SKIP
    if filename.startswith(_LIBRARIES) or f"{os.sep}site-packages{os.sep}" in filename:
        return _LIBRARY
    return _USER
