"""missing-backward: a loss is computed and never differentiated."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording

LEAST = 2
"""Training losses after which a loop without backward is no accident."""


class MissingBackward(Check):
    """The loss is computed, but `backward()` is never called.

    ## What it means
    No gradient is ever computed, so there is nothing that an optimizer could use.

    ## Why it hurts
    The weights never change.

    ## How it is proven
    By counting: an optimizer was built, losses were computed from outputs of the model with gradients on,
    and neither `backward()` nor `torch.autograd.grad` was called.

    ## How to fix it
    In the loop, after the loss: `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`.

    ## Example
    Bad:

        for x, y in loader:
            loss = criterion(model(x), y)

    Good:

        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    ## Known limits
    A script that only evaluates, and still builds an optimizer and forgets `no_grad`, looks the same.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html>
    """

    name = "missing-backward"
    family = "loop"
    summary = "a loss is computed but backward() is never called"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Losses with gradients on, an optimizer, and no backward."""
        facts = recording.facts
        if not facts.optimizers or not facts.forwards:
            raise NotChecked("no optimizer, or no forward pass with gradients")
        if facts.backwards or facts.grad_calls or facts.manual_steps or facts.forwards < LEAST:
            return None
        if facts.losses < LEAST and not facts.loss_sites:
            return None
        site = facts.loss_sites[0] if facts.loss_sites else (recording.event_sites("forward") or [-1])[0]
        place, built = recording.site(site), recording.site(facts.optimizers[0].site)
        edits: tuple[Edit, ...] = ()
        if place is not None and built is not None and place.path == built.path:
            edits = (Edit("insert-backward", {"loss_line": place.line, "optimizer_line": built.line}),)
        missing = "backward() is" if recording.steps else "backward() and step() are"
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{missing} never called: {facts.forwards} forward passes with a loss, no gradient",
            rule=Rule.FACT,
            location=recording.location(site),
            evidence=(
                Evidence(
                    "backward_calls", 0, f"{facts.forwards}", f"{facts.forwards} training forwards and no backward call"
                ),
            ),
            explains=("no-learning", "missing-step", "missing-zero-grad", "plateau", "zero-grad-misplaced"),
            advice="after the loss: optimizer.zero_grad(), loss.backward(), optimizer.step()",
            edits=edits,
        )
