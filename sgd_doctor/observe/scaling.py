"""Gradient scaling for half precision: in which order a ``GradScaler`` is used, and how often it skips the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.amp.grad_scaler import GradScaler

from sgd_doctor.observe.guard import Part, guarded
from sgd_doctor.observe.patches import Patches
from sgd_doctor.signals import Scaling


class ScalingWatch(Part):
    """Follows one scaler: the gradients are scaled from ``scale(loss).backward()`` until ``unscale_`` or ``step``."""

    site = direct_site = clip_site = -1
    factor = _scale = 0.0
    steps = skipped = direct = clipped = 0
    scaled = stepping = False
    _made = 0

    @guarded
    def scales(self, scaler: GradScaler) -> None:
        """A loss is scaled."""
        self.scaled, self._scale = True, float(scaler.get_scale())
        if self.site < 0:
            self.site, self.factor = self.observer.sites.here(), self._scale

    def own_size(self, loss: float) -> float:
        """The loss as the script computed it, before it was scaled."""
        return loss / self._scale if self.scaled and self._scale > 0 else loss

    @guarded
    def unscales(self) -> None:
        """The gradients have their own size again."""
        self.scaled = False

    @guarded
    def step_begins(self) -> None:
        """``scaler.step(optimizer)`` is called."""
        self.stepping, self._made = True, self.observer.counts.optimizer_steps

    @guarded
    def step_ends(self) -> None:
        """It has returned: with a step of the optimizer, or without."""
        self.stepping = self.scaled = False
        self.steps += 1
        self.skipped += self.observer.counts.optimizer_steps == self._made

    @guarded
    def optimizer_steps(self) -> None:
        """An optimizer is about to step while a loss is scaled."""
        if not self.stepping:
            self.direct += 1
            self.direct_site = self.observer.sites.here()
            self.scaled = False

    @guarded
    def clips(self, site: int) -> None:
        """Gradients are clipped."""
        if self.scaled:
            self.clipped += 1
            self.clip_site = site

    def freeze(self) -> Scaling | None:
        """As it goes into a recording; None where nothing was scaled."""
        if self.site < 0:
            return None
        return Scaling(
            site=self.site,
            factor=self.factor,
            steps=self.steps,
            skipped=self.skipped,
            direct=self.direct,
            direct_site=self.direct_site,
            clipped=self.clipped,
            clip_site=self.clip_site,
        )


def install(watch: ScalingWatch, patches: Patches) -> None:
    """Follow every enabled scaler of the loop."""
    observer = watch.observer

    def around(before: Callable[[Any], None], after: Callable[[], None]) -> Callable[[Any], Any]:
        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(scaler: Any, *args: Any, **kwargs: Any) -> Any:
                if observer.finished or not observer.here() or not scaler.is_enabled():
                    return original(scaler, *args, **kwargs)
                before(scaler)
                result = original(scaler, *args, **kwargs)
                after()
                return result

            return wrapper

        return make

    patches.replace(GradScaler, "scale", around(watch.scales, lambda: None))
    patches.replace(GradScaler, "unscale_", around(lambda _: None, watch.unscales))
    patches.replace(GradScaler, "step", around(lambda _: watch.step_begins(), watch.step_ends))
