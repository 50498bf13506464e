"""The output of forks of the user's own process: none of it reaches the user's terminal or notebook."""

from __future__ import annotations

import builtins
import logging
import os
import sys
from typing import Any, NoReturn

_KEPT: list[Any] = []
"""Streams that were replaced; collecting them would flush what the user's process is to print."""


def redirect_output(descriptor: int = -1) -> None:
    """Send all output of this process to ``descriptor`` (-1: to nowhere), and read input from nowhere.

    Python's stream objects are replaced as well: under pytest or in a notebook they do not lead to the
    standard descriptors, and those of a notebook speak to sockets that the user's process is using.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    for number in (1, 2):
        os.dup2(nowhere if descriptor < 0 else descriptor, number)
    os.close(nowhere)
    before = (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    _KEPT.extend(before)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, errors="backslashreplace", closefd=False) for n in (1, 2))
    _redirect_logging(before)
    if "ipykernel.iostream" in sys.modules:
        _disconnect_kernel(sys.modules["ipykernel.iostream"])


def _redirect_logging(before: tuple[Any, ...]) -> None:
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and any(handler.stream is s for s in before):
                handler.stream = sys.stderr


def _disconnect_kernel(iostream: Any) -> None:
    """Cut a copy of a notebook's kernel off from the front end: prints, displays, widgets and questions."""

    def nothing(*_: Any, **__: Any) -> None: ...

    def write(_: Any, text: str) -> int:
        return len(text)

    def no_input(*_: Any) -> NoReturn:
        raise EOFError("a replay reads no input")

    iostream.IOPubThread.schedule = iostream.IOPubThread.send_multipart = nothing
    iostream.OutStream.write, iostream.OutStream.flush = write, nothing
    builtins.input = no_input
