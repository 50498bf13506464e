"""One named change each, applied while the user's own loop runs."""

from __future__ import annotations

from collections.abc import Sequence

from sgd_doctor.findings import Intervention
from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.functions import DropFunction, ReshapeTarget, StandardiseOperand
from sgd_doctor.interventions.hyperparameters import HoldLr, ScaleLr, SetMomentum, SetWeightDecay
from sgd_doctor.interventions.inputs import StandardiseInputs
from sgd_doctor.interventions.loop import Reseed, SkipZeroGrad, StepAfterBackward, ZeroAfterStep

APPLIERS: dict[str, type[Applier]] = {
    "lr": ScaleLr,
    "hold-lr": HoldLr,
    "momentum": SetMomentum,
    "weight-decay": SetWeightDecay,
    "zero-after-step": ZeroAfterStep,
    "skip-zero-grad": SkipZeroGrad,
    "step-after-backward": StepAfterBackward,
    "standardise-inputs": StandardiseInputs,
    "standardise-operand": StandardiseOperand,
    "drop-function": DropFunction,
    "reshape-target": ReshapeTarget,
    "reseed": Reseed,
}


def appliers(interventions: Sequence[Intervention]) -> tuple[Applier, ...]:
    """The appliers of ``interventions``, in their order.

    Raises:
        KeyError: an intervention of that name does not exist.
    """
    return tuple(APPLIERS[item.name](item.args | {"label": item.label}) for item in interventions)
