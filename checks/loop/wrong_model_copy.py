"""wrong-model-copy: the best weights were kept by reference."""

from __future__ import annotations

from sgd_doctor.check import Check
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording


class WrongModelCopy(Check):
    """A kept `state_dict()` follows the model.

    ## What it means
    `best = model.state_dict()` copies no numbers: the dictionary refers to the living weights, and every later step
    changes them in it as well.

    ## Why it hurts
    What is loaded or saved at the end are the last weights and not the best ones.

    ## How it is proven
    A state that was taken at an earlier step is loaded into the same model, and its tensors are the model's own.
    Advice: it does not touch the training.

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
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title=f"the state kept at step {taken} and loaded at step {loaded} is the living one",
            rule=Rule.NOTE,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "shared_tensors", "all", "none", f"taken at step {taken}, loaded at step {loaded}, same memory"
                ),
            ),
            advice="keep copy.deepcopy(model.state_dict()) instead",
        )
