"""A training script as text that can be edited at the places that matter: loop calls, optimizer, model, loss, data.

The places are found in the syntax tree, by what is called and not by what things are named, and edits replace exact
stretches of the text, so that a mutant keeps the style of its script.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

OPTIMIZERS = {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax"}
SCHEDULERS = {"StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR"}
CLASS_LOSSES = {"CrossEntropyLoss", "cross_entropy"}
LOGIT_LOSSES = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
SQUARED_LOSSES = {"MSELoss", "mse_loss", "SmoothL1Loss", "smooth_l1_loss", "L1Loss", "l1_loss", "HuberLoss"}
LAYERS = {"Linear", "Conv1d", "Conv2d", "LSTM", "GRU", "RNN", "Embedding", "Sequential"}
ACTIVATIONS = {"ReLU", "Tanh", "GELU", "LeakyReLU", "ELU", "SiLU", "Sigmoid"}


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from ``start`` to ``end`` by ``text``."""

    start: int
    end: int
    text: str


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Source:
    """One script, with the places that operators look for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.raw = text.encode()
        self.tree = ast.parse(text)
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.starts = [0]
        for line in self.raw.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    # Text

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def code(self, node: ast.expr | ast.stmt) -> str:
        return self.raw[self.start(node) : self.end(node)].decode()

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        return Edit(self.start(node), self.end(node), text)

    def wrap(self, node: ast.expr, before: str, after: str) -> list[Edit]:
        return [Edit(self.start(node), self.start(node), before), Edit(self.end(node), self.end(node), after)]

    def before(self, stmt: ast.stmt, *lines: str) -> Edit:
        """New lines in front of a statement, as far in as it is."""
        pad = " " * stmt.col_offset
        at = self.starts[self._first_line(stmt) - 1]
        return Edit(at, at, "".join(f"{pad}{line}\n" for line in lines))

    def after(self, stmt: ast.stmt, *lines: str) -> Edit:
        """New lines behind a statement, as far in as it is."""
        pad = " " * stmt.col_offset
        at = min(self.starts[stmt.end_lineno or stmt.lineno], len(self.raw))
        return Edit(at, at, "".join(f"{pad}{line}\n" for line in lines))

    def drop(self, stmt: ast.stmt) -> Edit:
        """Without this statement (``pass`` where a block would be empty)."""
        siblings = self.block_of(stmt)
        alone = len(siblings) == 1 or self.shares_line(stmt)
        if alone:
            return self.replace(stmt, "pass")
        return Edit(self.starts[self._first_line(stmt) - 1], self.starts[stmt.end_lineno or stmt.lineno], "")

    def shares_line(self, stmt: ast.stmt) -> bool:
        """Whether another statement stands on the same line (``opt.zero_grad(); loss.backward()``)."""
        line = self.raw[self.starts[stmt.lineno - 1] : self.starts[stmt.end_lineno or stmt.lineno]].decode()
        return line.split("#")[0].strip() != self.code(stmt)

    @staticmethod
    def _first_line(stmt: ast.stmt) -> int:
        decorators: list[ast.expr] = getattr(stmt, "decorator_list", [])
        return min([stmt.lineno, *(d.lineno for d in decorators)])

    def apply(self, edits: list[Edit]) -> str:
        """The text with all edits made; of several at one place the first stands first."""
        raw = self.raw
        order = sorted(range(len(edits)), key=lambda i: (edits[i].start, edits[i].end, i), reverse=True)
        for edit in (edits[i] for i in order):
            raw = raw[: edit.start] + edit.text.encode() + raw[edit.end :]
        return raw.decode()

    # Structure

    def block_of(self, stmt: ast.stmt) -> list[ast.stmt]:
        """The statements of the block that ``stmt`` stands in."""
        for _, value in ast.iter_fields(self.parents[stmt]):
            if isinstance(value, list) and stmt in value:
                return value
        return [stmt]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around ``node``, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def stmt_of(self, node: ast.AST) -> ast.stmt:
        return next(n for n in (node, *self.above(node)) if isinstance(n, ast.stmt))

    def scope_of(self, node: ast.AST) -> ast.AST:
        return next(n for n in self.above(node) if isinstance(n, (ast.FunctionDef, ast.Module, ast.Lambda)))

    def loops_of(self, node: ast.AST) -> list[ast.For | ast.While]:
        """The loops around ``node`` within its function, innermost first."""
        found: list[ast.For | ast.While] = []
        for outer in self.above(node):
            if isinstance(outer, (ast.FunctionDef, ast.Lambda)):
                break
            if isinstance(outer, (ast.For, ast.While)):
                found.append(outer)
        return found

    def calls(self, *names: str) -> list[ast.Call]:
        """Calls of functions or methods whose last name is one of ``names``, in the order of the text."""
        return [c for c in self.all_calls if last_name(c.func) in names]

    @cached_property
    def all_calls(self) -> list[ast.Call]:
        return sorted((n for n in ast.walk(self.tree) if isinstance(n, ast.Call)), key=self.start)

    def call_statements(self, name: str) -> list[ast.Expr]:
        """Statements that are one call of a method."""
        found = []
        for call in self.calls(name):
            parent = self.parents[call]
            if isinstance(parent, ast.Expr) and isinstance(call.func, ast.Attribute):
                found.append(parent)
        return found

    def assigned_to(self, call: ast.AST) -> str:
        """The name that a call's value is given; empty where it is not simply assigned."""
        parent = self.parents.get(call)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            return ast.unparse(parent.targets[0])
        return ""

    # Roles

    @cached_property
    def builders(self) -> list[ast.Call]:
        """Calls that build a torch optimizer."""
        return [c for c in self.calls(*OPTIMIZERS) if c.args or c.keywords]

    @cached_property
    def backwards(self) -> list[ast.Expr]:
        return self.call_statements("backward")

    @cached_property
    def schedulers(self) -> set[str]:
        """Last names of what is built by a class of ``torch.optim.lr_scheduler``."""
        built = [c for c in self.all_calls if self._is_scheduler(c)]
        return {self.assigned_to(c).rsplit(".", 1)[-1] for c in built} - {""}

    @staticmethod
    def _is_scheduler(call: ast.Call) -> bool:
        return last_name(call.func).endswith(("LR", "Plateau", "Restarts")) or "lr_scheduler" in ast.unparse(call.func)

    @cached_property
    def steps(self) -> list[ast.Expr]:
        """Statements that step an optimizer."""
        others = self.schedulers
        found = [(s, self._receiver(s)) for s in self.call_statements("step")]
        return [s for s, name in found if not name.startswith("sched") and name not in others]

    @cached_property
    def scheduler_steps(self) -> list[ast.Expr]:
        return [s for s in self.call_statements("step") if s not in self.steps]

    @staticmethod
    def _receiver(stmt: ast.Expr) -> str:
        call = stmt.value
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        return last_name(call.func.value)

    @cached_property
    def zero_grads(self) -> list[ast.Expr]:
        return self.call_statements("zero_grad")

    @cached_property
    def model(self) -> str:
        """The expression whose ``parameters()`` the only optimizer gets; empty where that is not one model."""
        if len(self.builders) != 1 or not self.builders[0].args:
            return ""
        held = self.builders[0].args[0]
        if isinstance(held, ast.Call) and last_name(held.func) == "parameters" and isinstance(held.func, ast.Attribute):
            return ast.unparse(held.func.value)
        return ""

    @cached_property
    def model_calls(self) -> list[ast.Call]:
        """Where the model is called with one tensor."""
        name = self.model.rsplit(".", 1)[-1]
        return [c for c in self.calls(name) if len(c.args) == 1 and not c.keywords] if name not in ("", "self") else []

    @cached_property
    def built_model(self) -> ast.Assign | None:
        """The only statement that builds the model."""
        found = [
            n
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Assign) and len(n.targets) == 1 and ast.unparse(n.targets[0]) == self.model
        ]
        return found[0] if len(found) == 1 and isinstance(found[0].value, ast.Call) else None

    def losses(self, kinds: set[str]) -> list[ast.Call]:
        """Calls of a loss of one of ``kinds`` with (output, target), functional or of an object built from a class."""
        objects = {self.assigned_to(c).rsplit(".", 1)[-1] for c in self.calls(*kinds) if self.assigned_to(c)}
        # A loss handed to a function keeps the name of the parameter, if there is only one loss.
        names = objects | {k for k in kinds if k[0].islower()}
        if objects and not self.calls(*names):
            names |= {"criterion", "loss_fn", "loss_func", "crit", "loss_function"}
        return [c for c in self.calls(*names) if len(c.args) == 2]

    def training_losses(self, kinds: set[str]) -> list[ast.Call]:
        """Those of them that stand in the function (and loop, if any) of a ``backward`` call."""
        return [c for c in self.losses(kinds) if any(self._together(c, b) for b in self.backwards)]

    def _together(self, node: ast.AST, backward: ast.Expr) -> bool:
        loops = self.loops_of(backward)
        return self.scope_of(node) is self.scope_of(backward) and (not loops or loops[0] in set(self.above(node)))

    @cached_property
    def forwards(self) -> list[ast.FunctionDef]:
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef) and n.name == "forward"]

    def number_behind(self, node: ast.expr) -> ast.Constant | None:
        """The constant that an expression stands for: itself, a variable, a default, an entry of a dict."""
        if isinstance(node, ast.Constant):
            return node if isinstance(node.value, (int, float)) else None
        name = last_name(node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            name = str(node.slice.value)
        found = [c for c in self._named_numbers(name) if isinstance(c, ast.Constant)] if name else []
        return found[0] if len(found) == 1 and isinstance(found[0].value, (int, float)) else None

    def _named_numbers(self, name: str) -> Iterator[ast.expr]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                yield from [node.value] * any(last_name(t) == name for t in node.targets)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                yield from [node.value] * (last_name(node.target) == name)
            elif isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                yield from (v for k, v in pairs if isinstance(k, ast.Constant) and k.value == name)
            elif isinstance(node, ast.FunctionDef):
                arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
                yield from (d for a, d in zip(arguments, node.args.defaults, strict=True) if a.arg == name)
            elif isinstance(node, ast.Call) and last_name(node.func) == "add_argument" and node.args:
                flags = [str(a.value).lstrip("-").replace("-", "_") for a in node.args if isinstance(a, ast.Constant)]
                if name in flags:
                    yield from (k.value for k in node.keywords if k.arg == "default")
