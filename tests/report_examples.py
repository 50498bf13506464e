"""Reports as the doctor writes them, for the tests of the faces."""

from __future__ import annotations

import math

from sgd_doctor.findings import Confidence, Evidence, Finding, Fix, Location, Proof, Severity
from sgd_doctor.report import (
    ActivationCurve,
    Curves,
    FeatureScales,
    Histogram,
    LayerCurve,
    ProbeInfo,
    Report,
    RuledOut,
    RunInfo,
    Series,
    TargetInfo,
    TargetScales,
    TimelineEntry,
)

STEPS = 60
NASTY = "<script>alert('x')</script>\"&amp;\x1b[31m\x00\x7f\x85\u202e[bold red]$\\frac{a}$ \udc80 ::error::"

ODD_HISTOGRAMS = (
    Histogram(1e300, -1e300, (1,)),
    Histogram(-1e308, 1e308, (1, 2)),
    Histogram(0.0, 1.0, (2**62, -1), 2**63),
    Histogram(0.0, 0.0, ()),
)
LR_LINE = Location("train.py", 31, 31, "optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=0.9)")
LR_DIFF = "\n".join(
    [
        "--- train.py",
        "+++ train.py",
        "@@ -28,7 +28,7 @@",
        " ",
        " model = Net()",
        " criterion = nn.CrossEntropyLoss()",
        "-optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=0.9)",
        "+optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)",
        " ",
        " for epoch in range(3):",
        "     for images, labels in loader:",
        "",
    ]
)


def curve(start: float, end: float, rate: float, wobble: float = 0.05, points: int = STEPS) -> Series:
    """A loss that moves from ``start`` to ``end`` with a little deterministic noise."""
    return tuple(
        end + (start - end) * math.exp(-rate * i) + wobble * end * math.sin(2.3 * i + start) for i in range(points)
    )


def probe(intervention: str, start: float, end: float, rate: float) -> ProbeInfo:
    """A short run with a plausible loss curve."""
    loss = curve(start, end, rate, points=50)
    return ProbeInfo(intervention, 50, loss[-1], loss, tuple(range(50)))


