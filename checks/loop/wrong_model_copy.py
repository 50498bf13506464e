"""wrong-model-copy: the best weights were kept by reference."""

from __future__ import annotations

from sgd_doctor.check import Check
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

WORSE = 1.2
"""How many times the held-out loss of then the last one has to be for the loss of the kept weights to hurt."""


class WrongModelCopy(Check):
    """A kept `state_dict()` follows the model.

    ## What it means
    `best = model.state_dict()` copies no numbers: the dictionary refers to the living weights, and every later step
    changes them in it as well. `detach()`, and `cpu()` of what is there already, do not copy either.

    ## Why it hurts
    What is loaded or saved at the end are the last weights and not the best ones.

    ## How it is proven
    A state that was taken at an earlier step is loaded into the same model, and its tensors are the model's own.
    Advice where the model is no worse by then: it does not touch the training.

    ## How to fix it
    `best = copy.deepcopy(model.state_dict())`, or save it to a file at once.

    ## Example
    Bad:

        if val < best_val: best = model.state_dict()

    Good:

        if val < best_val: best = copy.deepcopy(model.state_dict())

    ## Known limits
    Seen only where the state is loaded again within the watched part of the run.

    ## References
    - <https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html>
    """

    name = "wrong-model-copy"
    family = "loop"
    summary = "the kept best weights are the living ones: state_dict() does not copy"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """States that were loaded back into the model whose tensors they share."""
        shared = recording.facts.signals.shared_states
        if not shared:
            return None
        site, taken, loaded = shared[0]
        evidence = [
            Evidence("shared_tensors", "all", "none", f"taken at step {taken}, loaded at step {loaded}, same memory")
        ]
        worse = _since(recording, taken)
        if worse is not None:
            then, now = worse
            text = f"the held-out loss was {then:.3g} when it was taken, and is {now:.3g} when it is loaded"
            evidence.append(Evidence("held_out_loss", round(now, 4), f"{then:.3g}", text))
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE if worse is None else Severity.WARNING,
            title=f"the weights kept at step {taken} and loaded at step {loaded} are the living ones: "
            "nothing is restored",
            rule=Rule.NOTE,
            location=recording.location(site),
            evidence=tuple(evidence),
            explains=() if worse is None else ("overfitting", "missing-weight-decay"),
            advice="keep copy.deepcopy(model.state_dict()) instead (detach() and cpu() copy nothing either)",
        )


def _since(recording: Recording, taken: int) -> tuple[float, float] | None:
    """The held-out loss when the state was taken and the last one, where that is clearly higher."""
    for held in recording.facts.held_out:
        known = [(s, v) for s, v in zip(held.steps, held.loss, strict=True) if v is not None]
        before = [v for s, v in known if s <= taken]
        if before and known[-1][1] > WORSE * before[-1]:
            return before[-1], known[-1][1]
    return None
