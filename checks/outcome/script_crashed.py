"""script-crashed: an exception ended the script; the known ones are explained."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sgd_doctor.check import Check
from sgd_doctor.crash_edits import crash_edits
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
        r"modified by an inplace operation: \[[^\[]*\[([^\]]*)\]\]"
        r"(?: is at|, which is output \d+ of (?:AsStrided|T|Transpose)(?:Backward0)?,)",
        "weights were changed by a step between the forward pass and this backward() (shape [{0}] as used there)",
        "detach what is kept over steps (h = h.detach()) and drop retain_graph=True; with two optimizers compute the "
        "second loss anew after the first step",
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
        r"^index out of range in self",
        "an embedding was asked for a row that it does not have",
        "make num_embeddings larger than the largest index (padding and unknown words need a row as well)",
    ),
    Known(
        r"index (-?\d+) is out of bounds for (?:dimension|axis) (\d+) with size (\d+)",
        "index {0} is used where there are only {2} entries (counted from 0)",
        "check where the index comes from: a label, a vocabulary or a loop that runs one too far",
    ),
    Known(
        r"stack expects each tensor to be equal size, but got \[([^\]]*)\][^\[]*\[([^\]]*)\]",
        "samples of sizes [{0}] and [{1}] cannot be stacked into one batch",
        "pad or crop them to one size in a collate_fn of your own (torch.nn.utils.rnn.pad_sequence), or resize images",
    ),
    Known(
        r"batch must contain tensors, numpy arrays.*found <class '([^']*)'>",
        "the dataset returns a {0}, which cannot be put into a batch",
        "return tensors, arrays or numbers from __getitem__ (None: a file that was not read?), or use a collate_fn",
    ),
    Known(
        r"leaf Variable that requires grad is being used in an in-place operation",
        "a parameter is changed in place while gradients are recorded",
        "put the update under with torch.no_grad(), or use the optimizer",
    ),
    Known(
        r"can't optimize a non-leaf Tensor",
        "the optimizer was given the result of a computation instead of a parameter",
        "give it leaf tensors: nn.Parameter, or x.detach().clone().requires_grad_() (to() and * make new tensors)",
    ),
    Known(
        r"'method' object is not iterable",
        "a method was passed where its result is meant",
        "call it: model.parameters() with parentheses",
    ),
    Known(
        r"'(\w+)' object is not iterable",
        "a {0} was passed where a list or an iterator is meant",
        "for an optimizer: model.parameters(); for a loop: a loader or a list",
    ),
    Known(
        r"[Ee]xpected (\d)D (?:\(\w+\) or (\d)D \(\w+\) )?input.*got (?:input of size: (\[[^\]]*\])|(\d)D input)",
        "a layer got input with the wrong number of dimensions ({2}{3})",
        "images are (batch, channels, height, width): add the missing dimension with unsqueeze, or use the 1d layer",
    ),
    Known(
        r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)",
        "{0} outputs meet {1} targets",
        "keep the batch dimension when reshaping: x.flatten(1) or x.view(x.size(0), -1)",
    ),
    Known(
        r"expected target dtype to be Long",
        "class labels have the wrong dtype",
        "convert the labels with .long(); a loss for real numbers is MSELoss",
    ),
    Known(
        r"[Tt]arget size \((?:torch\.Size\()?([^)]*)\)*.*input size \((?:torch\.Size\()?([^)]*)\)",
        "target of shape ({0}) against input of shape ({1})",
        "give both the same shape, for example target.unsqueeze(1)",
    ),
    Known(
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)",
        "two tensors of sizes {0} and {1} are combined element by element",
        "print both shapes before this line; a transpose, unsqueeze or an equal crop is missing",
    ),
    Known(
        r"Sizes of tensors must match except in dimension (\d+). Expected size (\d+) but got size (\d+)",
        "tensors of sizes {1} and {2} are joined along dimension {0}",
        "all other dimensions have to agree: crop or pad one of them, or join along another dimension",
    ),
    Known(
        r"shape '\[([^\]]*)\]' is invalid for input of size (\d+)",
        "{1} values cannot be viewed as [{0}]",
        "let the batch dimension come from the data, and one dimension be worked out: x.view(x.size(0), -1)",
    ),
    Known(
        r"view size is not compatible with input tensor's size and stride",
        "view() was called on a tensor that is not contiguous (after transpose or permute)",
        "use reshape(), or contiguous().view()",
    ),
    Known(
        r"Can't call numpy\(\) on Tensor that requires grad",
        "a tensor with a graph is converted to numpy",
        "for metrics and plots: x.detach().numpy(); inside a loss stay in torch",
    ),
    Known(
        r"can't convert (\S+) device type tensor to numpy",
        "a tensor on {0} is converted to numpy",
        "move it first: x.detach().cpu().numpy()",
    ),
    Known(
        r"argument '(\w+)' \(position \d+\) must be Tensor, not (\S+)",
        "a function of torch got a {1} instead of a tensor",
        "a recurrent layer returns (output, state): take the first; convert arrays with torch.from_numpy(x).float()",
    ),
    Known(
        r"Only Tensors of floating point",
        "gradients are asked for a tensor of integers",
        "make it float: torch.tensor(x, dtype=torch.float32, requires_grad=True)",
    ),
    Known(
        r"could not infer output dtype",
        "a mean of integers is asked for",
        "convert first: x.float().mean()",
    ),
    Known(
        r"Boolean value of Tensor with more than one value is ambiguous",
        "a whole tensor is used as a condition, or a loss class was called like a function",
        "use .any() or .all(); loss classes are built first: criterion = nn.CrossEntropyLoss(); criterion(out, y)",
    ),
    Known(
        r"a Tensor with (\d+) elements cannot be converted to Scalar|only one element tensors can be converted",
        "item() or float() was called on a tensor with more than one element",
        "reduce it first: x.mean().item()",
    ),
    Known(
        r"Error\(s\) in loading state_dict for (\w+)",
        "the checkpoint does not fit {0}: other names or shapes",
        "build the model with the settings that it was saved with; strip prefixes such as module. from the names",
    ),
    Known(
        r"not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available",
        "the script asks for a GPU that is not there",
        'device = torch.device("cuda" if torch.cuda.is_available() else "cpu"), and .to(device) instead of .cuda()',
    ),
    Known(
        r"input\.size\(-1\) must be equal to input_size\. Expected (\d+), got (\d+)",
        "a recurrent layer for {0} features got {1}",
        "set input_size to the size of the last dimension; with batch_first=True the input is (batch, time, features)",
    ),
    Known(
        r"Expected hidden\[?\d?\]? size \(([^)]*)\), got [\[(]([^\])]*)",
        "the state of a recurrent layer has shape ({1}) where ({0}) is needed",
        "make the state for this batch's size (the last batch is smaller: drop_last=True), or pass none",
    ),
    Known(
        r"cannot assign (?:module|parameters?) before Module\.__init__\(\) call",
        "super().__init__() is missing at the beginning of __init__",
        "call super().__init__() first",
    ),
    Known(
        r'missing the required "forward" function',
        "the module has no forward method (misspelt, or indented into __init__?)",
        "define forward(self, x) in the class",
    ),
    Known(
        r"missing 1 required positional argument: 'metrics'",
        "ReduceLROnPlateau has to be told the quantity that it watches",
        "scheduler.step(validation_loss)",
    ),
    Known(
        r"Kernel size can't be greater than actual input size",
        "the image has become smaller than the kernel",
        "use fewer strides or poolings, padding, or larger images",
    ),
    Known(
        r"Class values must be smaller than num_classes|Class values must be non-negative",
        "a label lies outside of the number of classes",
        "count labels from 0, and set num_classes to their number",
    ),
    Known(
        r"attempt has been made to start a new process before",
        "loader workers start the script anew: the training is not guarded",
        'put it under if __name__ == "__main__":',
    ),
    Known(
        r"DataLoader worker .*(?:exited unexpectedly|is killed)",
        "a loader worker died (often the memory, or an exception in the dataset)",
        "run with num_workers=0 to see the reason",
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
        place = recording.site(crash.site)
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
            edits=crash_edits(crash, place.line) if place is not None else (),
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
