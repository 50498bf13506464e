"""Errors that end a command with one clear line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command ends with."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INTERNAL = 3
    INTERRUPTED = 130


class SgdDoctorError(Exception):
    """Base of the errors that sgd-doctor raises on purpose."""

    exit_code = ExitCode.INTERNAL


class UsageError(SgdDoctorError, ValueError):
    """Wrong use: what is wrong, where, and what to do about it, in one line."""

    exit_code = ExitCode.USAGE


class MissingExtra(UsageError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'sgd-doctor[{extra}]'")
