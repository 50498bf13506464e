"""One line for Lightning: ``Trainer(callbacks=[DoctorCallback()])``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sgd_doctor.integrations.attending import Attending

if TYPE_CHECKING:
    from lightning.pytorch import Callback
elif "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:
    from pytorch_lightning import Callback
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback


class DoctorCallback(Attending, Callback):  # type: ignore[misc]  # the library's types are not looked at
    """Watches ``trainer.fit()``, and prints what was found when it has ended.

    The training runs to its end as it would without it.  Of several processes the first is watched.
    ``report`` holds the report afterwards.

    Args:
        show: whether the report is printed.
        options: those of :func:`sgd_doctor.watch`: ``steps``, ``budget``, ``probes``, ``select``, ``ignore``,
            ``progress``.

    Raises:
        UsageError: an option cannot be used as it is; a :class:`ValueError`.
    """

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Begins before ``configure_optimizers``."""
        if stage == "fit" and trainer.is_global_zero:
            self.begin()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """What ended the training is part of the report."""
        self.end(exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The training has come to its end."""
        self.end()
