"""Mutation operators on the loop, the wiring, the mode and the optimizer, and the table that all operators stand in.

An operator gets a script and answers with edits, or with nothing where the script has no place for the fault.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from injection_source import LAYERS, Edit, Source, last_name

Make = Callable[[Source], list[Edit]]


@dataclass(frozen=True)
class Operator:
    """One kind of injected fault.

    Attributes:
        name: what ``--only`` selects.
        accepts: checks that name the fault rightly; the first is its own name in the catalogue.
        make: the edits, empty where the script has no place for it.
        same_loss: whether the mutant's printed losses mean the same as the script's; where not, only an accuracy, R²
            or the like can tell whether it hurts.
    """

    name: str
    accepts: tuple[str, ...]
    make: Make
    same_loss: bool = True


OPERATORS: dict[str, Operator] = {}


def operator(name: str, *accepts: str, same_loss: bool = True) -> Callable[[Make], Make]:
    """Enter a function into the table of operators."""

    def enter(make: Make) -> Make:
        OPERATORS[name] = Operator(name, accepts, make, same_loss)
        return make

    return enter


# The loop


@operator("drop-zero-grad", "missing-zero-grad")
def drop_zero_grad(s: Source) -> list[Edit]:
    """No ``zero_grad`` anywhere."""
    return [s.drop(z) for z in s.zero_grads]


@operator("zero-grad-between", "zero-grad-misplaced")
def zero_grad_between(s: Source) -> list[Edit]:
    """``zero_grad`` right before the step, after ``backward``."""
    if not (len(s.zero_grads) == len(s.steps) == len(s.backwards) == 1):
        return []
    zero, step = s.zero_grads[0], s.steps[0]
    if s.scope_of(zero) is not s.scope_of(step) or s.shares_line(step) or s.shares_line(zero):
        return []
    return [s.drop(zero), s.before(step, s.code(zero))]


@operator("drop-backward", "missing-backward")
def drop_backward(s: Source) -> list[Edit]:
    """No ``backward``."""
    return [s.drop(b) for b in s.backwards]


@operator("drop-step", "missing-step")
def drop_step(s: Source) -> list[Edit]:
    """No ``optimizer.step``."""
    return [s.drop(x) for x in s.steps] if s.builders else []


@operator("step-after-loop", "step-outside-loop")
def step_after_loop(s: Source) -> list[Edit]:
    """The step one level further out, behind the loop over batches."""
    if len(s.steps) != 1 or s.shares_line(s.steps[0]) or not s.code(s.steps[0]).endswith(".step()"):
        return []
    loops = s.loops_of(s.steps[0])
    if len(loops) < 2 or s.parents[s.steps[0]] is not loops[0] or loops[0].orelse:
        return []
    return [s.drop(s.steps[0]), s.after(loops[0], s.code(s.steps[0]))]


@operator("optimizer-each-step", "optimizer-recreated")
def optimizer_each_step(s: Source) -> list[Edit]:
    """The optimizer is built again in every step."""
    return _again_in_loop(s, innermost=True)


@operator("optimizer-each-epoch", "optimizer-recreated")
def optimizer_each_epoch(s: Source) -> list[Edit]:
    """The optimizer is built again in every epoch."""
    return _again_in_loop(s, innermost=False)


def _again_in_loop(s: Source, innermost: bool) -> list[Edit]:
    if len(s.builders) != 1 or len(s.backwards) != 1:
        return []
    built = s.stmt_of(s.builders[0])
    loops = s.loops_of(s.backwards[0])
    if not isinstance(built, ast.Assign) or s.scope_of(built) is not s.scope_of(s.backwards[0]) or not loops:
        return []
    if not innermost and len(loops) < 2:
        return []
    first = loops[0 if innermost else -1].body[0]
    return [s.before(first, s.code(built))] if built.end_lineno == built.lineno else []


@operator("model-each-epoch", "model-reinit")
def model_each_epoch(s: Source) -> list[Edit]:
    """Model and optimizer are built again in every epoch."""
    built = s.built_model
    again = _again_in_loop(s, innermost=False)
    if built is None or not again or s.scope_of(built) is not s.scope_of(s.backwards[0]):
        return []
    if built.end_lineno != built.lineno:
        return []
    return [Edit(again[0].start, again[0].end, _indent(again[0].text) + s.code(built) + "\n"), *again]


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


@operator("scheduler-in-batch-loop", "scheduler-per-batch")
def scheduler_in_batch_loop(s: Source) -> list[Edit]:
    """The script's own scheduler, stepped after every batch."""
    if len(s.scheduler_steps) != 1 or len(s.steps) != 1 or s.shares_line(s.steps[0]):
        return []
    scheduler, step = s.scheduler_steps[0], s.steps[0]
    if s.code(scheduler).rstrip(")")[-1] != "(" or s.scope_of(scheduler) is not s.scope_of(step):
        return []
    if s.loops_of(scheduler)[:1] == s.loops_of(step)[:1]:
        return []
    return [s.drop(scheduler), s.after(step, s.code(scheduler))]


