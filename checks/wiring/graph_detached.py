"""graph-detached: no gradient reaches the parameters."""

from __future__ import annotations

import numpy as np

from sgd_doctor import trace
from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import EVENTS, Operation, Recording
from sgd_doctor.structure import ParameterState, Structure

LEAST = 2
"""Backward calls after which parameters without a gradient are no accident."""
SHARE = 0.3
"""Share of the optimizer's numbers without a gradient from which a cut in the graph is tried out."""
CUTS = {"detach": ".detach()", "data": ".data", "detach_": ".detach_()"}


class GraphDetached(Check):
    """The loss is cut off from the parameters: they receive no gradient.

    ## What it means
    Somewhere between the parameters and the loss stands `.detach()`, `.data`, `.item()`, `.numpy()`,
    `torch.tensor(...)` or `no_grad()`, or a derivative was computed without `create_graph=True`. Often
    `requires_grad_()` behind it silences the error that `backward()` would raise.

    ## Why it hurts
    `backward()` stops at the cut. The optimizer steps, but has no gradient, and the weights stay as they are.

    ## How it is proven
    No parameter that an optimizer holds ever has a gradient, and the graph of the loss contains none of
    them. Where only a part is cut off by a `.detach()` or by `no_grad()` within the model, the same loop is rerun
    without it; where that is no better, it is advice.

    ## How to fix it
    Compute the loss from the model's output itself, with torch functions. Use `.item()` and `.numpy()` only
    for what is printed.

    ## Example
    Bad:

        out = torch.tensor(model(x).detach().numpy(), requires_grad=True)
        loss = criterion(out, y)

    Good:

        loss = criterion(model(x), y)

    ## Known limits
    A detached generator output, hidden state or target, and a frozen encoder whose weights the optimizer does not
    hold or which were loaded from a file, are left in peace.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/autograd.html>
    """

    name = "graph-detached"
    family = "wiring"
    summary = "parameters receive no gradient because the graph is cut before the loss"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Parameters of an optimizer that never have a gradient, with a cut behind them."""
        structure = recording.facts.structure
        if structure is None or recording.facts.backwards < LEAST:
            raise NotChecked("fewer than two backward calls were seen")
        held = [p for p in structure.parameters if p.in_optimizer and p.trainable]
        if not held:
            raise NotChecked("no optimizer holds a trainable parameter")
        dead = [p for p in held if not p.gradient and not p.changed]
        found = trace.cuts(recording)
        if trace.hard_cuts(recording):
            return None  # nondifferentiable-op says more
        derivative = next((cut for cut in found if cut.name == "grad"), None)
        if derivative is not None and not dead:
            return self._derivative(recording, derivative)
        if len(dead) == len(held):
            return self._whole(recording, structure, dead, found)
        return self._part(recording, dead, held, found) or self._one_optimizer(recording, structure, dead)

    def _whole(
        self, recording: Recording, structure: Structure, dead: list[ParameterState], found: list[Operation]
    ) -> Suspicion | None:
        if structure.leaf_parameters or any(p.gradient for p in structure.parameters) or structure.strays:
            return None  # other tensors learn: stale-optimizer, unregistered-params
        cut = next((op for op in reversed(found) if op.name in CUTS), None) or trace.way_out(recording)
        if cut is None and trace.misused(recording) is not None:
            return None  # wrong-variable-in-loss says more
        site, how = place_of(recording, cut)
        return self._suspicion(recording, cut, site, how, dead, whole=True)

    def _part(
        self,
        recording: Recording,
        dead: list[ParameterState],
        held: list[ParameterState],
        found: list[Operation],
    ) -> Suspicion | None:
        share = sum(p.size for p in dead) / max(1, sum(p.size for p in held))
        cut = next((op for op in found if not op.recorded or op.name in CUTS), None)
        if cut is None or not share >= SHARE:
            return None
        if cut.recorded:
            return self._suspicion(recording, cut, cut.site, CUTS[cut.name], dead, whole=False)
        if recording.facts.structure is not None and recording.facts.structure.loads:
            return None  # weights that were trained before may be meant to stay
        return self._suspicion(recording, cut, cut.site, "no_grad()", dead, whole=False)

    def _one_optimizer(
        self, recording: Recording, structure: Structure, dead: list[ParameterState]
    ) -> Suspicion | None:
        """One of several optimizers steps again and again, and nothing that it holds ever has a gradient."""
        if any(p.in_model and p.gradient and p.trainable and not p.in_optimizer for p in structure.parameters):
            return None  # other tensors learn: stale-optimizer
        facts = recording.facts
        for number, optimizer in enumerate(facts.optimizers):
            own = [p for p in dead if p.name and p.name in optimizer.names]
            at = np.flatnonzero(recording.column("optimizer") == number)
            idle = bool((recording.column("empty_grads")[at] == 1).all())
            if len(at) < LEAST or not own or len(own) != len(optimizer.names) or not idle:
                continue
            events = recording.events
            calls = events[
                (events[:, 1] == EVENTS.index("backward")) & np.isin(events[:, 0], at) & (events[:, 2] >= 0), 2
            ]
            site = (
                facts.detached_at if facts.detached_at >= 0 else int(np.bincount(calls).argmax()) if len(calls) else -1
            )
            how = ".detach()" if facts.detached_at >= 0 else ".detach(), .data or no_grad() before this backward()"
            return self._suspicion(
                recording, None, site, how, own, whole=True, which=f"what {optimizer.kind} holds never"
            )
        return None

    def _derivative(self, recording: Recording, cut: Operation) -> Suspicion:
        """A derivative of the model's output that the loss is made of, and that has no graph itself."""
        place, args = recording.site(cut.site), trace.at_site(recording, cut)
        change = args | {"arg": "create_graph", "position": 4, "value": True}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title="the derivative that autograd.grad gives here has no graph: to the loss made of it, it is a constant",
            rule=Rule.FACT,
            location=recording.location(cut.site),
            evidence=(
                Evidence(
                    "derivative_without_graph", 1, "0", "the loss depends on it, and no gradient passes through it"
                ),
            ),
            treatments=(Treatment((Intervention("set-function-argument", "create_graph=True", change),)),),
            explains=("no-learning", "plateau", "slow-learning", "lr-too-low", "undertrained"),
            advice="pass create_graph=True to torch.autograd.grad (retain_graph=True only keeps the old graph)",
            edits=(
                Edit("set-call-arg", {"function": "grad", "line": place.line, "arg": "create_graph", "value": True}),
            )
            if place is not None
            else (),
            needs_harm=True,
            only_proven=True,
        )

    def _suspicion(
        self,
        recording: Recording,
        cut: Operation | None,
        site: int,
        how: str,
        dead: list[ParameterState],
        *,
        whole: bool,
        which: str = "",
    ) -> Suspicion:
        count = sum(p.size for p in dead)
        treatments: tuple[Treatment, ...] = ()
        edits: tuple[Edit, ...] = ()
        if cut is not None and not cut.recorded and not whole:
            treatments = (Treatment((Intervention("keep-gradients", "gradients in the whole forward pass"),)),)
        elif cut is not None and cut.name in ("detach", "data"):
            args = trace.at_site(recording, cut)
            edits = (Edit("drop-cut", {"line": args["line"], "name": cut.name}),)
            treatments = (Treatment((Intervention("keep-graph", f"without {CUTS[cut.name]}", args),)),)
        place = recording.site(site)
        if not edits and place is not None and how.startswith("no_grad"):
            edits = (Edit("drop-no-grad", {"line": place.line}),)
        if which:
            which = f"{which} receives"
        else:
            which = "no parameter receives" if whole else f"{len(dead)} parameters ({count:,} numbers) never receive"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR if whole or cut is None or cut.recorded else Severity.WARNING,
            title=f"{which} a gradient: the loss is cut off from the model by {how}",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "parameters_without_gradient",
                    len(dead),
                    "0",
                    f"{len(dead)} of the optimizer's parameters had no gradient in {recording.facts.backwards} "
                    f"backward passes: {', '.join(p.name or 'a tensor' for p in dead[:3])}",
                ),
            ),
            treatments=treatments,
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "lr-too-low",
                "undertrained",
                "vanishing-gradient",
                "output-collapse",
                "zero-grad-misplaced",
                "divergence",
            ),
            advice=f"compute the loss from the model's output itself: take {how} out of the way between them",
            edits=edits,
            needs_harm=not whole,
        )


def place_of(recording: Recording, cut: Operation | None) -> tuple[int, str]:
    """The line to look at, and what stands there."""
    if cut is not None:
        how = CUTS.get(cut.name, f"{cut.name}()".replace("__array__()", "numpy"))
        return cut.site, how if cut.recorded or cut.name in CUTS else "no_grad()"
    evaluated, called = recording.event_sites("evaluate"), recording.event_sites("forward")
    if evaluated and not called:
        return evaluated[0], "no_grad()"
    loss = trace.operation(recording, recording.facts.loss_operation)
    backward = recording.event_sites("backward")
    site = loss.site if loss is not None else backward[0] if backward else -1
    return site, "detach(), .data, .item(), .numpy(), torch.tensor(...) or no_grad()"
