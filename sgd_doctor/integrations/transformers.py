"""One line for Hugging Face's Trainer: ``Trainer(..., callbacks=[DoctorCallback()])``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from transformers import Trainer, TrainerCallback

from sgd_doctor.integrations.attending import Attending
from sgd_doctor.observe.patches import Patches


class DoctorCallback(Attending, TrainerCallback):  # type: ignore[misc]  # the library's types are not looked at
    """Watches ``trainer.train()``, and prints what was found when it has ended.

    The training runs to its end as it would without it.  Of several processes the first is watched.
    ``report`` holds the report afterwards.

    Args:
        show: whether the report is printed.
        options: those of :func:`sgd_doctor.watch`: ``steps``, ``budget``, ``probes``, ``select``, ``ignore``,
            ``progress``.

    Raises:
        UsageError: an option cannot be used as it is; a :class:`ValueError`.
    """

    def __init__(self, *, show: bool = True, **options: Any) -> None:
        super().__init__(show=show, **options)
        self._patches = Patches()
        self._patches.replace(Trainer, "train", _told_of_errors(self))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Optimizer and loader are there, and the first batch is not yet drawn."""
        if state.is_world_process_zero:
            self.begin()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training has come to its end."""
        self.end()


def _told_of_errors(callback: DoctorCallback) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The library tells a callback nothing of an exception; an experiment must not get past one."""

    def make(train: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(train)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return train(self, *args, **kwargs)
            except BaseException as error:
                if callback in self.callback_handler.callbacks:
                    callback.end(error)
                raise

        return wrapper

    return make
