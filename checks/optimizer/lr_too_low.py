"""lr-too-low: the steps are too short to get anywhere."""

from __future__ import annotations

from sgd_doctor import stats
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import standstill

SCREEN_UPDATE_RATIO = 0.008
"""Largest update/weight norm over the first 50 steps above which a larger lr rarely helps (lr bench: P .87, R .92)."""
FIRST_STEPS = 50


class LrTooLow(Check):
    """The learning rate is too low.

    ## What it means
    Gradients are healthy, but each step changes the weights so little that the loss hardly moves in
    the time that the run has.

    ## Why it hurts
    The run looks stuck, or ends long before it has learned what it could.

    ## How it is proven
    The same loop is rerun from the same state on the same batches at 3 to 1000 times the rate. It is
    an error or warning only where the larger rate learns clearly more and the run as written got
    nowhere near it; where it merely learns faster, that is said as advice.

    ## How to fix it
    Use the learning rate that the report names.

    ## Example
    Bad:

        optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)

    Good:

        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    ## Known limits
    Fine-tuning with small rates on purpose looks the same for a short while; a run that is watched
    for too few steps cannot tell. Warm-up from zero is left out of account.

    ## References
    - Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017
    """

    name = "lr-too-low"
    family = "optimizer"
    summary = "a larger learning rate trains far faster; as written the run gets nowhere"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Tiny updates although gradients arrive, or a loss that learned nothing."""
        if not recording.facts.optimizers or recording.steps == 0:
            raise NotChecked("no optimizer made a step")
        largest = stats.finite_max(recording.column("update_ratio")[:FIRST_STEPS])
        gradient = stats.finite_max(recording.column("grad_norm"))
        small, stuck = largest < SCREEN_UPDATE_RATIO, standstill(recording)
        if not gradient > 0 or (not small and stuck is None):
            return None
        lr = stats.finite_max(recording.column("lr"))
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"lr {stats.nice(lr)} is too low",
            rule=Rule.HIGHER_LR,
            location=recording.location(recording.facts.optimizers[0].site),
            evidence=(stuck.evidence() if stuck is not None and not small else _size(largest),),
            explains=("no-learning", "slow-learning", "plateau", "undertrained"),
        )


def _size(largest: float) -> Evidence:
    """The longest step."""
    text = f"no step moved the weights by more than {largest:.2g} of their norm"
    return Evidence("max_update_ratio", round(float(largest), 7), f"> {SCREEN_UPDATE_RATIO}", text)
