"""Mutation operators on the loss, the data and the model; importing this module enters them into the table."""

from __future__ import annotations

import ast

from injection_operators import operator
from injection_source import ACTIVATIONS, CLASS_LOSSES, LOGIT_LOSSES, SQUARED_LOSSES, Edit, Source, last_name

# The loss


def _on_output(s: Source, kinds: set[str], suffix: str) -> list[Edit]:
    """The output is changed on its way into the training loss."""
    edits: list[Edit] = []
    for call in s.training_losses(kinds):
        output = call.args[0]
        edits += s.wrap(output, "(" if not _simple(output) else "", (")" if not _simple(output) else "") + suffix)
    return edits


def _simple(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))


@operator("softmax-before-loss", "softmax-before-ce", same_loss=False)
def softmax_before_loss(s: Source) -> list[Edit]:
    """Probabilities into cross-entropy."""
    return _on_output(s, CLASS_LOSSES, ".softmax(dim=1)")


@operator("softmax-over-batch", "softmax-wrong-dim", "softmax-before-ce", same_loss=False)
def softmax_over_batch(s: Source) -> list[Edit]:
    """Softmax over the batch before cross-entropy."""
    return _on_output(s, CLASS_LOSSES, ".softmax(dim=0)")


@operator("sigmoid-before-loss", "double-sigmoid", same_loss=False)
def sigmoid_before_loss(s: Source) -> list[Edit]:
    """Probabilities into a loss that takes logits."""
    return _on_output(s, LOGIT_LOSSES, ".sigmoid()")


@operator("relu-on-output", "final-activation-range")
def relu_on_output(s: Source) -> list[Edit]:
    """A ReLU behind the last layer, in training and evaluation."""
    if not s.losses(SQUARED_LOSSES | LOGIT_LOSSES | CLASS_LOSSES):
        return []
    return [Edit(s.end(c), s.end(c), ".relu()") for c in s.model_calls]


@operator("sigmoid-on-output", "final-activation-range")
def sigmoid_on_output(s: Source) -> list[Edit]:
    """A sigmoid behind the last layer of a regression."""
    if not s.losses(SQUARED_LOSSES):
        return []
    return [Edit(s.end(c), s.end(c), ".sigmoid()") for c in s.model_calls]


def _other_loss(s: Source, kinds: set[str], functional: str, suffix: str = "") -> list[Edit]:
    edits = []
    for call in s.training_losses(kinds):
        output, target = call.args
        edits.append(s.replace(call.func, f"torch.nn.functional.{functional}"))
        if suffix:
            edits.append(s.replace(target, suffix.format(output=s.code(output), target=s.code(target))))
    return edits


@operator("nll-on-logits", "nll-without-log", same_loss=False)
def nll_on_logits(s: Source) -> list[Edit]:
    """``nll_loss`` on logits."""
    return [] if "log_softmax" in s.text.lower() else _other_loss(s, CLASS_LOSSES, "nll_loss")


@operator("mse-on-one-hot", "mse-for-classification", same_loss=False)
def mse_on_one_hot(s: Source) -> list[Edit]:
    """Squared error of softmax outputs against one-hot targets."""
    edits = []
    for call in s.training_losses(CLASS_LOSSES):
        output, target = call.args
        if not isinstance(output, ast.Name):
            return []
        hot = f"torch.nn.functional.one_hot({s.code(target)}, {s.code(output)}.shape[1]).float()"
        new = f"torch.nn.functional.mse_loss({s.code(output)}.softmax(dim=1), {hot})"
        edits.append(s.replace(call, new))
    return edits


@operator("bce-on-logits", "script-crashed", "final-activation-range", same_loss=False)
def bce_on_logits(s: Source) -> list[Edit]:
    """``binary_cross_entropy`` on logits."""
    return _other_loss(s, LOGIT_LOSSES, "binary_cross_entropy")


@operator("argmax-in-loss", "nondifferentiable-op", "script-crashed", same_loss=False)
def argmax_in_loss(s: Source) -> list[Edit]:
    """Squared error of the predicted class."""
    edits = []
    for call in s.training_losses(CLASS_LOSSES):
        output, target = call.args
        if not _simple(output):
            return []
        new = f"torch.nn.functional.mse_loss({s.code(output)}.argmax(dim=1).float(), {s.code(target)}.float())"
        edits.append(s.replace(call, new))
    return edits


@operator("flip-sign", "sign-flipped")
def flip_sign(s: Source) -> list[Edit]:
    """The loss is maximised."""
    edits = []
    for stmt in s.backwards:
        call = stmt.value
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        edits.append(s.replace(call.func.value, f"(-{s.code(call.func.value)})"))
    return edits


