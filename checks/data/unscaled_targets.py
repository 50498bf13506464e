"""unscaled-targets: regression targets far larger than what a fresh model puts out."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Targets

LARGE = 10.0
"""Spread or distance from 0 beyond which targets are suspected: a fresh network's outputs lie within a few units."""
HUGE = 30.0
"""Beyond this the scale itself is the fault, even where a learning rate a thousand times smaller makes up for it."""


class UnscaledTargets(Check):
    """Regression targets are not scaled.

    ## What it means
    A freshly initialised network puts out numbers of about 1. Targets of 100 or 100 000 are far away from that,
    and the gradient of a squared error grows with the distance.

    ## Why it hurts
    Either the first steps are so large that the run diverges, or the learning rate is so small that the output
    never gets near the targets: the loss stays at the size of the squared targets.

    ## How it is proven
    The same loop is rerun with standardised targets in the loss. Its outputs are scaled back before both runs
    are compared by their squared error in the units of the targets. The rerun has to beat the best run on
    raw targets at any learning rate; with targets beyond 30 it has to reach most of what that one gains.

    ## How to fix it
    Train on `(y - y_train.mean()) / y_train.std()` and scale predictions back: `pred * y_train.std() + y_train.mean()`.

    ## Example
    Bad:

        y = torch.tensor(prices).float().unsqueeze(1)          # 50 000 to 900 000
        loss = F.mse_loss(model(x), y)

    Good:

        y = torch.tensor(prices).float().unsqueeze(1)
        y_mean, y_std = y.mean(), y.std()
        loss = F.mse_loss(model(x), (y - y_mean) / y_std)

    ## Known limits
    Targets that are far too small are not looked for. A model that scales its own output is left in peace by the rerun.

    ## References
    - LeCun et al., Efficient BackProp, 1998, section 4.5
    """

    name = "unscaled-targets"
    family = "data"
    summary = "regression targets of hundreds or more break or stall the training"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Mean and spread of real-valued targets."""
        task, targets = recording.facts.task, recording.facts.signals.targets
        if task is None or targets.mean is None or targets.std is None:
            raise NotChecked("no finite targets were seen")
        if task.kind != "real" or not targets.std > 0:
            return None
        if not (targets.std > LARGE or abs(targets.mean) > LARGE):
            return None
        if not stats.measures_error(recording.column("loss"), recording.column("task_loss")):
            raise NotChecked(
                "the loss falls, and the difference of outputs and targets does not: it is no error of these"
            )
        return self._suspicion(recording, targets, targets.mean, targets.std)

    def _suspicion(self, recording: Recording, targets: Targets, mean: float, std: float) -> Suspicion | None:
        task = recording.facts.task
        site = recording.site(task.loss_site) if task is not None else None
        if task is None or site is None:
            return None
        args = {"function": task.loss_name, "path": site.path, "line": site.line, "shift": mean, "scale": std}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"targets are not scaled: {targets.minimum:.3g} to {targets.maximum:.3g}, "
            f"mean {mean:.3g}, standard deviation {std:.3g}",
            rule=Rule.SMELL if max(std, abs(mean)) > HUGE else Rule.KNOB,
            location=recording.location(task.loss_site),
            evidence=(
                Evidence("target_std", round(std, 4), "about 1", f"targets spread by {std:.3g} around {mean:.3g}"),
                Evidence("target_mean", round(mean, 4), "about 0", f"a fresh model's outputs are {abs(mean):.3g} away"),
            ),
            treatments=(Treatment((Intervention("rescale-targets", "targets standardised", args),)),),
            explains=(
                "lr-too-high",
                "lr-too-low",
                "divergence",
                "no-learning",
                "plateau",
                "slow-learning",
                "init-too-large",
                "exploding-gradient",
                "dead-relu",
                "undertrained",
                "final-activation-range",
            ),
            advice=f"train on (y - {mean:.4g}) / {std:.4g} (mean and standard deviation of the training targets), "
            "and scale predictions back with the same numbers",
            edits=(Edit("standardise-targets", {"line": site.line}),),
            metric="task_loss",
        )