def layers(names: int = 3, steps: int = 12) -> tuple[LayerCurve, ...]:
    """Gradient norms that shrink towards the first layer."""
    every = tuple(range(0, STEPS, STEPS // steps))
    return tuple(
        LayerCurve(
            f"{block}.{index}.{kind}",
            every,
            tuple(10 ** (-2 + 0.6 * index + 0.3 * math.sin(step)) for step in every),
            tuple(10 ** (-1.2 - 0.01 * step + 0.2 * math.cos(index + step)) for step in every),
        )
        for index in range(names)
        for block, kind in (("features", "weight"), ("features", "bias"))
    )


TIMELINE = (
    TimelineEntry("data", Location("train.py", 34, 34, "    for images, labels in loader:")),
    TimelineEntry("zero_grad", Location("train.py", 35, 35, "        optimizer.zero_grad()")),
    TimelineEntry("forward", Location("train.py", 36, 36, "        logits = model(images)")),
    TimelineEntry("loss", Location("train.py", 37, 37, "        loss = criterion(logits, labels)")),
    TimelineEntry("backward", Location("train.py", 38, 38, "        loss.backward()")),
    TimelineEntry("step", Location("train.py", 39, 39, "        optimizer.step()")),
    TimelineEntry("scheduler", None),
)

LR_TOO_HIGH = Finding(
    check="lr-too-high",
    severity=Severity.ERROR,
    confidence=Confidence.CONFIRMED,
    title="Learning rate 0.8 is about 40 times too high: the loss rises from 2.31 to 6.4; with 0.02 it falls to 0.28",
    location=LR_LINE,
    evidence=(
        Evidence(
            "same_batch_loss_change",
            0.41,
            "< 0",
            "A step makes the loss on the very same batch larger in 47 of 60 steps.",
        ),
        Evidence("update_ratio", 0.31, "about 0.001", "One step changes the weights by a third of their size."),
    ),
    proof=Proof("lr=0.02", "loss", 6.41, 0.283, 50, 0.021),
    explains=("loss-diverges", "dead-relu"),
    fix=Fix(
        "Use lr=0.02; anything from 0.008 to 0.05 works here.",
        LR_DIFF,
        True,
        "loss 0.283 after 50 steps, before 6.41",
    ),
)
SCALES = Finding(
    check="unscaled-inputs",
    severity=Severity.WARNING,
    confidence=Confidence.LIKELY,
    title="Feature 3 has a standard deviation of 1,240, feature 5 of 0.002",
    location=Location("data.py", 12, 14, "frame = read(path)\nx = frame.to_numpy()\nreturn x.astype('float32')"),
    evidence=(Evidence("feature_std_ratio", 620000.0, "below 100", "Features differ in scale by 620,000 times"),),
    proof=Proof("standardise inputs", "loss", 6.41, 1.9, 50, 0.4),
    fix=Fix("Standardise the inputs with the statistics of the training set."),
)
ADVICE = Finding(
    check="no-shuffle",
    severity=Severity.ADVICE,
    confidence=Confidence.POSSIBLE,
    title="The loader gives the batches in the same order in each epoch",
    location=Location("train.py", 20, 20, "loader = DataLoader(dataset, batch_size=64)"),
    fix=Fix("Pass shuffle=True to the DataLoader."),
)


def unhealthy() -> Report:
    """A learning rate that is too high, proven, with all that a report can carry."""
    loss = curve(2.31, 6.4, 0.12, 0.2)
    return Report(
        target=TargetInfo("script", "train.py", ("--epochs", "3")),
        verdict="unhealthy",
        summary="This training does not learn because its learning rate is too high. One changed number repairs it.",
        findings=(LR_TOO_HIGH, SCALES, ADVICE),
        run=RunInfo(
            steps=STEPS,
            seconds=6.13,
            probes=(
                probe("none", 2.31, 6.4, 0.12),
                probe("lr=0.02", 2.31, 0.28, 0.1),
                probe("standardise inputs", 2.31, 1.9, 0.2),
                probe("lr=0.1", 2.31, 1.1, 0.1),
                probe("lr=0.004", 2.31, 1.7, 0.05),
                ProbeInfo("zero the gradients before each step", 50, None, (2.31, 4.0, None, None), (0, 1, 2, 3)),
            ),
            ended="step-limit",
            device="cpu",
            overhead=1.04,
            versions={"python": "3.12.4", "torch": "2.13.0"},
            command="sgd-doctor diagnose --seed 0 train.py --epochs 3",
            replay="fork",
        ),
        curves=Curves(
            loss=loss,
            grad_norm=curve(1.0, 30.0, 0.05, 0.2),
            lr=tuple(0.8 if step < 40 else 0.4 for step in range(STEPS)),
            step=tuple(range(STEPS)),
            momentum=(0.9,) * STEPS,
            weight_decay=(0.0,) * STEPS,
        ),
        ruled_out=(
            RuledOut("zero-grad-missing", "the gradients are cleared at train.py:35 in each step"),
            RuledOut("momentum-too-high", "momentum 0.5 gives a loss of 5.9 after 50 steps, as written 6.41"),
        ),
        not_checked=(
            RuledOut("overfitting", "no held-out batches in this run"),
            RuledOut("validation-leak", "no held-out batches in this run"),
            RuledOut("unused-parameters", "the budget was spent"),
        ),
        passed=(
            "softmax-before-cross-entropy",
            "eval-mode-in-training",
            "loss-detached",
            "frozen-parameters",
        ),
        notes=("The script wrote 2 files; they were kept in a scratch folder and thrown away.",),
        layers=layers(),
        features=FeatureScales(
            "input of features.0 (Linear)",
            (0.1, -0.4, 12.0, 900.0, 0.0, 0.001),
            (1.0, 0.9, 4.0, 1240.0, 1.1, 0.002),
            (-3.0, -2.8, 0.0, -1500.0, -2.9, -0.004),
            (3.1, 2.7, 25.0, 5200.0, 3.0, 0.006),
            histograms=(Histogram(-3.0, 3.1, (2, 9, 30, 8, 1)), Histogram(-1500.0, 5200.0, (90, 9, 1), 3)),
        ),
        timeline=TIMELINE,
        activations=(
            ActivationCurve("features.1", "relu", (0, 20, 40), (0.0, 0.31, 0.62), (0.0,) * 3),
            ActivationCurve("tanh train.py:19", "tanh", (0, 20, 40), (0.0,) * 3, (0.02, 0.4, 0.55)),
        ),
        targets=TargetScales("class", {str(label): 60 + 7 * label for label in range(10)}, 4.5, 2.9, 0.0, 9.0),
    )


def healthy() -> Report:
    """Nothing to say."""
    return Report(
        target=TargetInfo("script", "train.py"),
        verdict="healthy",
        run=RunInfo(steps=STEPS, seconds=4.0, ended="finished", command="sgd-doctor diagnose train.py"),
        curves=Curves(loss=curve(2.3, 0.3, 0.1), lr=(0.1,) * STEPS, step=tuple(range(STEPS))),
        passed=tuple(f"check-{index}" for index in range(31)),
        timeline=TIMELINE[:-1],
    )


def crashed() -> Report:
    """The script raised before its first step."""
    return Report(
        target=TargetInfo("script", "train.py"),
        verdict="inconclusive",
        summary="The script stopped with RuntimeError at train.py:37 before the first optimizer step.",
        findings=(
            Finding(
                check="script-crashed",
                severity=Severity.ERROR,
                confidence=Confidence.CONFIRMED,
                title="RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x784 and 512x10)",
                location=Location("train.py", 37, 37, "logits = model(images)"),
                fix=Fix("Make the in_features of the last layer 784."),
            ),
        ),
        run=RunInfo(steps=0, seconds=0.8, ended="crashed"),
        not_checked=(RuledOut("lr-too-high", "no step was seen"),),
    )


def empty() -> Report:
    """Everything that can be missing is missing or not finite."""
    none: Series = (None,) * 4
    return Report(
        target=TargetInfo("parts"),
        verdict="inconclusive",
        findings=(
            Finding(
                check="loss-not-finite",
                severity=Severity.ERROR,
                confidence=Confidence.CONFIRMED,
                title="The loss is NaN from the first step",
                evidence=(Evidence("loss", None, "", ""),),
                proof=Proof("lr=0.1", "task_loss", None, None, 0, None),
                fix=Fix(""),
            ),
        ),
        run=RunInfo(steps=0, seconds=0.0, probes=(ProbeInfo("none", 0, None), ProbeInfo("x", 4, None, none))),
        curves=Curves(loss=none, grad_norm=none, lr=none),
        layers=(LayerCurve("w", (0, 1), (None, None), (None, None)), LayerCurve("b", (), (), ())),
        features=FeatureScales("", none, none, none, none),
        activations=(ActivationCurve("", "", (0, 1), (None, None), ()), ActivationCurve("x", "tanh", (), (), ())),
        targets=TargetScales("unknown"),
    )


def hostile() -> Report:
    """Every text was chosen to break a face."""
    nasty = NASTY
    place = Location(f"{nasty}.py", 1, 2, f"{nasty}\n\tprint('{nasty}')")
    finding = Finding(
        check=nasty,
        severity=Severity.ERROR,
        confidence=Confidence.POSSIBLE,
        title=nasty,
        location=place,
        evidence=(Evidence(nasty, nasty, nasty, nasty), Evidence(nasty, math.nan, nasty, nasty)),
        proof=Proof(nasty, nasty, math.inf, -math.inf, -1, math.nan),
        explains=(nasty,),
        fix=Fix(nasty, f"--- {nasty}\n+++ {nasty}\n@@ -1,1 +1,1 @@\n-{nasty}\n+{nasty}\n", True, nasty),
    )
    values: Series = (math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-320, 0.0, None)
    return Report(
        target=TargetInfo(nasty, nasty, (nasty,)),
        verdict="unhealthy",
        summary=nasty,
        findings=(finding, finding),
        run=RunInfo(
            steps=8,
            seconds=7.5e9,
            probes=(
                ProbeInfo(nasty, 8, math.nan, values, tuple(range(8))),
                ProbeInfo(nasty, 8, 1e300, values),
            ),
            ended=nasty,
            device=nasty,
            overhead=math.inf,
            versions={nasty: nasty},
            command=nasty,
            replay=nasty,
        ),
        curves=Curves(loss=values, grad_norm=values, lr=values, step=(0, 1)),
        ruled_out=(RuledOut(nasty, nasty),),
        not_checked=(RuledOut(nasty, nasty),),
        passed=(nasty,),
        notes=(nasty,),
        layers=(
            LayerCurve(nasty, (0, 1, 2), values[:3], values[3:6]),
            LayerCurve(nasty, (5,), values, values),
        ),
        features=FeatureScales(nasty, values, values, values, values, 2**63, ODD_HISTOGRAMS),
        timeline=(TimelineEntry(nasty, place), TimelineEntry("step", None)),
        activations=(ActivationCurve(nasty, nasty, (0, 1, 2), values, values[:1]),),
        targets=TargetScales(nasty, {nasty: 3}, math.nan, math.inf, -math.inf, math.nan, ODD_HISTOGRAMS[0]),
    )


ALL = {"unhealthy": unhealthy, "healthy": healthy, "crashed": crashed, "empty": empty, "hostile": hostile}
