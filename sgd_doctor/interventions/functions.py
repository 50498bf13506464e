"""Changes of single torch functions; they need to see every function call and are used in probes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.inputs import standardise
from sgd_doctor.observe.features import feature_axis


class _AtSite(Applier):
    """Acts on the function ``name`` where the user's line and, if given, the module agree.

    ``call``: only on the so many-th such call since the last backward pass (of an evaluation: of the model's call).
    """

    needs_functions = True

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._calls, self._stretch = 0, (-1, -1)

    def here(self, name: str) -> bool:
        if name != self.args["function"]:
            return False
        module = self.args.get("module")
        if module is not None and self.observer.module_path() != module:
            return False
        path, line, _ = self.observer.sites._places[self.observer.sites.here()]
        return bool(path == self.args["path"] and line == self.args["line"] and self._this_call())

    def _this_call(self) -> bool:
        wanted = self.args.get("call")
        if wanted is None:
            return True
        o = self.observer
        stretch = (o.unit, o.counts.evaluations if o.evaluating else -1)
        if stretch != self._stretch:
            self._calls, self._stretch = 0, stretch
        self._calls += 1
        return bool(self._calls == wanted + 1)


PROBABILITIES = {"sigmoid", "sigmoid_", "softmax", "log_softmax"}
"""What evaluation code may rely on: its result stays one of probabilities there."""


class DropFunction(_AtSite):
    """The function returns its first argument unchanged (a softmax before cross-entropy)."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name) or (name in PROBABILITIES and self.observer.evaluating):
            return None
        source = args[0] if args else kwargs.get("input")
        self.applied += 1
        return (source,)


class ReshapeTarget(_AtSite):
    """The operand that does not depend on the model gets the shape of the one that does."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        named = {k: v for k, v in kwargs.items() if k in ("input", "target", "other") and isinstance(v, Tensor)}
        operands = [v for v in args[:2] if isinstance(v, Tensor)] + list(named.values())
        if len(operands) != 2 or operands[0].shape == operands[1].shape or operands[0].numel() != operands[1].numel():
            return None
        derived = [self.observer.tracer.is_derived(t) for t in operands]
        if derived.count(True) != 1:
            return None
        wanted = operands[derived.index(True)].shape
        fit = {id(operands[derived.index(False)]): operands[derived.index(False)].reshape(wanted)}
        new_args = tuple(fit.get(id(v), v) for v in args)
        new_kwargs = {k: fit.get(id(v), v) for k, v in kwargs.items()}
        return self.call(name, func, new_args, new_kwargs)


class StandardiseOperand(_AtSite):
    """The data operand of a functional model's first weight function is standardised."""

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        if not self.here(name):
            return None
        index = int(self.args["operand"])
        if index >= len(args) or not isinstance(args[index], Tensor):
            return None
        changed = standardise(args[index], self.args["mean"], self.args["std"], feature_axis(name, args[index]))
        if changed is None:
            return None
        self.applied += 1
        return (func(*args[:index], changed, *args[index + 1 :], **kwargs),)


class MoveAxes(_AtSite):
    """A view that gives the sizes of two axes another order moves the data as well.

    ``how``: the permutation, or ``channels-last`` for (N, C, H, W) to (N, H * W, C).  Where the view merges axes as
    well, the moved data are merged.
    """

    def rewrite(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any] | None:
        source = args[0] if args else None
        if not self.here(name) or not isinstance(source, Tensor):
            return None
        result = func(*args, **kwargs)
        how = str(self.args["how"])
        if how == "channels-last":
            moved = source.flatten(2).transpose(1, 2) if source.dim() == 4 else source
        else:
            order = [int(i) for i in how.split(",")]
            moved = source.permute(order) if source.dim() == len(order) else source
            if moved.dim() > result.dim() and moved.shape[:1] == result.shape[:1]:
                moved = moved.reshape(result.shape)
        if moved.shape != result.shape:
            return None
        self.applied += 1
        return (moved.contiguous(),)