@operator("sum-reduction", "sum-reduction", same_loss=False)
def sum_reduction(s: Source) -> list[Edit]:
    """``reduction="sum"`` in the training loss, or ``.sum()`` for ``.mean()`` in one written by hand."""
    edits: list[Edit] = []
    for call in s.training_losses(CLASS_LOSSES | LOGIT_LOSSES | SQUARED_LOSSES):
        if last_name(call.func)[0].islower() and last_name(call.func) in CLASS_LOSSES | LOGIT_LOSSES | SQUARED_LOSSES:
            edits.append(Edit(s.end(call.args[1]), s.end(call.args[1]), ', reduction="sum"'))
    if edits:
        return edits
    built = s.calls(*(k for k in CLASS_LOSSES | LOGIT_LOSSES | SQUARED_LOSSES if k[0].isupper()))
    return [Edit(s.end(c) - 1, s.end(c) - 1, 'reduction="sum"') for c in built if not c.args and not c.keywords]


# Shapes


@operator("drop-squeeze", "broadcast-target-shape", "script-crashed")
def drop_squeeze(s: Source) -> list[Edit]:
    """An output that is not brought into the shape of the targets."""
    edits = []
    for call in s.calls("squeeze", "flatten", "view", "reshape"):
        shape = [ast.unparse(a) for a in call.args]
        if (
            isinstance(call.func, ast.Attribute)
            and shape in (["1"], ["-1"], [])
            and isinstance(call.func.value, ast.Call)
        ):
            edits.append(s.replace(call, s.code(call.func.value)))
    return edits if s.losses(SQUARED_LOSSES) or "** 2" in s.text or ".pow(2)" in s.text else []


@operator("squeeze-target", "broadcast-target-shape", "script-crashed")
def squeeze_target(s: Source) -> list[Edit]:
    """Targets of shape (N,) against outputs of shape (N, 1)."""
    edits: list[Edit] = []
    for call in s.training_losses(SQUARED_LOSSES):
        target = call.args[1]
        if _simple(target):
            edits.append(Edit(s.end(target), s.end(target), ".squeeze(-1)"))
    return edits


# The data


def _at_model(s: Source, before: str, after: str) -> list[Edit]:
    """The input is changed wherever the model is called."""
    return [e for c in s.model_calls for e in s.wrap(c.args[0], before, after)]


