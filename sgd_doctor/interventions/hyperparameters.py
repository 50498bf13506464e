"""Other hyperparameters for the time of each step; schedulers keep seeing the user's own values."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from sgd_doctor.interventions.base import Applier


class _GroupValue(Applier):
    """Sets a key of every parameter group before the step and puts the old value back after it."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._saved: list[tuple[dict[str, Any], str, Any]] = []

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        """The keys to set for this group."""
        raise NotImplementedError

    def before_step(self, optimizer: Optimizer) -> None:
        for number, group in enumerate(optimizer.param_groups):
            for key, value in self.changed(optimizer, number, group).items():
                self._saved.append((group, key, group[key]))
                group[key] = value
                self.applied += 1

    def after_step(self, optimizer: Optimizer) -> None:
        while self._saved:
            group, key, value = self._saved.pop()
            group[key] = value


class ScaleLr(_GroupValue):
    """``lr`` of every group times ``factor``."""

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        return {"lr": group["lr"] * self.args["factor"]} if "lr" in group else {}


class HoldLr(_GroupValue):
    """``lr`` of every group as it was at the optimizer's first step."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._first: dict[tuple[int, int], Any] = {}

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        if "lr" not in group:
            return {}
        first = group.get("initial_lr", group["lr"])
        return {"lr": self._first.setdefault((id(optimizer), number), float(first))}


class SetMomentum(_GroupValue):
    """``momentum`` (or the first beta) = ``value``."""

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        value = self.args["value"]
        if "betas" in group:
            return {"betas": (value, *group["betas"][1:])}
        return {"momentum": value} if group.get("momentum") else {}


class SetWeightDecay(_GroupValue):
    """``weight_decay`` = ``value``."""

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        return {"weight_decay": self.args["value"]} if "weight_decay" in group else {}


class SetDampening(_GroupValue):
    """``dampening`` = ``value``."""

    def changed(self, optimizer: Optimizer, number: int, group: dict[str, Any]) -> dict[str, Any]:
        return {"dampening": self.args["value"]} if group.get("dampening") else {}
