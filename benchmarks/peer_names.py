"""How answers of the other tools are scored, in one place and generously.

``NAMES`` says for each tool which words of its findings name which causes of our catalogue.  A finding that lists
several candidates names all of them; a symptom counts as its most usual cause where there is one (gradients that
explode, units that died, weights that stand still); a finding may be of any level to count as a name.  *First* means
the first thing the tool said, in its own order; *among* anywhere in what it said, however long.  An alarm is
whatever the tool itself calls a warning or worse, unless it is about speed, memory or style.  Of sgd-doctor only errors
and warnings count, also as names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

STILL = ("stale-optimizer", "params-frozen", "missing-step", "lr-too-low")
CUT = ("graph-detached", "missing-backward", "nondifferentiable-op", "wrong-variable-in-loss")
KEPT = ("missing-zero-grad", "zero-grad-misplaced")
FIT = ("overfitting", "missing-weight-decay")
LABELS = ("labels-misaligned", "label-encoding")
FLAT_INPUT = ("constant-input", "double-scaling")

COMMON: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(lr|learning rate).{0,12}too[ _]high|lr_too_high|(reduce|lower) (the )?(lr|learning rate)", ("lr-too-high",)),
    (r"(lr|learning rate).{0,12}too[ _]low|lr_too_low|(increase|raise) (the )?(lr|learning rate)", ("lr-too-low",)),
    (r"overfit(?!_batch)", FIT),
    (r"explod", ("exploding-gradient",)),
    (r"vanish", ("vanishing-gradient",)),
    (r"dead (unit|neuron|relu)|dying relu|neurons (are|is) dead|: dead\b", ("dead-relu",)),
    (r"missing[ _]zero[ _]grad|without .{0,12}zero_grad|forg.{0,20}zero_grad", KEPT),
    (r"double[ _]softmax|softmax .{0,40}cross", ("softmax-before-ce",)),
    (r"normali[sz](e|ation) (of )?(the )?inputs?|input normali[sz]ation|unnormali[sz]ed", ("unnormalized-inputs",)),
    (r"label[ _]noise|wrong labels|mislabel|corrupted labels|audit labels", LABELS),
    (r"(learning rate|lr) is (zero|0)", ("scheduler-misused", "scheduler-per-batch", "lr-too-low")),
)
"""Words that mean the same in every tool."""

NAMES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "torchmortem": (
        (r"update ratio too high|weight norm explosion", ("lr-too-high",)),
        (r"update ratio too low", STILL),
        (r"stagnant weight|gradient stalling", STILL),
        (r"saturation", ("vanishing-gradient", "init-too-large", "final-activation-range")),
    ),
    "training-doctor": ((r"train_eval_mismatch", ("train-mode-at-eval", "train-test-preprocess-mismatch")),
                        (r"gradient_instability", ("exploding-gradient",))),
    "torch-audit": (
        (r"TA102", ("exploding-gradient",)),
        (r"TA103|TA105", ("dead-relu",)),
        (r"TA104", CUT),
        (r"TA301", ("unnormalized-inputs",)),
        (r"TA302", FLAT_INPUT),
        (r"TA304", ("bn-small-batch",)),
        (r"TA405", ("constant-init",)),
    ),
    "traintools": (
        (r"update/weight ratio is high", ("lr-too-high",)),
        (r"update/weight ratio is tiny", STILL),
        (r"gradient appears vanished", ("vanishing-gradient", "dead-relu")),
        (r"gradient is very large", ("exploding-gradient",)),
        (r"no gradients found", CUT),
        (r"abs max", ("unnormalized-inputs", "unscaled-targets")),
        (r"nearly constant", FLAT_INPUT),
        (r"^(batch|inputs?|targets?)\S* .*(nan|inf|finite)", ("nan-in-data",)),
        (r"dominant class|label", ("no-shuffle-sorted", "label-encoding")),
    ),
    "neural-observatory": (
        (r"norm collapsed", ("vanishing-gradient", "dead-relu")),
        (r"sparsity", ("dead-relu",)),
        (r"frozen|not (being )?updat|no change|barely (chang|mov)", STILL),
        (r"drift|large update", ("lr-too-high",)),
    ),
    "trainscope": (),
    "neuraldbg": (
        (r"saturated", ("vanishing-gradient", "init-too-large", "final-activation-range")),
        (r"data_anomaly: .*(nan|inf)", ("nan-in-data",)),
        (r"distribution_shift", ("no-shuffle-sorted", "inplace-data-mutation")),
        (r"diverging", ("lr-too-high",)),
    ),
    "torchtest2": (
        (r"^output_finite|^loss: .*(nan|inf|finite)", ("nan-from-op", "nan-in-data")),
        (r"^output_varies", ("constant-init", "constant-input", "single-output-softmax", "dead-relu")),
        (r"^eval_determinism", ("layer-created-in-forward",)),
        (r"^loss: ", CUT),
        (r"^initial_loss", ("init-too-large", "unnormalized-inputs", "label-encoding", "sum-reduction")),
        (r"^optimizer_coverage", ("stale-optimizer", "model-reinit")),
        (r"^gradient_flow", (*CUT, "unregistered-params", "dead-relu")),
        (r"^gradient_magnitude", ("exploding-gradient", "unscaled-targets", "init-too-large", "unnormalized-inputs")),
        (r"^params_change", STILL),
        (r"^frozen_params", ("params-frozen",)),
        (r"^batch_independence", ("reshape-mixes-axes", "rnn-batch-first", "softmax-wrong-dim")),
        (r"normali[sz]", ("unnormalized-inputs",)),
    ),
    "torchdiag": (
        (r"none gradients|gradient is none", (*CUT, "params-frozen", "stale-optimizer")),
        (r"no parameters changed", STILL),
        (r"not finite", ("nan-from-op", "nan-in-data")),
        (r"dead", ("dead-relu", "lr-too-high", "init-too-large")),
        (r"frozen|trainable", ("params-frozen",)),
    ),
    "torch-lr-finder": (),
    "torch-preflight": (
        (r"TG003", KEPT),
        (r"TG005", ("softmax-before-ce", "nll-without-log")),
        (r"TG006", ("double-sigmoid", "bce-target-out-of-range")),
        (r"TG011", ("eval-mode-during-training",)),
        (r"TG002", ("train-mode-at-eval",)),
        (r"TG014", ("accumulation-no-divide",)),
    ),
    "mldoct check": ((r"missing_eval", ("train-mode-at-eval",)),),
    "TorchFix": (),
    "runmedic": (
        (r"same prediction for every input|not connected to the loss", (*CUT, *STILL)),
        (r"optimizer\.step|requires_grad|optimizer .{0,30}param", STILL),
        (r"^val_below_train", ("train-mode-at-eval",)),
        (r"scheduler", ("scheduler-misused", "scheduler-per-batch")),
        (r"weight[ _]decay", ("missing-weight-decay",)),
        (r"\bclip", ("exploding-gradient",)),
    ),
    "trainproof": (
        (r"TP-ZERO-LR", ("scheduler-misused", "scheduler-per-batch", "lr-too-low")),
        (r"TP-ZERO-GRAD", CUT),
        (r"TP-GRAD-SPIKE", ("exploding-gradient",)),
        (r"TP-ZERO-LOSS", ("single-output-ce",)),
    ),
    "sk-autod": ((r"underfitting", ("undertrained",)), (r"improve initialization", ("init-too-large",))),
    "mldoct diagnose": ((r"underfit", ("undertrained",)),),
    "ml-train-diag": ((r"underfitting", ("undertrained",)), (r"instability", ("lr-too-high",))),
    "sgd-doctor": (),
}  # fmt: skip
"""By tool: a pattern in rule and message, and the causes it names; in the order of the table."""


BESIDE = {
    "torch-audit": r"TA2\d\d|TA40[0-4]",
    "torch-preflight": r"TG001|TG004|TG007|TG008|TG010|TG012|TG013",
    "mldoct check": r"cpu_bottleneck|oom_leak",
    "TorchFix": r"TOR",
}
"""Rules about speed, memory, seeds or style: they say nothing about whether the loop learns and are no alarm."""


@dataclass
class Score:
    """Counts of one tool; faulty and healthy scripts that it was asked about."""

    faulty: int = 0
    first: int = 0
    among: int = 0
    alarmed: int = 0
    crashed: int = 0
    healthy: int = 0
    false: int = 0
    findings: int = 0
    """Alarms on all healthy scripts together."""


def named(tool: str, text: str) -> set[str]:
    """The causes that a finding of ``tool`` names."""
    if tool == "sgd-doctor":
        return {text}
    lowered = text.lower()
    return {c for pattern, causes in (*NAMES[tool], *COMMON) if re.search(pattern.lower(), lowered) for c in causes}


def score(tool: str, entries: Iterable[dict[str, Any]], results: dict[str, dict[str, Any]]) -> Score:
    """Count what ``tool`` said against what is true; either of two faults is right."""
    total = Score()
    for entry in entries:
        answer = results.get(entry["path"], {}).get(tool)
        if answer is None or entry["expect"] not in ("faulty", "healthy"):
            continue
        said = answer["said"]
        alarms = [s for s in said if s["alarm"] and not re.match(BESIDE.get(tool, "$"), s["text"])]
        said = alarms if tool == "sgd-doctor" else said
        total.crashed += bool(answer["crash"])
        if entry["expect"] == "healthy":
            total.healthy += 1
            total.false += bool(alarms)
            total.findings += len(alarms)
            continue
        right = {entry["cause"], entry.get("then", entry["cause"])}
        total.faulty += 1
        total.first += bool(said and right & named(tool, said[0]["text"]))
        total.among += any(right & named(tool, s["text"]) for s in said)
        total.alarmed += bool(alarms)
    return total


def show(entries: list[dict[str, Any]], results: dict[str, dict[str, Any]], verbose: bool) -> None:
    """The table in Markdown, one row a tool; with ``verbose`` also every answer."""
    if verbose:
        for entry in entries:
            print(f"\n{entry['path']}: {entry.get('cause', entry['expect'])}")
            for tool in NAMES:
                answer = results.get(entry["path"], {}).get(tool)
                if answer is not None and (answer["said"] or answer["crash"]):
                    texts = [("" if s["alarm"] else "~") + s["text"][:90] for s in answer["said"][:6]]
                    print(f"  {tool:<20} {len(answer['said'])}: {' | '.join(texts)} {answer['crash'][:120]}")
    print("\n| tool | cause first | cause among | alarm, faulty | alarm, healthy | alarms, healthy | crashed |")
    print("|--|--|--|--|--|--|--|")
    for tool in NAMES:
        s = score(tool, entries, results)
        if s.faulty + s.healthy:
            of = [f"{n} of {s.faulty}" for n in (s.first, s.among, s.alarmed)]
            print(f"| {' | '.join([tool, *of])} | {s.false} of {s.healthy} | {s.findings} | {s.crashed} |")