@operator("drop-scaling", "unnormalized-inputs", "unscaled-targets")
def drop_scaling(s: Source) -> list[Edit]:
    """Without ``StandardScaler`` (of inputs, targets or both), ``scale``, or the division of pixels."""
    scalers = [c for c in s.calls("fit_transform", "scale") if len(c.args) == 1 and "scale" in s.code(c.func).lower()]
    if scalers:
        return [s.replace(c, s.code(c.args[0])) for c in scalers]
    found = [n for n in ast.walk(s.tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
    pixels = [n for n in found if isinstance(n.right, ast.Constant) and n.right.value in (16, 16.0, 255, 255.0)]
    return [s.replace(n, s.code(n.left)) for n in pixels]


@operator("features-x100", "unnormalized-inputs")
def features_x100(s: Source) -> list[Edit]:
    """Inputs a hundred times as large."""
    return _features(s, "({x}) * 100")


@operator("features-plus-100", "unnormalized-inputs")
def features_shifted(s: Source) -> list[Edit]:
    """Inputs far from 0."""
    return _features(s, "({x}) + 100")


@operator("features-by-255-again", "double-scaling", "unnormalized-inputs")
def features_small(s: Source) -> list[Edit]:
    """Pixels divided by 255 once more."""
    return _features(s, "({x}) / 255")


@operator("column-x1000", "unnormalized-inputs")
def column_x1000(s: Source) -> list[Edit]:
    """One feature in other units than the rest."""
    scale = "1 + 999 * (torch.arange(({x}).shape[-1]) == ({x}).shape[-1] // 2)"
    return _features(s, "({x}) * (" + scale + ")")


def _features(s: Source, form: str) -> list[Edit]:
    # Indices of an embedding cannot be scaled.
    if "Embedding" in s.text:
        return []
    return [s.replace(c.args[0], form.format(x=s.code(c.args[0]))) for c in s.model_calls]


@operator("eval-on-raw", "train-test-preprocess-mismatch")
def eval_on_raw(s: Source) -> list[Edit]:
    """Other units of the inputs where the script evaluates."""
    if "Embedding" in s.text:
        return []
    training = [c for c in s.model_calls if any(s._together(c, b) for b in s.backwards)]
    others = [c for c in s.model_calls if c not in training]
    return [s.replace(c.args[0], f"({s.code(c.args[0])}) * 16") for c in others] if training else []


@operator("targets-x1000", "unscaled-targets", same_loss=False)
def targets_x1000(s: Source) -> list[Edit]:
    """Regression targets in thousands, in training and evaluation."""
    calls = s.losses(SQUARED_LOSSES)
    return [s.replace(c.args[1], f"({s.code(c.args[1])}) * 1000") for c in calls]


@operator("targets-plus-300", "unscaled-targets")
def targets_shifted(s: Source) -> list[Edit]:
    """Regression targets around 300."""
    calls = s.losses(SQUARED_LOSSES)
    return [s.replace(c.args[1], f"({s.code(c.args[1])}) * 50 + 300") for c in calls]


def _data_sets(s: Source) -> list[ast.Call]:
    """The first data set of (inputs, targets): the one that is trained on."""
    return [c for c in s.calls("TensorDataset") if len(c.args) == 2][:1]


@operator("labels-shuffled", "labels-misaligned")
def labels_shuffled(s: Source) -> list[Edit]:
    """The targets of the training set in another order than the inputs."""
    for call in _data_sets(s):
        y = s.code(call.args[1])
        return [s.replace(call.args[1], f"({y})[torch.randperm(len({y}))]")]
    return []


@operator("sorted-unshuffled", "no-shuffle-sorted")
def sorted_unshuffled(s: Source) -> list[Edit]:
    """Samples in the order of their class, and a loader that keeps it."""
    if not s.losses(CLASS_LOSSES):
        return []
    shuffles = [k for c in s.calls("DataLoader") for k in c.keywords if k.arg == "shuffle"]
    for call in _data_sets(s):
        x, y = (s.code(a) for a in call.args)
        edits = [s.replace(k.value, "False") for k in shuffles]
        order = f"({y}).argsort()"
        return [s.replace(call.args[0], f"({x})[{order}]"), s.replace(call.args[1], f"({y})[{order}]"), *edits]
    return []


@operator("nan-in-one-sample", "nan-in-data")
def nan_in_one_sample(s: Source) -> list[Edit]:
    """One sample of NaN."""
    for call in _data_sets(s):
        x = s.code(call.args[0])
        if "long" in x or "Embedding" in s.text:
            return []
        mask = f"(torch.arange(len({x})) == 7).reshape(-1, *[1] * (({x}).dim() - 1))"
        return [s.replace(call.args[0], f'({x}).masked_fill({mask}, float("nan"))')]
    return []


@operator("labels-all-zero", "label-encoding")
def labels_all_zero(s: Source) -> list[Edit]:
    """Labels that were cut to 0 by a conversion."""
    if not s.losses(CLASS_LOSSES):
        return []
    for call in _data_sets(s):
        return [s.replace(call.args[1], f"({s.code(call.args[1])}) // 100")]
    return []


@operator("labels-off-by-one", "script-crashed", "label-encoding")
def labels_off_by_one(s: Source) -> list[Edit]:
    """Classes counted from 1."""
    calls = s.training_losses(CLASS_LOSSES)
    return [s.replace(c.args[1], f"{s.code(c.args[1])} + 1") for c in calls if _simple(c.args[1])]


@operator("view-for-transpose", "reshape-mixes-axes")
def view_for_transpose(s: Source) -> list[Edit]:
    """Samples are cut up where the axes of the input should be swapped."""
    edits = []
    for forward in s.forwards:
        names = [a.arg for a in forward.args.args if a.arg != "self"]
        if names and "Embedding" not in s.text:
            x = names[0]
            first = forward.body[0]
            edits.append(s.before(first, f"{x} = {x}.transpose(0, 1).reshape({x}.shape)"))
    return edits[-1:]


@operator("drop-batch-first", "rnn-batch-first", "script-crashed")
def drop_batch_first(s: Source) -> list[Edit]:
    """``batch_first`` forgotten."""
    keywords = [k for c in s.calls("LSTM", "GRU", "RNN") for k in c.keywords if k.arg == "batch_first"]
    return [s.replace(k.value, "False") for k in keywords]


# The model


def _initialised(s: Source, *lines: str) -> list[Edit]:
    if s.built_model is None:
        return []
    return [s.after(s.built_model, *(line.format(model=s.model) for line in lines))]


@operator("init-zero", "constant-init")
def init_zero(s: Source) -> list[Edit]:
    """All parameters 0."""
    return _initialised(s, "for p in {model}.parameters():", "    torch.nn.init.zeros_(p)")


@operator("init-constant", "constant-init")
def init_constant(s: Source) -> list[Edit]:
    """All parameters equal."""
    return _initialised(s, "for p in {model}.parameters():", "    torch.nn.init.constant_(p, 0.1)")


@operator("init-x30", "init-too-large")
def init_x30(s: Source) -> list[Edit]:
    """All parameters thirty times as large."""
    return _initialised(s, "for p in {model}.parameters():", "    p.data *= 30")


@operator("dead-bias", "dead-relu")
def dead_bias(s: Source) -> list[Edit]:
    """Biases so far below zero that no unit answers."""
    if "ReLU" not in s.text and "relu" not in s.text:
        return []
    return _initialised(
        s,
        "for p in list({model}.parameters())[:-1]:",
        "    if p.dim() == 1:",
        "        torch.nn.init.constant_(p, -20.0)",
    )


@operator("drop-activations", "missing-nonlinearity")
def drop_activations(s: Source) -> list[Edit]:
    """No activation between the layers of a Sequential."""
    inside = {id(c): parent for parent in s.calls("Sequential") for c in parent.args[:-1]}
    found = [c for c in s.calls(*ACTIVATIONS) if not c.args and id(c) in inside]
    return [s.replace(c, s.code(c.func).rsplit(".", 1)[0] + ".Identity()") for c in found if "." in s.code(c.func)]
