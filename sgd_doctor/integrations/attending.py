"""What the callbacks of all training frameworks share: a watched block that begins and ends with their training."""

from __future__ import annotations

from typing import Any

from sgd_doctor.api import Watch, watch
from sgd_doctor.errors import UsageError
from sgd_doctor.report import Report


class Attending:
    """Watches from :meth:`begin` to :meth:`end`, and shows what was found.

    Args:
        show: whether the report is printed when the training has ended.
        options: those of :func:`sgd_doctor.watch`.

    Raises:
        UsageError: an option cannot be used as it is; a :class:`ValueError`.
    """

    def __init__(self, *, show: bool = True, **options: Any) -> None:
        self._show, self._options = show, options
        self._watch: Watch | None = None
        self._last: Watch | None = None
        try:
            watch(**options)  # an option that is wrong is told where it is given
        except TypeError as error:
            raise UsageError(str(error).replace("watch()", type(self).__name__)) from None

    @property
    def report(self) -> Report:
        """What was found in the last training.

        Raises:
            UsageError: no training has ended yet.
        """
        if self._last is None:
            raise UsageError("the report is there once the training has ended")
        return self._last.report

    def begin(self) -> None:
        """The training begins."""
        if self._watch is None:
            fresh = watch(**self._options)
            fresh.__enter__()
            self._watch = fresh

    def end(self, error: BaseException | None = None) -> None:
        """The training has ended; ``error`` ended it, if anything did.  Never returns in an experiment."""
        if self._watch is None:
            return
        self._last, self._watch = self._watch, None
        self._last.__exit__(type(error) if error is not None else None, error, None)
        if self._show and not isinstance(error, Exception):
            print(self._last.report, flush=True)
