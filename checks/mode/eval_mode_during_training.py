"""eval-mode-during-training: model.eval() that is never undone."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SHARE = 0.2
"""Share of the steps in evaluation mode from which it is no accident."""


class EvalModeDuringTraining(Check):
    """The whole model is in evaluation mode while it is trained.

    ## What it means
    `model.eval()` was called, usually for a validation, and `model.train()` was not called afterwards.

    ## Why it hurts
    BatchNorm uses its running statistics and no longer updates them: activations drift away from the scale
    that it is there to hold. Dropout is off.

    ## How it is proven
    Forward passes of the whole model in evaluation mode are followed by backward and step, and the model has
    BatchNorm or dropout layers. The same loop is rerun in training mode; where that is no better, it is advice.

    ## How to fix it
    Call `model.train()` before each epoch of training, and `model.eval()` before each evaluation.

    ## Example
    Bad:

        model.eval()
        for x, y in loader:
            train_step(x, y)

    Good:

        model.train()
        for x, y in loader:
            train_step(x, y)

    ## Known limits
    BatchNorm layers alone that are frozen for fine-tuning are left in peace. Missing dropout lets a model
    overfit, which a short rerun does not show.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval>
    """

    name = "eval-mode-during-training"
    family = "mode"
    summary = "the model is trained in evaluation mode, although it has BatchNorm or dropout"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Steps with gradients of the whole model in evaluation mode."""
        structure = recording.facts.structure
        if structure is None or not structure.passes:
            raise NotChecked("no optimizer stepped")
        share = structure.eval_passes / structure.passes
        kinds = sorted({m.kind for m in structure.mode_layers if m.evaluating})
        if not share >= SHARE or not kinds:
            return None
        site = recording.site(structure.eval_forward_site)
        args = {"path": site.path if site else "", "line": site.line if site else 0}
        edits = (Edit("set-mode", {"mode": "train", "line": site.line}),) if site is not None else ()
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"the model is trained in evaluation mode ({share:.0%} of the steps): "
            f"{', '.join(kinds)} {'does' if len(kinds) == 1 else 'do'} not work as in training",
            rule=Rule.FACT,
            location=recording.location(structure.eval_forward_site),
            evidence=(
                Evidence(
                    "passes_in_evaluation_mode",
                    structure.eval_passes,
                    "0",
                    f"{structure.eval_passes} of {structure.passes} optimizer steps used gradients of a forward pass "
                    "with model.training False",
                ),
            ),
            treatments=(Treatment((Intervention("train-mode", "model.train() while training", args),)),),
            explains=(
                "divergence",
                "lr-too-high",
                "slow-learning",
                "plateau",
                "oscillation",
                "no-learning",
                "unnormalized-inputs",
                "exploding-gradient",
                "undertrained",
            ),
            advice="call model.train() before training, each time after model.eval()",
            edits=edits,
            needs_harm=True,
        )
