"""stale-optimizer: the optimizer holds other tensors than the ones that learn."""

from __future__ import annotations

import itertools

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.standstill import standstill
from sgd_doctor.structure import ParameterState, Structure

LEAST = 2
"""Backward calls after which parameters without a gradient are no accident."""


class StaleOptimizer(Check):
    """The optimizer was built for other tensors than the ones that receive gradients.

    ## What it means
    After the optimizer was built, the model was built again, copied, or got a new layer. The optimizer
    still holds the old tensors. Or most of the model was frozen when it was built, and is not in it.

    ## Why it hurts
    `step()` moves nothing that matters. `zero_grad()` misses the live parameters, so that their gradients
    grow from step to step.

    ## How it is proven
    From identities: tensors in the optimizer never have a gradient, while parameters of the called model
    have gradients, are in no optimizer and never change. The same loop is rerun with the live parameters in
    the optimizer. An optimizer that holds a part of the model (a new head) is named only where it learns nothing.

    ## How to fix it
    Build the model completely (layers replaced, copied, moved to its device), then the optimizer.

    ## Example
    Bad:

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model = Net(hidden=64)

    Good:

        model = Net(hidden=64)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    ## Known limits
    Models that are left out on purpose (target networks, feature extractors) are told apart because the
    optimizer then holds nothing that is dead.

    ## References
    - <https://docs.pytorch.org/docs/stable/optim.html#constructing-it>
    """

    name = "stale-optimizer"
    family = "wiring"
    summary = "the optimizer holds other tensors than the ones that receive gradients"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Dead tensors in the optimizer beside live ones outside of it."""
        structure = recording.facts.structure
        if structure is None or recording.facts.backwards < LEAST:
            raise NotChecked("fewer than two backward calls were seen")
        if not recording.facts.optimizers:
            raise NotChecked("no optimizer was built")
        usable = [p for p in structure.parameters if p.trainable and not (p.changed and not p.in_optimizer)]
        held = [p for p in usable if p.in_optimizer]
        dead = [p for p in held if not p.gradient and not p.changed]
        live = [p for p in usable if p.in_model and p.gradient and not p.in_optimizer]
        if not dead and live:
            return (
                self._left_behind(recording, structure, live)
                or self._twice(recording, live)
                or self._too_few(recording, held, live)
            )
        if not dead or not live:
            return None
        whole = len(dead) == len(held)
        if not whole and (any(p.in_model for p in dead) or ranks(dead) != ranks(live)):
            return None
        return self._suspicion(recording, dead, live, whole, holder(recording, dead))

    def _left_behind(self, recording: Recording, structure: Structure, live: list[ParameterState]) -> Suspicion | None:
        """An optimizer of a later stage finds no gradient at any step: what it holds learned in an earlier one."""
        number = recording.column("optimizer")
        for index, optimizer in enumerate(recording.facts.optimizers):
            empty = recording.column("empty_grads")[number == index]
            if len(empty) < LEAST or not (empty > 0.5).all():
                continue
            dead = [p for p in structure.parameters if p.name and p.name in optimizer.names and not p.in_model]
            if dead:
                return self._suspicion(recording, dead, live, True, index)
        return None

    def _twice(self, recording: Recording, live: list[ParameterState]) -> Suspicion | None:
        """Two optimizers hold the same parameters, and a model that receives gradients is in none."""
        facts = recording.facts
        used = [o for o in facts.optimizers if o.steps and any(o.names)]
        pairs = [(a, b) for a, b in itertools.combinations(used, 2) if a.names == b.names and a.site != b.site]
        if not pairs:
            return None
        first, second = pairs[0]
        names = ", ".join(p.name for p in live[:3] if p.name)
        sites = [recording.location(o.site) for o in (first, second)]
        other = f", as in line {sites[1].line}" if sites[1] is not None else ""
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"two optimizers hold the same parameters{other}; {len(live)} others that receive gradients "
            f"({names}) are in none",
            rule=Rule.FACT,
            location=sites[0],
            evidence=(
                Evidence(
                    "live_outside", len(live), "0", f"{len(live)} parameters with gradients never change: {names}"
                ),
            ),
            explains=("no-learning", "plateau", "slow-learning", "undertrained", "exploding-gradient", "divergence"),
            advice="give each optimizer the parameters of its own model",
        )

    def _too_few(
        self, recording: Recording, held: list[ParameterState], live: list[ParameterState]
    ) -> Suspicion | None:
        """What the optimizer holds learns nothing, and most parameters with gradients are in none.

        Where it learns, as a new head alone does, that is meant.
        """
        if len(recording.facts.optimizers) != 1 or len(live) <= len(held) or standstill(recording) is None:
            return None
        names = ", ".join(p.name for p in live[:3] if p.name)
        total = len(held) + len(live)
        change = Intervention("adopt-leaves", "all of them in the optimizer", {"parameters": True, "optimizer": 0})
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"the optimizer holds {len(held)} of {total} parameters that receive gradients, and learns nothing "
            "with them",
            rule=Rule.FACT,
            location=recording.location(recording.facts.optimizers[0].site),
            evidence=(
                Evidence(
                    "live_outside", len(live), "0", f"{len(live)} parameters with gradients never change: {names}"
                ),
            ),
            treatments=(Treatment((change,)),),
            explains=("no-learning", "plateau", "slow-learning", "lr-too-low", "undertrained", "labels-misaligned"),
            advice="build the optimizer with model.parameters() after every requires_grad is set: what was frozen when "
            "it was built is not in it",
            needs_harm=True,
        )

    def _suspicion(
        self,
        recording: Recording,
        dead: list[ParameterState],
        live: list[ParameterState],
        whole: bool,
        number: int,
    ) -> Suspicion:
        built = recording.location(recording.facts.optimizers[number].site)
        names = ", ".join(p.name for p in live[:3] if p.name)
        which = "none of the tensors that learn is" if whole else f"{names} {'is' if len(live) == 1 else 'are'} not"
        args = {"parameters": True, "replace": whole, "optimizer": number}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{which} in the optimizer: it was built for {len(dead)} tensors that receive no gradient",
            rule=Rule.FACT,
            location=built,
            evidence=(
                Evidence(
                    "dead_in_optimizer",
                    len(dead),
                    "0",
                    f"{len(dead)} tensors of the optimizer had no gradient {times(recording, number)}",
                ),
                Evidence(
                    "live_outside", len(live), "0", f"{len(live)} parameters with gradients never change: {names}"
                ),
            ),
            treatments=(Treatment((Intervention("adopt-leaves", "the live parameters in the optimizer", args),)),),
            explains=(
                "no-learning",
                "plateau",
                "slow-learning",
                "lr-too-low",
                "undertrained",
                "exploding-gradient",
                "missing-zero-grad",
            ),
            advice="build the optimizer after the model is complete (after layers were replaced, copied or rebuilt)",
            edits=moved(recording, number, live, whole),
        )


def times(recording: Recording, number: int) -> str:
    """When its tensors had none: at the steps of a later stage, or in all of the run."""
    own = recording.facts.optimizers[number].steps
    return f"at its {own} steps" if 0 < own < recording.steps else f"in {recording.facts.backwards} backwards"


def ranks(parameters: list[ParameterState]) -> list[int]:
    """Their numbers of dimensions: a replaced layer has as many tensors of the same kinds."""
    return sorted(len(p.shape) for p in parameters)


def holder(recording: Recording, dead: list[ParameterState]) -> int:
    """Number of the optimizer that holds the dead tensors."""
    names = {p.name for p in dead if p.name}
    for number, optimizer in enumerate(recording.facts.optimizers):
        if not names or names & set(optimizer.names) or set(optimizer.names) <= {""}:
            return number
    return len(recording.facts.optimizers) - 1


def moved(recording: Recording, number: int, live: list[ParameterState], whole: bool) -> tuple[Edit, ...]:
    """Build the optimizer after the line that built what learns."""
    facts = recording.facts
    module = facts.model if whole else live[0].name.rpartition(".")[0]
    after = recording.site(facts.module_sites.get(module, -1))
    built = recording.site(facts.optimizers[number].site)
    if built is None:
        return ()
    if after is None or after.path != built.path or after.line <= built.line:
        # The model was built in a function: the edit looks for the statement that called it.
        return (Edit("move-optimizer-after", {"optimizer_line": built.line}),)
    return (Edit("move-optimizer-after", {"optimizer_line": built.line, "after_line": after.line}),)
