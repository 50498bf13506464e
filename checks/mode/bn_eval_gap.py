"""bn-eval-gap: the running statistics of BatchNorm are not those that training sees."""

from __future__ import annotations

import math

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import HeldOut, Recording
from sgd_doctor.structure import ModeLayer

GAP = 0.1
"""Held-out loss above the training loss, in units of the trivial loss, that is worth a replay: the replay decides, so
this only has to be above the noise of an evaluation."""
LEFT = 0.02
"""Share of the initial statistics that is left at the end, above which the momentum is named as the reason."""

MOST = 0.5
"""Running statistics always lag behind young weights: the change has to take away most of the held-out loss."""


class BnEvalGap(Check):
    """In evaluation mode BatchNorm works with statistics that do not fit the data.

    ## What it means
    In training BatchNorm normalises with the mean and variance of the batch; in evaluation with running averages
    of them. The averages lag behind: the momentum is small, too few steps were made, or the weights move quickly.

    ## Why it hurts
    The same data give far worse results in evaluation mode than in training mode, and that is the mode in which the
    model is used.

    ## How it is proven
    The held-out loss is clearly above the training loss. The same loop is rerun with the running statistics computed
    anew from the latest training batches before each evaluation; where the held-out loss is no better, this is
    ruled out as the reason.

    ## How to fix it
    Use the default momentum (0.1) or a larger one for short runs; train longer or with a smaller learning rate; or
    compute the statistics anew after training (`torch.optim.swa_utils.update_bn(loader, model)`).

    ## Example
    Bad:

        nn.BatchNorm2d(16, momentum=0.001)      # 200 steps: 82 % of the initial mean 0 and variance 1 is left

    Good:

        nn.BatchNorm2d(16)

    ## Known limits
    Seen only where the script evaluates in evaluation mode within the watched part of the run.

    ## References
    - Ioffe and Szegedy, Batch Normalization, 2015
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html>
    """

    name = "bn-eval-gap"
    family = "mode"
    summary = "BatchNorm's running statistics do not fit the data: evaluation mode is far worse than training mode"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """BatchNorm layers that train, and a held-out loss in evaluation mode far above the training loss."""
        structure = recording.facts.structure
        layers = [m for m in (structure.mode_layers if structure is not None else ()) if m.values is not None]
        layers = [m for m in layers if m.training and m.momentum is not None]
        if not layers:
            return None
        groups = [g for g in recording.facts.held_out if not g.training_mode and g.loss and g.loss[-1] is not None]
        if not groups:
            raise NotChecked("no loss in evaluation mode was seen")
        group = max(groups, key=lambda g: g.loss[-1] or 0.0)
        trained = stats.training_loss(recording.column("loss"), recording.column("task_loss"))
        held = group.loss[-1] or 0.0
        task = recording.facts.task
        unit = task.trivial_loss if task is not None and task.trivial_loss else 0.0
        if not unit > 0 or not held - trained > GAP * unit:
            return None
        return self._suspicion(recording, layers, group, trained, held)

    def _suspicion(
        self, recording: Recording, layers: list[ModeLayer], group: HeldOut, trained: float, held: float
    ) -> Suspicion:
        slowest = min(layers, key=lambda m: m.momentum if m.momentum is not None else 1.0)
        left = (1 - slowest.momentum) ** recording.steps if slowest.momentum is not None else 0.0
        why = "compute the statistics anew before evaluating (torch.optim.swa_utils.update_bn), or train longer"
        if left > LEFT and math.isfinite(left):
            why = f"use momentum=0.1: with {slowest.momentum:g}, {left:.0%} of the initial values are left at the end"
        built = recording.facts.module_sites.get(slowest.name, -1)
        kinds = sorted({m.kind for m in layers})
        slow = left > LEFT and math.isfinite(left)
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{slowest.kind} is evaluated with running statistics that do not fit: held-out loss {held:.3g}, "
            f"training loss {trained:.3g}",
            rule=Rule.SMELL,
            location=recording.location(built if built >= 0 else group.site),
            evidence=(
                Evidence("held_out_loss", round(held, 4), f"about {trained:.3g}", f"held-out loss {held:.3g}"),
                Evidence("momentum", slowest.momentum, "0.1", f"{len(layers)} BatchNorm layers are trained"),
            ),
            treatments=(Treatment((Intervention("recompute-statistics", "statistics computed anew", {}),)),),
            explains=("overfitting", "missing-weight-decay"),
            advice=why,
            edits=(Edit("drop-call-arg", {"functions": kinds, "arg": "momentum"}),) if slow else (),
            metric="held_out_loss",
            only_proven=True,
            least_share=MOST,
            long=True,
        )
