"""What a check suspects and what the doctor concludes: plain values without torch.

Every value here is immutable and serialisable with :mod:`msgspec`.  Numbers that do not exist
(a loss that became NaN, a proof without a metric) are ``None``, never NaN: JSON has no NaN.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import msgspec


class Severity(str, Enum):
    """How bad a finding is."""

    ERROR = "error"
    """The training cannot work as written."""
    WARNING = "warning"
    """The training works measurably worse than it should."""
    ADVICE = "advice"
    """Worth knowing; no harm was measured."""


class Confidence(str, Enum):
    """How sure the doctor is."""

    CONFIRMED = "confirmed"
    """Structural, or proven by an intervention."""
    LIKELY = "likely"
    POSSIBLE = "possible"


class Rule(str, Enum):
    """What a suspicion needs before it becomes a finding (``docs/proof.md``)."""

    FACT = "fact"
    """Certain from what was recorded; the treated run only shows what the change is worth."""
    KNOB = "knob"
    """Works through the optimisation: has to beat the best run at another lr alone."""
    SMELL = "smell"
    """Suspicious code: has to reach most of what the best lr alone reaches."""
    LOWER_LR = "lower-lr"
    HIGHER_LR = "higher-lr"
    HELD_OUT = "held-out"
    """Judged by the error on held-out data after a longer run."""
    SYMPTOM = "symptom"
    """Something seen; stands first only where no cause was found."""
    MEASURED = "measured"
    """Decided by what a replay measures."""
    ENDLESS = "endless"
    """A loss that falls without end: decided by whether it settles with the other sign."""
    LAST = "last"
    """Asked only where no cause was found and no learning rate learns anything."""
    NOTE = "note"
    """Advice that claims no harm and needs no proof."""


class Location(msgspec.Struct, frozen=True):
    """A place in the user's source.  Lines count from 1."""

    path: str
    line: int
    end_line: int
    code: str


class Evidence(msgspec.Struct, frozen=True):
    """One observed signal beside what a healthy run would show."""

    signal: str
    observed: float | int | str | None
    expected: str
    text: str


class Intervention(msgspec.Struct, frozen=True):
    """One named change, applied while the user's own loop runs.

    ``name`` is an entry of :data:`sgd_doctor.interventions.APPLIERS`; ``label`` is what people read.
    """

    name: str
    label: str
    args: dict[str, Any] = {}


class Treatment(msgspec.Struct, frozen=True):
    """One or more interventions that together might repair the run."""

    interventions: tuple[Intervention, ...]

    @property
    def label(self) -> str:
        return " + ".join(item.label for item in self.interventions)


class Edit(msgspec.Struct, frozen=True):
    """A change of the user's source, by the name of an entry of :data:`sgd_doctor.fix.EDITS`."""

    kind: str
    args: dict[str, Any] = {}


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """What one check makes of a recording, before any proof."""

    check: str
    severity: Severity
    title: str
    rule: Rule
    location: Location | None = None
    evidence: tuple[Evidence, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    explains: tuple[str, ...] = ()
    advice: str = ""
    """What to change, in words, for the reader."""
    edits: tuple[Edit, ...] = ()
    metric: str = "loss"
    """Column by which treated runs are compared: ``loss`` or, where the change alters the loss
    itself, ``task_loss`` (the same error measure for both)."""
    confidence: Confidence = Confidence.CONFIRMED
    """Confidence of the finding once the rule is satisfied."""
    needs_harm: bool = False
    """A fact whose treated run is no better becomes advice."""
    only_proven: bool = False
    """Nothing is said where the treated run is no better."""
    last_resort: bool = False
    """A symptom that is named only where no cause was found."""
    margin: float | None = None
    """How far the treated run of a knob has to beat the best run at another lr alone, in units of the trivial loss;
    None: as far as any."""
    least_gain: float | None = None
    """How far the treated run of a knob has to beat the untreated one, in the same unit; None: as far as any."""
    like_lr: float | None = None
    """The factor on the lr as which the treatment acts, where it is nothing else to plain SGD."""
    at_written_lr: bool = False
    """A knob that needs another lr besides is no cure of its own."""
    least_share: float | None = None
    """Share of the untreated loss that the treated run of full length has to take away, whatever it gains else."""
    regularises: bool = False
    """What the treatment takes away may help on held-out data, which are asked as well."""
    lasting: bool = False
    """The gain of a knob has to be there at the end of the watched run as well: what is only learned sooner is no
    fault."""
    batches: int = 1
    """Batches for which the script makes one step, where the treated run steps at each: it makes so many more steps of
    the same data."""
    long: bool = False
    """Shows only over the whole observed length, and does not compete with the learning rate."""


class Proof(msgspec.Struct, frozen=True):
    """Two runs from the same state that differ in one change."""

    intervention: str
    metric: str
    baseline: float | None
    treated: float | None
    steps: int
    noise: float | None = None
    """Half-width of the 95 % interval of the paired difference, in units of ``metric``."""


class Fix(msgspec.Struct, frozen=True):
    """What to change.  ``verified`` only where the edited source itself was run."""

    text: str
    diff: str | None = None
    verified: bool = False
    measured: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A suspicion after the proof."""

    check: str
    severity: Severity
    confidence: Confidence
    title: str
    location: Location | None = None
    evidence: tuple[Evidence, ...] = ()
    proof: Proof | None = None
    explains: tuple[str, ...] = ()
    fix: Fix


def finite(value: float | None) -> float | None:
    """``value``, or ``None`` where it is missing, NaN or infinite."""
    return value if value is not None and math.isfinite(value) else None
