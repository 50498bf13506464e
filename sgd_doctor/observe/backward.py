"""Backward passes: the loss, the graph behind it, and weights that move without an optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from sgd_doctor.observe.graph import graph_leaves
from sgd_doctor.observe.guard import GUARDED, Part, guarded, power_of_two
from sgd_doctor.observe.late import LateReads
from sgd_doctor.observe.nonfinite import carriers_of, locate
from sgd_doctor.observe.tensors import device_maxima, shape_of
from sgd_doctor.recording import Leaf, NonFinite

MAX_LEAVES = 2048
"""Leaves of the loss that are recorded."""


class BackwardWatch(Part):
    """Called before and after ``backward``, and ``autograd.grad`` where it stands for it."""

    @guarded
    def begins(self, loss: Tensor) -> None:
        """Gradients of ``loss`` are about to be computed."""
        o = self.observer
        o.tracer.stepping = False  # where a step ended by an exception
        o.anchor()
        site = o.event("backward", ours=GUARDED)
        o.counts.backwards += 1
        value = math.nan
        if o.steps.late is not None:
            self.read_late(o.steps.late, loss, site)
        else:
            single = loss.numel() == 1
            value = loss.item() if single and loss.is_floating_point() else _mean(loss).item()
            if single and value - value != 0:
                self.locate_nonfinite(loss, value, site)
        if o.evaluating:
            o.held_out.discard()
            o.evaluating = False
            o.trained_in_eval.add(o.root_site)
            o.counts.eval_mode_steps += 1
        o.structure.before_backward(o.unit, o.held, o.traced)
        o.held.clear()  # before the gradients need memory: what is kept longer costs fresh pages in every step
        self._look_at_graph(loss)
        for applier in o.appliers:
            applier.before_backward(loss)
        o.signals.backward_begins(loss, o.traced, power_of_two(o.unit))
        if not o.losses:
            o.pending = {}
        if o.pair is not None:
            o.calls.settle()
            o.pending = {
                "task_loss": o.pair.loss,
                "accuracy": _nan(o.pair.accuracy),
                "balanced_error": _nan(o.pair.balanced_error),
            }
        o.losses.append(o.scaling.own_size(value))
        o.steps.before_backward()

    def read_late(self, late: LateReads, loss: Tensor, site: int) -> None:
        """Ask for the loss, and which of the outputs behind it are finite: they are gone when it is known."""
        o = self.observer
        carriers = carriers_of(o, loss)
        sizes = device_maxima([tensor.detach() for *_, tensor in carriers])
        places = [(where, name, place) for where, name, place, _ in carriers]
        number, single = o.steps.count, loss.numel() == 1

        def known(values: list[float]) -> None:
            value, *largest = values
            o.steps.losses.append(value)
            o.last_loss = value
            if single and value - value != 0 and o.nonfinite is None:
                found = next((p for p, size in zip(places, largest, strict=True) if size - size != 0), None)
                where, name, place = found or ("loss", f"loss ({value})", site)
                o.nonfinite = NonFinite(number, where, name, place, where != "input")

        late.read([_mean(loss), *sizes], known)

    def _look_at_graph(self, loss: Tensor) -> None:
        o = self.observer
        o.loss_made = o.tracer.made.get(loss, -1) if o.traced else -1
        by_hand = o.counts.optimizer_steps == 0 and not o.stepping.depth
        if o.traced or (by_hand and o.manual.possible):
            found = graph_leaves(loss)
            if o.traced:
                o.leaves = self.name_leaves(found)
                o.structure.meet_leaves(found, o.unit == 0)
            if by_hand:
                row = o.manual.compare(found)
                if row is not None:
                    self.manual_step(row)

    def name_leaves(self, found: Sequence[Tensor]) -> tuple[Leaf, ...]:
        """The leaves that the loss depends on, by name, and who holds them."""
        o = self.observer
        held = o.structure.held_by_optimizers()
        inside = {id(p) for root in o.roots.values() for p in root.parameters()}
        return tuple(
            Leaf(
                name=o.steps.names.get(id(t), f"tensor {shape_of(t)}"),
                shape=shape_of(t),
                in_optimizer=id(t) in held,
                in_module=id(t) in inside,
            )
            for t in found[:MAX_LEAVES]
        )

    @guarded
    def ends(self) -> None:
        """Gradients have been computed."""
        o = self.observer
        o.structure.after_backward(o.unit, o.traced)
        for applier in o.appliers:
            applier.after_backward()
        by_hand = o.counts.optimizer_steps == 0 and not o.stepping.depth
        if by_hand:
            o.manual.after_backward()
        o.boundary()
        if by_hand or len(o.losses) > 1:
            o.tick()

    def manual_step(self, row: dict[str, float]) -> None:
        """Weights moved between two backward calls without any optimizer: the user's own update."""
        o = self.observer
        o.steps.append({"stale": 0.0, "empty_grads": 0.0} | o.manual.take() | row | o.take_row())
        for applier in o.appliers:
            applier.after_manual_step(o.manual)

    def locate_nonfinite(self, loss: Tensor, value: float, site: int) -> None:
        """Name the first thing of this step that is not finite."""
        o = self.observer
        if o.nonfinite is None:
            o.nonfinite, o.signals.culprit, o.signals.nonfinite_share = locate(o, loss, value, site)


def _mean(loss: Tensor) -> Tensor:
    """The loss; of one with several elements (``backward(gradient=...)``) their mean."""
    real = loss.detach().real if loss.is_complex() else loss.detach()
    return real if real.numel() == 1 else real.double().mean()


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
