"""One named change each, applied while the user's own loop runs."""

from __future__ import annotations

from collections.abc import Sequence

from sgd_doctor.findings import Intervention
from sgd_doctor.interventions.answers import LookAhead
from sgd_doctor.interventions.base import Applier
from sgd_doctor.interventions.curvature import MeasureCurvature
from sgd_doctor.interventions.functions import DropFunction, MoveAxes, ReshapeTarget, StandardiseOperand
from sgd_doctor.interventions.hyperparameters import HoldLr, ScaleLr, SetDampening, SetMomentum, SetWeightDecay
from sgd_doctor.interventions.inputs import MatchEvaluation, StandardiseBatches, StandardiseInputs
from sgd_doctor.interventions.loop import Reseed, SkipZeroGrad, StepAfterBackward, ZeroAfterStep
from sgd_doctor.interventions.losses import (
    Minimise,
    NegateFunction,
    NegateGradients,
    ReorderRows,
    ReplaceFunction,
    ScaleGradients,
    ScaleLoss,
    SetFunctionArgument,
    SwapGradient,
    TransformOperand,
)
from sgd_doctor.interventions.masks import InvertPaddingMask
from sgd_doctor.interventions.model import (
    BatchFirst,
    GuardFunction,
    InsertRelu,
    Reinitialise,
    SwapActivation,
)
from sgd_doctor.interventions.modes import EvalModeAtEvaluation, LowerDropout, TrainMode
from sgd_doctor.interventions.normalisation import PerSampleNorm, RecomputeStatistics
from sgd_doctor.interventions.set_aside import SetAside
from sgd_doctor.interventions.stepping import ClipGradients, KeepOptimizerState, SkipClip
from sgd_doctor.interventions.stored import KeepData
from sgd_doctor.interventions.targets import (
    FillNonFinite,
    OneBatch,
    PermuteTargets,
    RescaleTargets,
    ShuffleBatches,
    WeightClasses,
)
from sgd_doctor.interventions.wiring import AdoptLeaves, KeepGradients, KeepGraph, KeepLayer, KeepModel, Unfreeze

APPLIERS: dict[str, type[Applier]] = {
    "lr": ScaleLr,
    "hold-lr": HoldLr,
    "momentum": SetMomentum,
    "dampening": SetDampening,
    "weight-decay": SetWeightDecay,
    "zero-after-step": ZeroAfterStep,
    "skip-zero-grad": SkipZeroGrad,
    "step-after-backward": StepAfterBackward,
    "standardise-inputs": StandardiseInputs,
    "standardise-operand": StandardiseOperand,
    "standardise-batches": StandardiseBatches,
    "match-evaluation": MatchEvaluation,
    "drop-function": DropFunction,
    "reshape-target": ReshapeTarget,
    "move-axes": MoveAxes,
    "reorder-rows": ReorderRows,
    "reseed": Reseed,
    "adopt-leaves": AdoptLeaves,
    "unfreeze": Unfreeze,
    "keep-data": KeepData,
    "keep-layer": KeepLayer,
    "keep-model": KeepModel,
    "keep-graph": KeepGraph,
    "keep-gradients": KeepGradients,
    "train-mode": TrainMode,
    "lower-dropout": LowerDropout,
    "eval-mode-at-evaluation": EvalModeAtEvaluation,
    "recompute-statistics": RecomputeStatistics,
    "per-sample-norm": PerSampleNorm,
    "transform-operand": TransformOperand,
    "set-function-argument": SetFunctionArgument,
    "replace-function": ReplaceFunction,
    "swap-gradient": SwapGradient,
    "scale-gradients": ScaleGradients,
    "scale-loss": ScaleLoss,
    "negate-function": NegateFunction,
    "negate-gradients": NegateGradients,
    "minimise": Minimise,
    "rescale-targets": RescaleTargets,
    "fill-nonfinite": FillNonFinite,
    "one-batch": OneBatch,
    "permute-targets": PermuteTargets,
    "weight-classes": WeightClasses,
    "shuffle-batches": ShuffleBatches,
    "reinitialise": Reinitialise,
    "swap-activation": SwapActivation,
    "insert-relu": InsertRelu,
    "guard-function": GuardFunction,
    "batch-first": BatchFirst,
    "clip-gradients": ClipGradients,
    "skip-clip": SkipClip,
    "keep-optimizer-state": KeepOptimizerState,
    "measure-curvature": MeasureCurvature,
    "invert-padding-mask": InvertPaddingMask,
    "look-ahead": LookAhead,
    "set-aside": SetAside,
}


def appliers(interventions: Sequence[Intervention]) -> tuple[Applier, ...]:
    """The appliers of ``interventions``, in their order.

    Raises:
        KeyError: an intervention of that name does not exist.
    """
    return tuple(APPLIERS[item.name](item.args | {"label": item.label}) for item in interventions)
