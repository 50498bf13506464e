"""nan-in-data: inputs or targets that are not finite."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording


class NanInData(Check):
    """Inputs or targets contain NaN or infinity.

    ## What it means
    A batch holds values that are not finite before the model has touched it: missing values in a table, a division
    by a standard deviation of 0 while normalising, a logarithm of 0 in the preprocessing.

    ## Why it hurts
    One such value makes the loss and every gradient NaN, the next step every weight, and nothing comes back from that.

    ## How it is proven
    The first tensor of the run that is not finite is a batch tensor, while all weights still are. The same loop is
    rerun with those values replaced by 0.

    ## How to fix it
    Look at the data once before training: `torch.isfinite(X).all()`. Drop or fill missing values, and divide by
    `std.clamp_min(1e-8)`.

    ## Example
    Bad:

        X = torch.tensor(df.values, dtype=torch.float32)        # empty cells are NaN
        X = (X - X.mean(0)) / X.std(0)

    Good:

        X = torch.tensor(df.fillna(df.mean()).values, dtype=torch.float32)
        X = (X - X.mean(0)) / X.std(0).clamp_min(1e-8)

    ## Known limits
    Values that are not finite in samples that the watched part of the run has not reached are not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html>
    """

    name = "nan-in-data"
    family = "data"
    summary = "inputs or targets contain NaN or infinity"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The first value that was not finite belongs to a batch."""
        if not recording.facts.backwards:
            raise NotChecked("no backward call was seen")
        first = recording.facts.nonfinite
        if first is None or first.where not in ("input", "target"):
            return None
        forward = recording.event_sites("forward")
        task = recording.facts.task
        site = forward[0] if first.where == "input" and forward else first.site
        if first.where == "target" and task is not None:
            site = task.loss_site
        share = recording.facts.signals.nonfinite_share
        what = "inputs" if first.where == "input" else "targets"
        place, loss = recording.site(site), recording.site(task.loss_site) if task is not None else None
        edits: tuple[Edit, ...] = ()
        if place is not None and first.where == "target":
            edits = (Edit("mask-targets", {"line": place.line}),)
        elif place is not None and loss is not None:
            edits = (Edit("drop-nonfinite-rows", {"line": place.line, "loss_line": loss.line}),)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the {what} contain NaN or infinity: {share:.3g} of the values of the batch at step {first.step}",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "first_nonfinite",
                    f"{first.where}, step {first.step}",
                    "none",
                    f"{share:.2%} of the {first.where} were not finite at step {first.step}, all weights still were",
                ),
            ),
            treatments=(Treatment((Intervention("fill-nonfinite", "such values replaced by 0", {}),)),),
            explains=("divergence", "lr-too-high", "no-learning", "exploding-gradient", "nan-from-op"),
            advice=f"find the {what} with `~torch.isfinite(t)` where they are loaded, and drop or fill them; "
            "when normalising, divide by std.clamp_min(1e-8)",
            edits=edits,
        )
