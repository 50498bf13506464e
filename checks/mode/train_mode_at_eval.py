"""train-mode-at-eval: dropout or batch statistics are active while the model is evaluated."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import HeldOut, Recording
from sgd_doctor.structure import LiveDropout

MANY = 2.5
"""Calls with the same input one after the other: an average over dropout masks, made on purpose."""


class TrainModeAtEval(Check):
    """The model is evaluated in training mode.

    ## What it means
    `model.eval()` is missing before the validation, or dropout is called as a function
    (`F.dropout(x, 0.5)`), which drops values in every mode.

    ## Why it hurts
    Dropout makes predictions random and worse than they are; BatchNorm uses the statistics of the
    validation batch, and its running statistics move with validation data.

    ## How it is proven
    The evaluation passes run without gradients while BatchNorm or dropout layers are in training mode. The
    same loop is rerun with evaluation mode there, and the held-out loss is compared; where it is no better,
    this is advice.

    ## How to fix it
    Call `model.eval()` before and `model.train()` after the validation; pass `training=self.training` to
    functional dropout, or use `nn.Dropout` built in `__init__`.

    ## Example
    Bad:

        with torch.no_grad():
            accuracy = evaluate(model)

    Good:

        model.eval()
        with torch.no_grad():
            accuracy = evaluate(model)
        model.train()

    ## Known limits
    Dropout at inference on purpose (Monte Carlo dropout) is told apart by the same input going in again and
    again.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval>
    """

    name = "train-mode-at-eval"
    family = "mode"
    summary = "dropout or batch statistics are active while the model is evaluated"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Evaluation passes with active mode layers."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.evaluations:
            raise NotChecked("the script evaluates nothing without gradients")
        if structure.repeated_inputs >= MANY:
            return None
        groups = [g for g in recording.facts.held_out if g.steps and g.training_mode and g.mode_flags_matter]
        if groups:
            return self._modules(recording, groups[0])
        if structure.live_dropout:
            return self._functions(recording, structure.live_dropout[0])
        return None

    def _modules(self, recording: Recording, group: HeldOut) -> Suspicion:
        place = recording.site(group.site)
        edits = (Edit("set-mode", {"mode": "eval", "line": place.line}),) if place is not None else ()
        kinds = recording.facts.mode_layers
        verb = "stays" if len(kinds) == 1 else "stay"
        return self._suspicion(
            recording,
            group.site,
            f"the model is evaluated in training mode: {', '.join(kinds)} {verb} active",
            "call model.eval() before the evaluation, and model.train() after it",
            edits,
            {},
        )

    def _functions(self, recording: Recording, live: LiveDropout) -> Suspicion:
        place = recording.site(live.site)
        return self._suspicion(
            recording,
            live.site,
            f"{live.function} drops values while the model is in evaluation mode",
            f"pass training=self.training to {live.function}, or use nn.Dropout built in __init__",
            (Edit("follow-mode", {"line": place.line, "function": live.function}),) if place is not None else (),
            {"functions": True},
        )

    def _suspicion(
        self,
        recording: Recording,
        site: int,
        title: str,
        advice: str,
        edits: tuple[Edit, ...],
        args: dict[str, bool],
    ) -> Suspicion:
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=title,
            rule=Rule.SMELL,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "evaluation_passes", recording.facts.evaluations, "in evaluation mode", f"{title} at this call"
                ),
            ),
            treatments=(Treatment((Intervention("eval-mode-at-evaluation", "evaluation mode there", args),)),),
            explains=("overfitting", "bn-eval-gap"),
            advice=advice,
            edits=edits,
            metric=recording.held_out_metric(),
            needs_harm=True,
            long=True,
        )
