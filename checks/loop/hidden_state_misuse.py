"""hidden-state-misuse: the graph grows from step to step."""

from __future__ import annotations

import itertools

import numpy as np

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

GROWTH = 0.5
"""Slope of nodes against backward calls, in logarithms: 1 is a graph that keeps every step, 0 one that keeps none."""
FACTOR = 4.0
SMALL = 4
APART = 1.5
"""Ratio of the numbers of two calls between which a growing graph has to be seen to grow."""


class HiddenStateMisuse(Check):
    """The graph of every step hangs on that of the step before.

    ## What it means
    A hidden state, or a running quantity, is carried from one step to the next with its history.
    `retain_graph=True` silences the error that PyTorch raises then, and keeps all history alive.

    ## Why it hurts
    Time and memory of a step grow with the number of steps, and gradients flow through all of them.

    ## How it is proven
    The number of nodes that backward walks grows in proportion to the number of steps.

    ## How to fix it
    `h = h.detach()` between steps (the result has to be assigned), and no `retain_graph=True`.

    ## Example
    Bad:

        out, h = rnn(x, h)
        loss = criterion(out, y)
        loss.backward(retain_graph=True)

    Good:

        out, h = rnn(x, h.detach())
        loss = criterion(out, y)
        loss.backward()

    ## Known limits
    Graphs beyond 20 000 nodes are not counted to their end.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory>
    """

    name = "hidden-state-misuse"
    family = "loop"
    summary = "the graph grows with every step: a state is carried on without detach"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Size of the graph against the number of backward calls."""
        sizes = [(c, n) for c, n in recording.facts.signals.graph_sizes if c >= SMALL and n > 0]
        if len(sizes) < 3:
            raise NotChecked("too few backward calls were made to see the graph grow")
        calls, nodes = np.log([c for c, _ in sizes]), np.log([n for _, n in sizes])
        slope = float(np.polyfit(calls, nodes, 1)[0])
        first, last = sizes[0], max(sizes, key=lambda s: s[1])
        # A graph that grows once (another stage, another loss) is larger at some calls and alike at the others.
        steady = all(a[1] < b[1] if b[0] >= APART * a[0] else a[1] <= b[1] for a, b in itertools.pairwise(sizes))
        if not slope > GROWTH or not last[1] >= FACTOR * first[1] or not steady:
            return None
        backward = recording.event_sites("backward")
        place = recording.site(backward[0] if backward else -1)
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the graph grows with every step: {first[1]} nodes at backward {first[0]}, {last[1]} at {last[0]}",
            rule=Rule.NOTE,
            location=recording.location(backward[0] if backward else -1),
            evidence=(
                Evidence(
                    "graph_nodes",
                    last[1],
                    f"about {first[1]}",
                    f"{first[1]} nodes at backward {first[0]}, {last[1]} at {last[0]}",
                ),
            ),
            explains=("exploding-gradient",),
            advice="detach what is carried from step to step (h = h.detach()), and drop retain_graph=True",
            edits=(Edit("detach-state", {"line": place.line}),) if place is not None else (),
        )
