"""params-frozen: what would have to learn does not require a gradient."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

SHARE = 0.5
"""Trainable share from which a frozen head may do: then learning it has to beat every lr."""
FALL = 0.5
"""A loss that fell below this share of its start learns well enough with what is trainable."""


class ParamsFrozen(Check):
    """The last layer is frozen, and often most of the model.

    ## What it means
    `requires_grad` is False for the parameters that would have to learn: usually the freezing loop ran after
    the new head was attached, or its condition matches too much.

    ## Why it hurts
    What is left (a few biases, normalisation layers, a body behind a random head) cannot fit the task, or only slowly.

    ## How it is proven
    The last weight layer is frozen and the loss hardly falls. The same loop is rerun with everything trainable; where
    that is no better, it is advice. Where most of the model can learn, it has to be better than every learning rate
    with the head frozen, or nothing is said.

    ## How to fix it
    Freeze first and attach the new head afterwards, or set `requires_grad = True` for it, and give the
    optimizer those parameters.

    ## Example
    Bad:

        model.fc = nn.Linear(64, 10)
        for p in model.parameters():
            p.requires_grad = False

    Good:

        for p in model.parameters():
            p.requires_grad = False
        model.fc = nn.Linear(64, 10)

    ## Known limits
    A frozen backbone with a live head is the normal way to fine-tune and is left in peace, as are adapters
    (LoRA, prompts) inside of a pretrained model.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad>
    """

    name = "params-frozen"
    family = "wiring"
    summary = "the head and most of the model are frozen, and the rest cannot fit the task"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A frozen head, a small trainable share, and a loss that does not fall."""
        structure = recording.facts.structure
        if structure is None or not recording.facts.backwards:
            raise NotChecked("backward was never called")
        inside = [p for p in structure.parameters if p.in_model]
        frozen = [p for p in inside if not p.trainable]
        if not frozen or structure.head_trainable is not False:
            return None
        live = [p for p in inside if p.trainable]
        share = structure.head_share if structure.head_share is not None else 1.0
        adapters = any(len(p.shape) > 1 for p in live)
        pretrained = bool(structure.loads) or any(p.changed for p in frozen)
        most = share < SHARE
        meant = pretrained and (adapters or not most)
        if meant or learns(recording):
            return None
        what = f"only {share:.1%} of the model can learn" if most else "it keeps the weights that it began with"
        place = recording.site(structure.freeze_site)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the last layer ({structure.head}) is frozen: {what}",
            rule=Rule.FACT if most else Rule.KNOB,
            location=recording.location(structure.freeze_site),
            evidence=(
                Evidence(
                    "trainable_share",
                    round(share, 4),
                    f">= {SHARE:g}, or a live head",
                    f"{len(live)} of {len(inside)} parameters require a gradient: "
                    + ", ".join(p.name for p in live[:3]),
                ),
            ),
            treatments=(Treatment((Intervention("unfreeze", "everything trainable", {}),)),),
            explains=("no-learning", "plateau", "slow-learning", "lr-too-low", "lr-too-high", "undertrained"),
            advice="set requires_grad = True for the last layer (and what else has to learn) "
            "before the optimizer is built",
            edits=(Edit("unfreeze", {"line": place.line}),) if place is not None else (),
            needs_harm=True,
        )


def learns(recording: Recording) -> bool:
    """Whether the loss fell clearly, in the last stage of the script."""
    loss = recording.column("loss")[stats.last_stage(recording.column("optimizer")) :]
    start, end = stats.finite_mean(loss[:3]), stats.finite_mean(stats.tail(loss))
    return end < FALL * start
