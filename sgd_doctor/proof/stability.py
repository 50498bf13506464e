"""How far the learning rate lies beyond the stability limit: evidence beside the proof, never instead of it."""

from __future__ import annotations

import numpy as np

from sgd_doctor.findings import Evidence, Intervention
from sgd_doctor.lab import without_lr
from sgd_doctor.learning_rate import user_lr
from sgd_doctor.proof.case import Case

STEPS = 3
MEASURE = Intervention("measure-curvature", "curvature measured", {})
SHARE = 0.22
"""Mini-batch SGD fails from about this share of the limit on (sharpness bench: at the start P .73, R .77)."""


def stability(case: Case) -> Evidence | None:
    """``lr`` in units of the stability limit 2(1 + β)/λ of gradient descent with momentum β on a quadratic.

    With Nesterov's momentum the limit is 2(1 + β)/((1 + 2β)λ).  None for other optimizers than SGD, and where the
    model allows no double backward.  Source: Cohen et al., Gradient Descent on Neural Networks Typically Occurs at
    the Edge of Stability, ICLR 2021 (section 2 and appendix B).
    """
    facts = case.observed.facts
    if not facts.optimizers or facts.optimizers[0].kind != "SGD" or not case.can_probe():
        return None
    arm = (*without_lr(case.applied), MEASURE)
    trial = case.lab.run([arm], STEPS, "loss", "how large is the curvature?")[0]
    found = trial.recording.facts.signals.curvature if trial.recording is not None else ()
    curvature = float(np.median(np.abs(found))) if found else 0.0
    if not curvature > 0:
        return None
    group = facts.optimizers[0].groups[0] if facts.optimizers[0].groups else {}
    beta, nesterov = float(group.get("momentum") or 0.0), bool(group.get("nesterov"))
    limit = 2 * (1 + beta) / curvature / ((1 + 2 * beta) if nesterov else 1)
    times = user_lr(case.observed) / limit
    return Evidence(
        "lr_over_stability_limit",
        float(f"{times:.3g}"),
        f"< {SHARE}",
        f"lr is {times:.2g} × the stability limit {limit:.2g} (2(1 + momentum) over {curvature:.3g}, the curvature at "
        "the start)",
    )