@operator("fast-scheduler", "scheduler-per-batch", "scheduler-misused")
def fast_scheduler(s: Source) -> list[Edit]:
    """A decay meant for epochs, stepped after every batch."""
    if len(s.builders) != 1 or len(s.steps) != 1 or s.schedulers or s.shares_line(s.steps[0]):
        return []
    built = s.stmt_of(s.builders[0])
    name = s.assigned_to(s.builders[0])
    if not name or s.scope_of(built) is not s.scope_of(s.steps[0]):
        return []
    new = f"scheduler = torch.optim.lr_scheduler.StepLR({name}, step_size=5, gamma=0.5)"
    return [s.after(built, new), s.after(s.steps[0], "scheduler.step()")]


# The wiring


@operator("model-rebuilt", "stale-optimizer")
def model_rebuilt(s: Source) -> list[Edit]:
    """The model is built once more after the optimizer took its parameters."""
    if s.built_model is None or s.scope_of(s.built_model) is not s.scope_of(s.builders[0]):
        return []
    built = s.code(s.built_model).splitlines()
    if len(built) > 1:
        return []
    return [s.after(s.stmt_of(s.builders[0]), *built)]


@operator("optimizer-on-copy", "stale-optimizer")
def optimizer_on_copy(s: Source) -> list[Edit]:
    """The optimizer gets the parameters of a copy."""
    if not s.model:
        return []
    held = s.builders[0].args[0]
    return [s.replace(held, f"__import__('copy').deepcopy({s.model}).parameters()")]


@operator("layer-in-list", "unregistered-params")
def layer_in_list(s: Source) -> list[Edit]:
    """A layer is kept in a plain list."""
    for init in (n for n in ast.walk(s.tree) if isinstance(n, ast.FunctionDef) and n.name == "__init__"):
        owner = s.parents[init]
        layers = [
            n
            for n in init.body
            if isinstance(n, ast.Assign)
            and isinstance(n.targets[0], ast.Attribute)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in LAYERS
        ]
        for layer in layers[::-1]:
            name = ast.unparse(layer.targets[0])
            uses = [
                n
                for n in ast.walk(owner)
                if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load) and ast.unparse(n) == name
            ]
            if uses and len(layers) > 1:
                return [*s.wrap(layer.value, "[", "]"), *(Edit(s.end(u), s.end(u), "[0]") for u in uses)]
    return []


@operator("plain-list-of-layers", "unregistered-params")
def plain_list_of_layers(s: Source) -> list[Edit]:
    """``nn.ModuleList`` forgotten around a list."""
    return [s.replace(c, s.code(c.args[0])) for c in s.calls("ModuleList") if len(c.args) == 1]


@operator("freeze-all-but-bias", "params-frozen")
def freeze_weights(s: Source) -> list[Edit]:
    """Every matrix is frozen."""
    return _after_model(s, "for p in {model}.parameters():", "    p.requires_grad = p.dim() < 2")


@operator("freeze-head", "params-frozen")
def freeze_head(s: Source) -> list[Edit]:
    """The last layer is frozen."""
    return _after_model(s, "for p in list({model}.parameters())[-2:]:", "    p.requires_grad = False")


@operator("freeze-all", "params-frozen", "script-crashed")
def freeze_all(s: Source) -> list[Edit]:
    """Nothing is left to train."""
    return _after_model(s, "for p in {model}.parameters():", "    p.requires_grad_(False)")


def _after_model(s: Source, *lines: str) -> list[Edit]:
    if s.built_model is None:
        return []
    return [s.after(s.built_model, *(line.format(model=s.model) for line in lines))]


@operator("detach-hidden", "graph-detached")
def detach_hidden(s: Source) -> list[Edit]:
    """``.detach()`` behind a layer in the middle of ``forward``."""
    for forward in s.forwards:
        inner = [
            n
            for n in ast.walk(forward)
            if isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and ast.unparse(n.func).startswith("self.")
            and last_name(n.func) not in ("lstm", "gru", "rnn")
            and len(n.args) == 1
        ]
        nested = [n for n in inner if any(m is not n and n in set(ast.walk(m)) for m in inner)]
        if nested:
            return [Edit(s.end(nested[0]), s.end(nested[0]), ".detach()")]
    return []


