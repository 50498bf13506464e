"""script-crashed: an exception ended the script; the known ones are explained."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sgd_doctor.check import Check
from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Crash, Recording


@dataclass(frozen=True)
class Known:
    """A known exception: its text, and what it means.  ``{0}``, ``{1}`` are groups of ``pattern``."""

    pattern: str
    meaning: str
    advice: str


LOST_PEER = r"Connection (?:closed|reset) by peer|Socket closed|ncclRemoteError|Timed out waiting \d+ms for"
"""What collectives of gloo and NCCL say when another process is gone."""

KNOWN = (
    Known(
        r"optimizer got an empty parameter list",
        "the model has no parameters when the optimizer is built",
        "create the layers in __init__ and assign them to self (lists of layers: nn.ModuleList)",
    ),
    Known(
        r"Target (-?\d+) is out of bounds",
        "label {0} has no logit: the model has too few outputs for the labels",
        "make the last layer as wide as the number of classes, and count labels from 0",
    ),
    Known(
        r"mat1 and mat2 shapes cannot be multiplied \((\d+x\d+) and (\d+x\d+)\)",
        "a Linear layer got input of shape {0}, but its weight is {1}",
        "set in_features to the number of features that really arrive (flatten images first)",
    ),
    Known(
        r"expected input\[[^\]]*\] to have (\d+) channels, but got (\d+)",
        "a convolution for {0} channels got {1}",
        "add the channel dimension, or set in_channels",
    ),
    Known(
        r"element 0 of tensors does not require grad",
        "the loss does not depend on any parameter that requires a gradient",
        "remove .detach(), .data, .item(), no_grad() or argmax between the model and the loss; unfreeze parameters",
    ),
    Known(
        r"[Tt]rying to backward through the graph a second time",
        "part of the graph of an earlier step is used again",
        "detach the hidden state between steps (h = h.detach()), and compute the loss anew for each backward",
    ),
    Known(
        r"grad can be implicitly created only for scalar outputs",
        "backward() was called on a tensor with more than one element",
        "reduce the loss first: loss.mean().backward()",
    ),
    Known(
        r"modified by an inplace operation",
        "a tensor that backward needs was changed in place",
        "replace x += y by x = x + y, and inplace=True by False",
    ),
    Known(
        r"Expected more than 1 value per channel when training",
        "BatchNorm got a single sample in training mode",
        "use drop_last=True or a larger batch",
    ),
    Known(
        r"expected scalar type (\w+) but found (\w+)|must have the same dtype",
        "two tensors have different dtypes",
        "convert inputs with .float() and class labels with .long()",
    ),
    Known(
        r"Found dtype (\w+) but expected (\w+)",
        "the target has dtype {0} where {1} is needed",
        "convert: targets of MSE and BCE with .float(), class labels with .long()",
    ),
    Known(
        r"Expected (?:floating point|class|object).*(?:Long|probabilities)|0D or 1D target tensor expected"
        r"|expected (?:target|weight) size",
        "the target does not have the shape or dtype that the loss expects",
        "cross-entropy takes class numbers of dtype long and shape (N), logits of shape (N, C)",
    ),
    Known(
        r"Using a target size \(([^)]*)\) that is different to the input size \(([^)]*)\)",
        "target of shape ({0}) against input of shape ({1})",
        "give both the same shape, for example target.unsqueeze(1)",
    ),
    Known(
        r"Expected all tensors to be on the same device",
        "model and data are on different devices",
        "move both: model.to(device), x.to(device), y.to(device)",
    ),
    Known(
        r"CUDA out of memory|DefaultCPUAllocator: can't allocate memory",
        "the memory is full",
        "use a smaller batch, and do not keep losses with their graph (loss.item())",
    ),
    Known(
        r"Nesterov momentum requires a momentum",
        "nesterov=True without momentum",
        "set momentum=0.9 and dampening=0, or remove nesterov=True",
    ),
    Known(
        r"Invalid (?:learning rate|momentum value|weight_decay value)",
        "a hyperparameter is out of range",
        "use a positive value",
    ),
    Known(
        r"unscale_\(\) has already been called|No inf checks were recorded",
        "GradScaler is used in the wrong order",
        "scale(loss).backward(), unscale_ once, step, update",
    ),
    Known(
        r"all elements of (?:input|target) should be between 0 and 1",
        "BCELoss needs probabilities and targets between 0 and 1",
        "use BCEWithLogitsLoss on raw outputs, and targets of 0 and 1",
    ),
    Known(
        LOST_PEER,
        "another process of the run ended or stopped answering while this one waited for it",
        "look for what ended the other process, and give all processes the same number of batches",
    ),
    Known(
        r"No such file or directory: (.*)",
        "the file {0} does not exist",
        "check the path; it is relative to the folder where the command runs",
    ),
    Known(
        r"No module named (.*)",
        "the module {0} is not installed here",
        "install it into the same environment, or run from the right folder",
    ),
)


class ScriptCrashed(Check):
    """An exception ended the script.

    ## What it means
    The script raised; the line is the innermost one of your own code. Common exceptions are translated.

    ## Why it hurts
    Nothing after that line ran.

    ## How it is proven
    It happened.

    ## How to fix it
    The report says what the exception usually means at such a line, and what to change.

    ## Example
    Bad:

        nn.Linear(64, 9)          # ten classes: IndexError: Target 9 is out of bounds.

    Good:

        nn.Linear(64, 10)

    ## Known limits
    An exception that is not in the table is reported as it is.

    ## References
    - <https://docs.pytorch.org/docs/stable/notes/faq.html>
    """

    name = "script-crashed"
    family = "outcome"
    summary = "the script raised an exception, explained where it is a known one"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The exception that ended the script, or a process that was killed."""
        crash = recording.facts.crash
        if crash is None:
            return self._killed(recording)
        if crash.kind in ("KeyboardInterrupt",):
            return None
        meaning, advice = explain(crash)
        first = crash.message.strip().splitlines()[0][:160] if crash.message.strip() else crash.kind
        tensors = tuple(
            Evidence("tensor", text, "", f"{name}: {text}") for name, text in list(crash.locals.items())[:6]
        )
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{meaning} ({crash.kind}: {first})" if meaning else f"{crash.kind}: {first}",
            rule=Rule.SYMPTOM if _missed_another(recording, crash) else Rule.FACT,
            location=recording.location(crash.site),
            evidence=(
                Evidence("exception", crash.kind, "none", f"{crash.kind} after {crash.step} steps: {first}"),
                *tensors,
            ),
            explains=("missing-step", "missing-backward", "undertrained"),
            advice=advice or "read the traceback above; nothing after this line ran",
        )

    def _killed(self, recording: Recording) -> Suspicion | None:
        facts = recording.facts
        if facts.ended != "killed":
            return None
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=facts.notes[0] if facts.notes else "the script's process was killed",
            rule=Rule.FACT,
            evidence=(Evidence("exit_code", facts.exit_code, "0", "the process ended without a Python exception"),),
            advice="a crash in native code, or memory ran out: watch the memory, and run with python -X faulthandler",
        )


def _missed_another(recording: Recording, crash: Crash) -> bool:
    """Whether the exception only says that another process was gone."""
    return recording.facts.distributed is not None and re.search(LOST_PEER, crash.message) is not None


def explain(crash: Crash) -> tuple[str, str]:
    """What the exception means, and what to do; empty strings for an unknown one."""
    for known in KNOWN:
        found = re.search(known.pattern, crash.message)
        if found is not None:
            groups = [g or "" for g in found.groups()]
            return known.meaning.format(*groups, *[""] * 3), known.advice
    return "", ""
