"""One line for Hugging Face's Trainer: ``Trainer(..., callbacks=[DoctorCallback()])``."""

from __future__ import annotations

from collections.abc import Callable
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
        self._patches.replace(Trainer, "train", _attended(self))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A trainer with a ``train`` of its own has got here: optimizer and loader are there already."""
        if state.is_world_process_zero:
            self.begin()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training has come to its end."""
        self.end()


def _attended(callback: DoctorCallback) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Watch from before the optimizer is built, and hear of exceptions, of which the library tells a callback nothing.

    An experiment must not get past one.
    """

    def make(train: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            if callback not in self.callback_handler.callbacks:
                return train(self, *args, **kwargs)
            if self.is_world_process_zero():
                callback.begin()
            try:
                result = train(self, *args, **kwargs)
            except BaseException as error:
                callback.end(error)
                raise
            callback.end()
            return result

        return wrapper

    return make