@operator("no-grad-forward", "graph-detached", "script-crashed")
def no_grad_forward(s: Source) -> list[Edit]:
    """The output is detached before the loss."""
    calls = [c for c in s.model_calls if any(s._together(c, b) for b in s.backwards)]
    return [Edit(s.end(c), s.end(c), ".detach()") for c in calls]


# The mode


@operator("eval-before-loop", "eval-mode-during-training")
def eval_before_loop(s: Source) -> list[Edit]:
    """``eval()`` where ``train()`` belongs, in a model with dropout or BatchNorm."""
    if not s.model or len(s.backwards) != 1 or not any(k in s.text for k in ("Dropout", "BatchNorm", "dropout")):
        return []
    loops = s.loops_of(s.backwards[0])
    if not loops:
        return []
    trains = [t for t in s.call_statements("train") if not t.value.args]  # type: ignore[attr-defined]
    name = s.model
    if trains:
        return [s.replace(t.value, s.code(t.value).replace(".train(", ".eval(")) for t in trains]
    return [s.before(loops[0], f"{name}.eval()")]


@operator("drop-eval", "train-mode-at-eval")
def drop_eval(s: Source) -> list[Edit]:
    """Evaluation without ``eval()``."""
    return [s.drop(e) for e in s.call_statements("eval")]


# The optimizer


def _scale_option(s: Source, name: str, factor: float) -> list[Edit]:
    edits = []
    for call in s.builders:
        for keyword in call.keywords:
            if keyword.arg != name:
                continue
            number = s.number_behind(keyword.value)
            if number is None:
                edits.append(s.replace(keyword.value, f"({s.code(keyword.value)}) * {factor:g}"))
            else:
                assert isinstance(number.value, (int, float))
                edits.append(s.replace(number, f"{number.value * factor:.6g}"))
    return list(dict.fromkeys(edits))


def _set_option(s: Source, name: str, value: str, kinds: tuple[str, ...]) -> list[Edit]:
    edits = []
    for call in (c for c in s.builders if last_name(c.func) in kinds):
        given = next((k for k in call.keywords if k.arg == name), None)
        if given is not None:
            edits.append(s.replace(given.value, value))
        elif call.keywords:
            end = s.end(call.keywords[-1].value)
            edits.append(Edit(end, end, f", {name}={value}"))
    return edits


for _factor in (30.0, 300.0):
    operator(f"lr-x{_factor:g}", "lr-too-high")(partial(_scale_option, name="lr", factor=_factor))
for _factor in (0.01, 0.001):
    operator(f"lr-x{_factor:g}", "lr-too-low")(partial(_scale_option, name="lr", factor=_factor))


@operator("momentum-0.999", "momentum-too-high")
def momentum_999(s: Source) -> list[Edit]:
    """A momentum that forgets nothing."""
    return _set_option(s, "momentum", "0.999", ("SGD",))


@operator("weight-decay-1", "weight-decay-too-large")
def weight_decay_1(s: Source) -> list[Edit]:
    """A weight decay of 1."""
    return _set_option(s, "weight_decay", "1.0", ("SGD", "Adam", "RMSprop", "Adagrad"))


@operator("dampening-0.95", "dampening-with-momentum")
def dampening(s: Source) -> list[Edit]:
    """Dampening beside momentum."""
    if any(k.arg == "nesterov" for c in s.builders for k in c.keywords):
        return []
    held = [c for c in s.builders if any(k.arg == "momentum" for k in c.keywords)]
    return _set_option(s, "dampening", "0.95", ("SGD",)) if held else []


@operator("clip-1e-6", "clip-misuse")
def clip_tiny(s: Source) -> list[Edit]:
    """Gradients are cut to a norm of a millionth."""
    clips = [c for c in s.calls("clip_grad_norm_") if len(c.args) > 1 or c.keywords]
    if clips:
        limits = [c.args[1] if len(c.args) > 1 else c.keywords[0].value for c in clips]
        return [s.replace(limit, "1e-6") for limit in limits]
    if not s.model or len(s.steps) != 1 or s.shares_line(s.steps[0]):
        return []
    if s.scope_of(s.builders[0]) is not s.scope_of(s.steps[0]):
        return []
    return [s.before(s.steps[0], f"torch.nn.utils.clip_grad_norm_({s.model}.parameters(), 1e-6)")]
