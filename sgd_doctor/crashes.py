"""Exceptions that end training scripts, and what they mean: a table, the more special texts first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sgd_doctor.recording import Crash


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
        r"Target (-\d+) is out of bounds",
        "label {0} is negative: class labels count from 0",
        "count labels from 0 (y - y.min()); labels that are not to count get ignore_index={0} in the loss",
    ),
    Known(
        r"Target (-?\d+) is out of bounds",
        "label {0} has no logit: the model has too few outputs for the labels",
        "make the last layer as wide as the number of classes, and count labels from 0",
    ),
    Known(
        r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
        "{1} features arrive where a Linear layer (or a matrix product) takes {2}",
        "set in_features={1}, if {1} is what it should get; images are flattened first (x.flatten(1))",
    ),
    Known(
        r"expected input\[[^\]]*\] to have (\d+) channels, but got (\d+)",
        "a convolution for {0} channels got {1}",
        "set in_channels={1}, or bring the channels to dimension 1: unsqueeze(1) for grey images, "
        "permute(0, 3, 1, 2) for channels last",
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
        r"have the same dtype, but got:? (\w+) (?:and|!=) (\w+)|expected scalar type (\w+) but found (\w+)",
        "two tensors have different dtypes ({0}{2} and {1}{3})",
        "convert inputs with .float() (arrays of numpy are double) and class labels with .long()",
    ),
    Known(
        r"Input type \(([^)]*)\) and (?:bias|weight) type \(([^)]*)\) should be the same",
        "the input is {0} and the weights are {1}",
        "convert the input with .float() (images of bytes: x.float() / 255); of cuda and cpu, move both to one device",
    ),
    Known(
        r"result type (\w+) can't be cast to the desired output type (\w+)",
        "a target of dtype {1} meets outputs of dtype {0}",
        "convert the targets of BCEWithLogitsLoss, BCELoss and MSELoss with .float()",
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
        r"Expected all tensors to be on the same device|Tensor on device \S+ is not on the expected device"
        r"|Input and (?:hidden|parameter) tensors are not at the same device",
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
        r"RuntimeError: unscale_\(\) has already been called|unscale_\(\) is being called after step",
        "scaler.unscale_() is called twice, or after scaler.step()",
        "in this order, each once: scaler.scale(loss).backward(), scaler.unscale_(optimizer), clipping, "
        "scaler.step(optimizer), scaler.update()",
    ),
    Known(
        r"step\(\) has already been called since the last update",
        "scaler.update() is missing between two calls of scaler.step()",
        "call scaler.update() after each scaler.step(optimizer)",
    ),
    Known(
        r"No inf checks were recorded prior to update",
        "scaler.update() is called, and scaler.step(optimizer) was not: no step was made",
        "call scaler.step(optimizer) between scaler.scale(loss).backward() and scaler.update()",
    ),
    Known(
        r"Attempted (\w+) but _scale is None|No inf checks were recorded for this optimizer",
        "the scaler is asked for a step, but no loss was scaled and differentiated before",
        "scaler.scale(loss).backward() in place of loss.backward(), with the parameters of this optimizer in the loss",
    ),
    Known(
        r"Attempting to unscale FP16 gradients",
        "the weights themselves are float16, and a scaler needs them in float32",
        "no model.half(): keep the weights in float32 and compute under torch.autocast",
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
        r"IndexError: index out of range in self",
        "an embedding was asked for a row that it does not have",
        "make num_embeddings larger than the largest index (padding and unknown words need a row as well)",
    ),
    Known(
        r"argument #1 'indices' to have one of the following scalar types",
        "an embedding was given numbers that are not integers",
        "convert the indices with .long(); real-valued features belong into a Linear layer",
    ),
    Known(
        r"device-side assert triggered|CUBLAS_STATUS|CUDNN_STATUS",
        "a kernel on the GPU failed: mostly a label or an index that is out of range",
        "run once on the CPU, or with CUDA_LAUNCH_BLOCKING=1, to see the line; compare labels with the number of "
        "classes",
    ),
    Known(
        r"embed_dim must be divisible by num_heads",
        "the width of the attention cannot be divided by its number of heads",
        "choose embed_dim as a multiple of num_heads",
    ),
    Known(
        r"(?:target|input)_lengths must be of size batch_size",
        "CTC loss got lengths for another number of samples than there are",
        "one length per sample; log-probabilities have shape (time, batch, classes)",
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
        r"num_samples should be a positive integer value, but got num_samples=0",
        "the data set is empty",
        "print len(dataset); check the folder, the pattern of file names and what was filtered out",
    ),
    Known(
        r"\w+: Size mismatch between tensors",
        "the tensors of a TensorDataset have different lengths",
        "inputs and labels need the same first dimension: print both shapes",
    ),
    Known(
        r"Sum of input lengths does not equal the length of the input dataset",
        "the parts of random_split do not add up to the data set",
        "let the last part be the rest: [n, len(dataset) - n], or give fractions that sum to 1",
    ),
    Known(
        r"can't convert np.ndarray of type numpy\.(\w+?)_?\.",
        "an array of text or mixed objects ({0}) cannot become a tensor",
        "make the columns numbers first: frame[column].astype('float32'), labels by sklearn's LabelEncoder",
    ),
    Known(
        r"too many dimensions 'str'",
        "text cannot become a tensor",
        "map words or labels to numbers first",
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
        r"params argument given to the optimizer should be an iterable",
        "the optimizer was given a single tensor where a list of parameters is meant",
        "model.parameters(), or [weight] for a single one",
    ),
    Known(
        r"optimizer can only optimize Tensors, but one of the params is (\S+)",
        "there is a {0} among what the optimizer was given",
        "give it model.parameters(): a dict iterates over names",
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
        r"running_mean should contain (\d+) elements not (\d+)",
        "a BatchNorm layer for {1} channels got {0}",
        "set num_features={0}, or check what comes before it",
    ),
    Known(
        r"expected 2D or 3D input \(got (\d)D input\)",
        "BatchNorm1d got input with {0} dimensions",
        "it takes (batch, features) or (batch, channels, length); images need BatchNorm2d",
    ),
    Known(
        r"Given normalized_shape=\[([^\]]*)\].*got input of size\s*\[([^\]]*)\]",
        "a LayerNorm over ({0}) got input of shape ({1})",
        "normalized_shape is the size of the last dimension (or dimensions) of the input",
    ),
    Known(
        r"Expected input to be 2D or 3D, got (\d)D",
        "a recurrent layer got input with {0} dimensions",
        "it takes (time, batch, features), or (batch, time, features) with batch_first=True",
    ),
    Known(
        r"For 1D input, 1D target must have size 1",
        "the outputs have lost their batch dimension",
        "look for a squeeze() or an index that takes one sample; logits have shape (N, C)",
    ),
    Known(
        r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)",
        "dimension {2} is asked for, and the tensor has only {0} to {1}",
        "a dimension is missing (squeeze, an index, a single sample without batch), or dim counts from 0",
    ),
    Known(
        r"Expected size for first two dimensions of batch2",
        "two batches of matrices do not fit for a product",
        "the last dimension of the first has to equal the last but one of the second: transpose(1, 2)",
    ),
    Known(
        r"The expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\)",
        "a tensor of size {1} is stored or expanded where {0} are needed",
        "print both shapes before this line",
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
        r"step\(\) missing 1 required positional argument: 'closure'",
        "LBFGS needs a function that it can call again to compute the loss",
        "def closure(): optimizer.zero_grad(); loss = ...; loss.backward(); return loss; then optimizer.step(closure)",
    ),
    Known(
        r"Tried to step \d+ times. The specified number of total steps is (\d+)",
        "the scheduler was made for {0} steps and is asked for more",
        "total_steps = epochs * len(loader) where it steps after each batch, and epochs where after each epoch",
    ),
    Known(
        r"missing 1 required positional argument: 'metrics'",
        "ReduceLROnPlateau has to be told the quantity that it watches",
        "scheduler.step(validation_loss)",
    ),
    Known(
        r"(\w+)\.forward\(\) missing \d+ required positional arguments?: (.*)",
        "{0} was called without {1}",
        "a loss takes (outputs, targets); a model as many arguments as its forward() names",
    ),
    Known(
        r"(\w+)\.forward\(\) takes (\d+) positional arguments? but (\d+) were given",
        "{0} was called with more arguments than its forward() takes ({2} instead of {1}, self included)",
        "look at the call, and at the arguments that forward() names",
    ),
    Known(
        r"__init__\(\) got an unexpected keyword argument '(\w+)'",
        "there is no argument {0} here",
        "check its spelling, and the documentation of the version that is installed",
    ),
    Known(
        r"'NoneType' object has no attribute '(zero_|data|norm|detach|clone|mul_|add_|abs)'",
        "something is None where a tensor is needed: often the gradient of a parameter that got none",
        "gradients are None before the first backward() and for parameters that the loss does not use: "
        "if p.grad is not None",
    ),
    Known(
        r"'NoneType' object (?:has no attribute|is not|cannot)",
        "something is None here: often the result of a function without return",
        "look for a return that is missing at the end of forward(), __getitem__ or a function that builds things",
    ),
    Known(
        r"'(\w+)' object has no attribute '(\w+)'",
        "a {0} has no {1}",
        "check its spelling, and that __init__ assigns it to self before it is used",
    ),
    Known(
        r"module '([\w.]+)' has no attribute '(\w+)'",
        "there is no {1} in {0}",
        "check its spelling, the version that is installed, and that no file of yours is called like a library",
    ),
    Known(
        r"not enough values to unpack \(expected (\d+), got (\d+)\)|too many values to unpack \(expected (\d+)",
        "a loop or assignment names {0}{2} values, and another number arrives",
        "print what arrives: a batch holds what __getitem__ returns; enumerate() gives (i, (x, y))",
    ),
    Known(
        r"iteration over a 0-d tensor",
        "a single number is iterated over",
        "look for a mean() or an index too many before this line",
    ),
    Known(
        r"Weights only load failed",
        "torch.load reads nothing but tensors since 2.6, and the file holds other objects",
        "torch.load(path, weights_only=False) for a file that you trust; better save model.state_dict()",
    ),
    Known(
        r"Output size is too small",
        "the image has become smaller than the pooling",
        "use fewer strides or poolings, padding, or larger images",
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
        r"Dataset not found|dataset not found",
        "the data set is not in the folder",
        "download=True for the first run, or check root",
    ),
    Known(
        r"No such file or directory: (.*)",
        "the file {0} does not exist",
        "check the path; it is relative to the folder where the command runs",
    ),
    Known(
        r"^SystemExit: 2$",
        "the script did not accept its arguments",
        "what it says of them stands above; the script's arguments come after its path, options of sgd-doctor first",
    ),
    Known(
        r"No module named (.*)",
        "the module {0} is not installed here",
        "install it into the same environment, or run from the right folder",
    ),
)


def explain(crash: Crash) -> tuple[str, str]:
    """What the exception means, and what to do; empty strings for an unknown one."""
    for known in KNOWN:
        found = re.search(known.pattern, f"{crash.kind}: {crash.message}")
        if found is not None:
            groups = [*(g or "" for g in found.groups()), *[""] * 4]
            return known.meaning.format(*groups), known.advice.format(*groups)
    return "", ""
