"""What a diagnosis asks of a loop that can be run again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgd_doctor.findings import Intervention
from sgd_doctor.futility import Rival

if TYPE_CHECKING:
    from sgd_doctor.lab import ProbeFunction
    from sgd_doctor.recording import Recording


@dataclass(frozen=True)
class ProbeRequest:
    """One replay to be made."""

    interventions: tuple[Intervention, ...]
    steps: int
    measure_task: bool = False
    patches: dict[str, str] | None = None
    """Other text for some of the user's files: the target is run from its first line."""
    rival: Rival | None = None
    """A run that it ends behind; None: it makes all its steps."""


class Replays(ABC):
    """A loop that was watched once and can be run again with something changed.

    Attributes:
        replay: how that is done: ``fork``, ``process``, ``snapshot``, or ``none`` where it cannot be.
        why_not_forked: the reason, where it is not ``fork``.
        interrupted: the user pressed Ctrl-C while the run was watched.
        editable: whether the lines that findings name are those of the user's own loop.
        patchable: whether :meth:`run_patched` can run edited files.
    """

    replay = "none"
    why_not_forked = ""
    interrupted = False
    editable = True
    patchable = False

    @abstractmethod
    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays.

        Args:
            requests: what to change, and for how many steps.
            deadline: ``time.monotonic()`` after which none is begun.

        Returns:
            One recording for each request; None where a replay failed or time was up.
        """

    def probes_until(self, deadline: float) -> ProbeFunction:
        """:meth:`probe` as a lab asks for it."""

        def probe(
            arms: Sequence[tuple[Intervention, ...]], steps: int, measure_task: bool, rivals: Sequence[Rival | None]
        ) -> list[Recording | None]:
            requests = [ProbeRequest(a, steps, measure_task, rival=r) for a, r in zip(arms, rivals, strict=True)]
            return self.probe(requests, deadline=deadline)

        return probe

    def run_patched(
        self, patches: dict[str, str], steps: int, *, measure_task: bool, deadline: float
    ) -> Recording | None:
        """Run the target from its first line with other text in some of its files; None where that cannot be."""
        return None

    def close(self) -> None:  # noqa: B027  # where nothing was started there is nothing to end
        """End every process and throw the scratch folders away."""
