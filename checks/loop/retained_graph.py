"""retained-graph: losses are added up with their graphs."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Confidence, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Operation, Recording

ADDING = ("add", "__add__", "__radd__", "__iadd__", "add_")


class RetainedGraph(Check):
    """A running total of losses keeps the graph of every step alive.

    ## What it means
    `total += loss` makes `total` depend on every loss so far, so Python cannot free their graphs.

    ## Why it hurts
    Memory grows with every step. What `backward()` needed is freed already, so the growth is small for most models.

    ## How it is proven
    After a backward call the loss that it was called on is added to something, with its graph. Advice: no harm to the
    training itself.

    ## How to fix it
    `total += loss.item()`, or `total += loss.detach()` without waiting for the device.

    ## Example
    Bad:

        total += loss

    Good:

        total += loss.item()

    ## Known limits
    Lists of losses (`losses.append(loss)`) are not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory>
    """

    name = "retained-graph"
    family = "loop"
    summary = "losses are summed up with their graphs: memory grows"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Scalars added up before the first forward operation of a later step."""
        if not recording.facts.trace:
            raise NotChecked("no step was traced")
        # Without a module there is no telling where a step's forward begins.
        if recording.facts.trace_step < 1 or not recording.facts.trace_complete or not recording.facts.roots:
            return None
        for operation in recording.facts.trace:
            if operation.phase == "forward":
                return None
            if self._adds_up(operation):
                return self._suspicion(recording, operation)
        return None

    def _adds_up(self, operation: Operation) -> bool:
        scalars = all(len(i.shape) == 0 and i.derived for i in operation.inputs) and operation.shape == ()
        return operation.name in ADDING and scalars and bool(operation.inputs) and operation.recorded

    def _suspicion(self, recording: Recording, operation: Operation) -> Suspicion:
        return Suspicion(
            check=self.name,
            severity=Severity.ADVICE,
            title="losses are added up with their graphs: memory grows with every step",
            rule=Rule.NOTE,
            location=recording.location(operation.site),
            evidence=(
                Evidence(
                    "summed_with_graph", operation.name, "loss.item()", "a loss is added to a total after its backward"
                ),
            ),
            advice="add loss.item() (or loss.detach()) instead of loss",
            confidence=Confidence.LIKELY,
        )
