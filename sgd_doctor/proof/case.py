"""The case under examination: what is known, what is switched on, and what was concluded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sgd_doctor import stats
from sgd_doctor.findings import Edit, Evidence, Finding, Fix, Intervention, Proof, Rule, Severity, Suspicion, finite
from sgd_doctor.lab import Lab, Trial, arms_keys
from sgd_doctor.lab import lr_factor as applied_lr_factor
from sgd_doctor.learning_rate import user_lr
from sgd_doctor.recording import HeldOut, Recording
from sgd_doctor.report import RuledOut, SuggestedLr

SHORT, LONG = 100, 200
"""Steps of a deciding run and of a confirming one (K = 100 is reliable, 200-300 for the choice of lr)."""
LEAST_STEPS = 10
LEAST_SECONDS = 1.0
"""With less time left no replay is begun."""
MAX_LONG = 2000
SAME_LR = 0.05
OWN_FAULT = 30.0
"""A fault in the loop can stand for a factor of about ten in lr (gradients that add up, a mean that is a sum); where
the repaired loop wants more than this, its lr is a fault of its own."""
OWN_FAULT_OF_KNOB = 10.0
"""The same for what works through the optimisation: without raw inputs, or without a decay, the written rate is the
one that such loops train with, unless it was wrong besides."""
PAST_THE_BREAK = 30
PAST_THE_EVALUATION = 5
"""Steps behind an evaluation that a replay has to make so that the evaluation is over."""
BROKEN = 3.0
"""A loss of so many times its start, over ten steps, is a break that a deciding run has to reach."""
SEEDS = (20_011, 30_011, 40_009)
RESEEDS = tuple(
    Intervention("reseed", f"other seed{' ' * bool(n)}{n or ''}", {"seed": seed}) for n, seed in enumerate(SEEDS)
)
"""Other random numbers: the deciding pair of runs is made once more with them; more often where a replay of the
unchanged loop does not repeat the watched run."""
SET_ASIDE = Intervention("set-aside", "a fifth of the data set aside", {})
"""Where the script evaluates nothing itself, the deciding pair is also judged by samples that neither trained on."""
SAME_STEPS = 5
SAME_LOSS = 1e-3
"""Relative difference that other thread counts explain over the first steps."""


@dataclass
class Proven:
    """A suspicion that became a finding, with what it takes to build the source edit."""

    finding: Finding
    suspicion: Suspicion
    edits: tuple[Edit, ...] = ()
    optimizer_line: int | None = None
    hyperparameters: dict[str, float] = field(default_factory=dict)
    """What the optimizer was built with, so that an edit is made only where the source says the same."""
    without_lr: str = ""
    """The advice without the lr that was added to it; empty where none was."""


@dataclass(frozen=True)
class Harmless:
    """A pattern whose change was worth nothing by itself, with the pair of runs that showed it."""

    suspicion: Suspicion
    control: Trial
    treated: Trial


@dataclass
class Diagnosis:
    """What the examination came to."""

    proven: list[Proven] = field(default_factory=list)
    ruled_out: list[RuledOut] = field(default_factory=list)
    not_checked: list[RuledOut] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    suggested_lr: SuggestedLr | None = None
    undecided: str = ""
    """What keeps a run without a finding from being called healthy."""


class Case:
    """One recording under examination.

    Args:
        lab: the observed run, and replays of it.
        seconds_left: time that may still be spent on replays.
        probes: whether replays may be made at all.
        ask: what all checks suspect in a recording.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        seconds_left: Callable[[], float],
        probes: bool,
        ask: Callable[[Recording], list[Suspicion]] = lambda _: [],
    ) -> None:
        self.lab, self.seconds_left, self.probes, self.ask = lab, seconds_left, probes, ask
        self.observed = lab.observed
        self.result = Diagnosis()
        self.applied: tuple[Intervention, ...] = ()
        """Confirmed treatments: they stay on."""
        self.current: Recording = lab.observed
        """The recording of the loop with ``applied``."""
        self.metric = "loss"
        self.settled: set[str] = set()
        self.lr_retuned = False
        self.unseen: dict[tuple[str, ...], list[tuple[Trial, Trial]]] = {}
        """Deciding pairs that were also judged by samples set aside, by what the better run had changed."""
        self.harmless: list[Harmless] = []
        """Patterns without harm of their own, so far."""
        self.tentative: list[Harmless] = []
        """Those of them whose treatment was switched on because nothing learned without."""
        self.untreated = ""
        """A fact that stands, but that no replay could take away."""

    def can_probe(self) -> bool:
        possible = self.probes and self.observed.facts.backwards > 0 and not self.untreated
        return possible and not self.out_of_time()

    def out_of_time(self) -> bool:
        return self.seconds_left() <= LEAST_SECONDS

    def length(self, wanted: int, arms: int = 4) -> int:
        """Steps of a replay: what is wanted, as far as the script is long and the time suffices."""
        done = max(self.observed.steps, self.observed.facts.backwards)
        ended = self.observed.facts.ended in ("finished", "crashed")
        available = done if ended else max(done, wanted)
        facts, left = self.observed.facts, self.seconds_left() / arms
        # As far as the watched run came, batches that took long to load are there already.
        cheap = max(0.0, facts.seconds - facts.kept_seconds) / max(1, done)
        affordable = max(left / max(1e-6, facts.seconds / max(1, done)), min(done, left / max(1e-6, cheap)))
        return max(1, int(min(wanted, available, max(affordable, 2 * LEAST_STEPS))))

    def repeats(self) -> bool:
        """Whether an unchanged replay showed the losses of the watched run; true where none was made yet."""
        control = next((r for (arm, _, _), r in self.lab.done.items() if not arm and r is not None), None)
        if control is None:
            return True
        count = min(SAME_STEPS, control.steps, self.observed.steps)
        ours, theirs = self.observed.column("loss")[:count], control.column("loss")[:count]
        return bool(np.allclose(ours, theirs, rtol=SAME_LOSS, equal_nan=True))

    def again(
        self, first: tuple[Intervention, ...], second: tuple[Intervention, ...], steps: int, metric: str, why: str
    ) -> list[tuple[Trial, Trial]]:
        """The deciding pair of runs with other random numbers: once, or three times where runs do not repeat."""
        seeds = RESEEDS[:1] if self.repeats() else RESEEDS
        aside = () if self.observed.facts.held_out else (SET_ASIDE,)
        arms = [(seed, *aside, *arm) for seed in seeds for arm in (first, second)]
        trials = self.lab.run(arms, steps, metric, f"{why}: once more with another seed")
        pairs = list(zip(trials[::2], trials[1::2], strict=True))
        self.unseen[arms_keys([first])[0]] = pairs if aside else []
        return pairs

    def on_unseen(self, treated: Trial) -> tuple[Evidence, ...]:
        """What the deciding pair scored on samples that neither was trained on."""
        found = self.pair_on_unseen(treated)
        if found is None or found[0].loss[-1] is None:
            return ()
        changed, written = (shown(h.loss[-1]) for h in found)
        text = (
            f"on {found[0].samples} samples set aside, with another seed, the loss is {written} as written and "
            f"{changed} when changed"
        )
        return (Evidence("set_aside_loss", finite(found[0].loss[-1]), f"< {written}", text),)

    def pair_on_unseen(self, treated: Trial) -> tuple[HeldOut, HeldOut] | None:
        """The deciding pair's results on samples set aside, those of the changed loop first; None without them."""
        for pair in self.unseen.get(arms_keys([treated.interventions])[0], ())[:1]:
            found = [t.recording.facts.held_out[0] for t in pair if t.recording and t.recording.facts.held_out]
            if len(found) == 2:
                return found[0], found[1]
        return None

    def worse_on_unseen(self, treated: Trial) -> bool:
        """Whether samples set aside are worse off after the change: it only makes the loop memorise faster."""
        found = self.pair_on_unseen(treated)
        changed, written = (h.loss[-1] for h in found) if found is not None else (None, None)
        return changed is not None and written is not None and changed > written

    def telling(self, metric: str = "loss") -> int:
        """Steps of a deciding run: past the point where the watched run broke, where it did so late, SHORT steps into
        the traced stage of the script, and past the first evaluation where that is what ``metric`` measures."""
        loss = self.observed.column("loss")
        first = self.observed.facts.nonfinite
        start = stats.finite_median(loss[:5])
        blocks = loss[: len(loss) // 10 * 10].reshape(-1, 10).mean(axis=1)
        broken = np.flatnonzero(~(blocks <= BROKEN * start)) if start > 0 else np.array([], int)
        late = [first.step] if first is not None else [10 * int(broken[-1]) + 10] if len(broken) else []
        traced = self.observed.facts.trace_step
        stage = traced + SHORT if traced > 1 else 0
        evaluated = 0
        if metric.startswith("held_out"):
            passes = [h.steps[0] for h in self.observed.facts.held_out if h.steps]
            evaluated = max(passes, default=0) + PAST_THE_EVALUATION
        return max(SHORT, min(MAX_LONG, max(max(late, default=0) + PAST_THE_BREAK, stage, evaluated)))

    def unproven(self, suspicions: Sequence[Suspicion], *, cut: bool = False) -> None:
        """Suspicions that no run speaks for or against; ``cut``: those that were begun ran out of time."""
        why = "no replay was possible" if self.probes else "probes are switched off"
        if self.untreated:
            why = f"with {self.untreated} open no comparison of runs means anything"
        if cut or (self.probes and self.out_of_time()):
            why = "the time budget was spent"
        for suspicion in suspicions:
            self.settled.add(suspicion.check)
            self.result.not_checked.append(RuledOut(suspicion.check, f"suspected, but {why}"))

    def rule_out(self, suspicion: Suspicion, why: str, *tried: Trial) -> None:
        """What was ``tried`` speaks against ``suspicion``; where time ran out under it, it says nothing."""
        if self.out_of_time() or any(trial.cut for trial in tried):
            self.unproven([suspicion], cut=True)
            if suspicion.severity is not Severity.ADVICE and not self.result.undecided:
                self.result.undecided = (
                    f"{suspicion.check} is suspected, and time was up before reruns could decide (--budget gives more)"
                )
            return
        self.settled.add(suspicion.check)
        self.result.ruled_out.append(RuledOut(suspicion.check, why))

    def blocked(self, suspicions: Sequence[Suspicion], why: str) -> None:
        for suspicion in suspicions:
            self.settled.add(suspicion.check)
            self.result.not_checked.append(RuledOut(suspicion.check, why))

    def has_cause(self) -> bool:
        return any(p.finding.severity is not Severity.ADVICE for p in self.result.proven)

    def explained(self) -> set[str]:
        """What the causes found so far bring about by themselves."""
        causes = [p.suspicion for p in self.result.proven if p.finding.severity is not Severity.ADVICE]
        return {name for cause in causes for name in cause.explains}

    def is_own_fault(self, treated: Trial, factor: float, least: float = OWN_FAULT) -> bool:
        """Whether the repaired loop's lr is wrong by more than the fault can stand for, and looks so."""
        if treated.recording is None or max(factor, 1 / factor) < least * 0.99:
            return False
        wanted = Rule.LOWER_LR if factor < 1 else Rule.HIGHER_LR
        return any(s.rule is wanted for s in self.ask(treated.recording))

    def reopen(self, suspicions: Sequence[Suspicion]) -> None:
        """Take back what was concluded against ``suspicions``: they are judged anew."""
        again = {s.check for s in suspicions}
        self.settled -= again
        self.result.ruled_out = [r for r in self.result.ruled_out if r.check not in again]

    def suppose(self, current: Recording | None, knobs: Sequence[Suspicion]) -> None:
        """Switch the treatments of the harmless patterns on, and ask again what they may have hidden."""
        self.tentative, self.harmless = self.harmless, []
        self.applied = self.supposed()
        self.current = current or self.current
        self.reopen(knobs)

    def supposed(self, without: Harmless | None = None) -> tuple[Intervention, ...]:
        """What is applied with the treatments of the harmless patterns, all or all but one."""
        known = [i for h in (*self.tentative, *self.harmless) for i in h.suspicion.treatments[0].interventions]
        left_out = without.suspicion.treatments[0].interventions if without is not None else ()
        kept = [i for i in (*self.applied, *(i for i in known if i not in self.applied)) if i not in left_out]
        return tuple(kept)

    def adopt(self, suspicion: Suspicion, best: Trial, factor: float, plain: Trial) -> None:
        """A confirmed treatment stays on."""
        change = suspicion.treatments[0].interventions
        self.applied = (*self.applied, *change)
        self.lr_retuned |= any(i.name == "hold-lr" for i in change)
        if factor != 1.0:
            self.applied = best.interventions
            self.lr_retuned = True
        chosen = best if factor != 1.0 else plain
        if chosen.recording is not None:
            self.current = chosen.recording
            if suspicion.metric == "task_loss":
                self.lab.repaired = chosen.recording

    def conclude(
        self,
        suspicion: Suspicion,
        control: Trial | None,
        treated: Trial | None,
        *,
        severity: Severity | None = None,
        lr_factor: float = 1.0,
    ) -> None:
        """Turn a suspicion into a finding."""
        proof = None
        if control is not None and treated is not None and treated.recording is not None:
            # Two runs of which neither has a number (the error is not measured) show nothing.
            measured = control.raw is not None or treated.raw is not None
            proof = self.proof(control, treated, suspicion.metric) if measured else None
            more = (*suspicion.evidence, *self.on_unseen(treated))
            suspicion = msgspec.structs.replace(suspicion, evidence=more)
        edits, written = suspicion.edits, suspicion.advice
        value = self.retuned(lr_factor)
        if value is not None:
            suspicion = msgspec.structs.replace(suspicion, advice=f"{suspicion.advice}, and set lr={value:g}")
            edits = (*edits, Edit("set-optimizer-arg", {"arg": "lr", "value": value})) if edits else ()
        level = severity or suspicion.severity
        if level is Severity.ADVICE and suspicion.severity is not Severity.ADVICE and suspicion.needs_harm:
            suspicion = msgspec.structs.replace(suspicion, title=f"{suspicion.title} (no harm measured)")
        self.add(finding_of(suspicion, proof, level), suspicion, edits)
        self.result.proven[-1].without_lr = written if value is not None else ""

    def retuned(self, factor: float) -> float | None:
        """The lr that goes with a change, where it is not the written one; earlier advice on lr is taken back."""
        if factor == 1.0:
            return None
        for earlier in self.result.proven:
            if earlier.without_lr:
                earlier.finding = msgspec.structs.replace(earlier.finding, fix=Fix(text=earlier.without_lr))
                earlier.edits = tuple(e for e in earlier.edits if e.args.get("arg") != "lr")
                earlier.without_lr = ""
        written = user_lr(self.observed)
        value = stats.round_lr(written * factor * applied_lr_factor(self.applied))
        return value if abs(value - written) > SAME_LR * written else None

    def add(self, finding: Finding, suspicion: Suspicion, edits: tuple[Edit, ...]) -> None:
        optimizers = self.observed.facts.optimizers
        built = self.observed.location(optimizers[0].site) if optimizers else None
        same = built is not None and finding.location is not None and built.path == finding.location.path
        group = optimizers[0].groups[0] if optimizers and optimizers[0].groups else {}
        values = {k: float(v) for k, v in group.items() if v is not None}
        line = built.line if built is not None and same else None
        self.result.proven.append(Proven(finding, suspicion, edits, line, values))

    def proof(self, control: Trial, treated: Trial, metric: str) -> Proof:
        scale = self.lab.scale(metric, treated.steps)
        noise = None
        if scale is not None and control.recording is not None and treated.recording is not None:
            width = stats.paired_interval(
                scale.tail(control.recording, treated.steps), scale.tail(treated.recording, treated.steps)
            )
            noise = width if math.isfinite(width) else None
        return Proof(treated.label, metric, control.raw, treated.raw, treated.steps, noise)


def finding_of(suspicion: Suspicion, proof: Proof | None, severity: Severity) -> Finding:
    """The suspicion as a finding."""
    return Finding(
        check=suspicion.check,
        severity=severity,
        confidence=suspicion.confidence,
        title=suspicion.title,
        location=suspicion.location,
        evidence=suspicion.evidence,
        proof=proof,
        fix=Fix(text=suspicion.advice),
    )


def shown(value: float | None) -> str:
    """A value of the metric in words."""
    return "not finite" if value is None else f"{value:.3g}"
