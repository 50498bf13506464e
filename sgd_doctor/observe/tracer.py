"""The torch functions of a few chosen steps: who made the operands of the loss, and where.

A ``TorchFunctionMode`` sees every call with its Python arguments.  It is pushed only for the
steps that need it (it costs a third of a very small step) and only while no other mode is active,
so that the user's own ``with`` blocks of modes are never popped out of order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sgd_doctor.observe.comparisons import NAMES
from sgd_doctor.observe.identities import Identities
from sgd_doctor.observe.operands import base_shape, dim_of, identical, measured
from sgd_doctor.observe.padding import ATTENTION
from sgd_doctor.observe.placed import placed
from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.observe.tasks import LOSS_FUNCTIONS
from sgd_doctor.observe.tensors import (
    is_leaf,
    plain,
    shape_of,
    transformed,
    unseen,
)
from sgd_doctor.recording import Operand, Operation
from sgd_doctor.trace import EXITS

MAX_OPERATIONS = 4000
MAX_MEASURED = 96
SHAPED_LIKE = {"view_as", "reshape_as", "expand_as", "type_as"}
MADE_LIKE = {"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"}
"""New values in the shape of a tensor: they depend on nothing."""
_GETTERS = {"data", "T", "mT", "H", "mH", "real", "imag"}
_WEIGHT_FUNCTIONS = {
    "linear",
    "matmul",
    "mm",
    "bmm",
    "addmm",
    "mv",
    "dot",
    "einsum",
    "conv1d",
    "conv2d",
    "conv3d",
    "__matmul__",
    "__rmatmul__",
    "mul",
    "__mul__",
    "embedding",
    "bilinear",
}

WATCHED = {
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "scaled_dot_product_attention",
    ATTENTION,
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy_with_logits",
}
"""Calls whose plain arguments are of interest."""

_VIEWS = {"view", "reshape"}
_PICKING = {"gather", "__getitem__"}
_HANDING = {"neg", "__neg__", "squeeze", "view", "reshape", "flatten", "log", "clamp", "clamp_min", "add", "__add__"}
_REDUCING = {"mean", "sum"}
_DISTILLING = {"kl_div", "cross_entropy"}
"""Losses whose target may be what another model puts out."""
IN_PLACE = {
    "__iadd__", "__isub__", "__imul__", "__idiv__", "__itruediv__", "__setitem__",
    "add_", "sub_", "mul_", "div_", "true_divide_", "copy_", "clamp_",
}  # fmt: skip
"""Functions that write into their first operand."""
RECTIFIERS = {"relu", "relu_", "relu6", "clamp", "clamp_", "clamp_min", "clamp_min_", "threshold"}
BOUNDED = {"sigmoid", "sigmoid_", "tanh", "tanh_", "hardsigmoid", "hardtanh", "softsign"}
ACTIVATIONS = RECTIFIERS | BOUNDED
"""Functions whose results are watched for units that are always 0 or always at a bound."""


def tensor_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """Tensors among the arguments, one level into lists and tuples, in order."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, Tensor))


class Tracer(TorchFunctionMode):
    """Records operations of one step, notices where outputs meet targets, and applies treatments."""

    def __init__(self, sites: SiteTable, module_path: Callable[[], str | None], fail: Callable[[str], None]) -> None:
        super().__init__()
        self.sites = sites
        self.module_path = module_path
        self.fail = fail
        self.recording = self.paused = False
        self.stepping = False
        """An optimizer is computing its update, which is no part of the user's model or loss."""
        self.in_forward = False
        self.operations: list[Operation] = []
        self.made: Identities = Identities()
        self.derived: Identities = Identities()
        self.lost: Identities = Identities()
        self.picked: Identities = Identities()
        self.foreign: Identities = Identities()
        """What depends on models alone that no optimizer holds (a teacher, a target network)."""
        self.constant: Identities = Identities()
        """What comes of a loss function that nothing of the model's entered."""
        self.measured = 0
        self.on_pair: Callable[[Tensor, Tensor, str, int], None] | None = None
        self.on_weights: Callable[[str, Tensor, int, int], None] | None = None
        self.on_activation: Callable[[str, Tensor, int], None] | None = None
        self.on_data_write: Callable[[int], None] | None = None
        self.on_call: Callable[[str, tuple[Any, ...], dict[str, Any]], None] | None = None
        self.layer: Callable[[], tuple[str, int]] = lambda: ("", -1)
        """Class of the module that is being called, and the site that built it."""
        self.on_compare: Callable[[str, list[Tensor], list[bool], tuple[Any, ...]], None] | None = None
        self.rewrites: list[Callable[..., Any]] = []
        self.on = False

    # -- switching

    def switch(self, on: bool) -> None:
        """Push or pop the mode, where that is safe."""
        if on and not self.on and torch._C._len_torch_function_stack() == 0:
            self.__enter__()  # type: ignore[no-untyped-call]
            self.on = True
        elif not on and self.on:
            depth = torch._C._len_torch_function_stack()
            if depth and torch._C._get_function_stack_at(depth - 1) is self:
                self.__exit__(None, None, None)
                self.on = False

    def begin(self) -> None:
        """Start a new trace."""
        self.operations = []
        self.made.clear()
        self.derived.clear()
        self.lost.clear()
        self.foreign.clear()
        self.constant.clear()
        self.measured = 0

    def model_returned(self, outputs: Sequence[Tensor], foreign: bool = False) -> None:
        """What the model gives is what losses and metrics are made of."""
        for tensor in outputs:
            self.derived.put(tensor, True)
            if foreign and not tensor.requires_grad:
                self.foreign.put(tensor, True)

    # -- the mode

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused or self.stepping or transformed():
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__get__" and getattr(getattr(func, "__self__", None), "__name__", "") not in _GETTERS:
            return func(*args, **kwargs)
        if name == "__get__":
            name = func.__self__.__name__
        for rewrite in self.rewrites:
            changed = rewrite(name, func, args, kwargs)
            if changed is not None:
                return changed[0]
        if torch.compiler.is_compiling():
            return func(*args, **kwargs)
        result = placed(func, args, kwargs)
        try:
            with unseen():
                self._note(name, args, kwargs, result)
        except Exception as error:  # watching must never end the user's run
            self.fail(f"tracing {name} failed: {type(error).__name__}: {error}")
        return result

    def _note(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        outputs = (
            [result]
            if isinstance(result, Tensor)
            else [t for t in result if isinstance(t, Tensor)]
            if isinstance(result, (list, tuple))
            else []
        )
        inputs = list(tensor_arguments(args, kwargs))
        if name in SHAPED_LIKE:
            inputs = inputs[:1]  # of the other tensor only the shape or the type is read
        if not inputs or name in MADE_LIKE:
            return
        if self.on_call is not None and name in WATCHED:
            self.on_call(name, args, kwargs)
        derived = [self.is_derived(t) for t in inputs]
        if self.on_data_write is not None and name in IN_PLACE and not any(derived) and inputs[0]._base is not None:
            self.on_data_write(self.sites.here())
        if name in NAMES and any(derived) and not self.in_forward and self.on_compare is not None:
            self.on_compare(name, inputs, derived, args)
        if any(derived) and not self.in_forward and name != "detach":
            foreign = all(self.foreign.get(t, not d) for t, d in zip(inputs, derived, strict=True))
            self.model_returned(outputs, foreign)
            self._look_for_pair(name, inputs, derived)
            self._look_for_likelihood(name, inputs, derived, outputs)
        elif self.in_forward and name in LOSS_FUNCTIONS:
            # A model that computes its own loss; without gradients the order of the arguments has to do.
            self._look_for_pair(name, inputs, derived if any(derived) else [True, *([False] * (len(inputs) - 1))])
        if self.in_forward and name in ACTIVATIONS and outputs and self.on_activation is not None:
            self.on_activation(name, outputs[0], self.sites.here())
        if self.on_weights is not None and name in _WEIGHT_FUNCTIONS and len(inputs) > 1:
            self._look_for_weights(name, inputs)
        if not self.recording or len(self.operations) >= MAX_OPERATIONS:
            return
        lost = [self.lost.get(t, -1) for t in inputs]
        told = name in LOSS_FUNCTIONS or (self.in_forward and name in _VIEWS)
        constant = not any(derived) and (name in LOSS_FUNCTIONS or any(self.constant.get(t, False) for t in inputs))
        if not any(derived) and not told and not constant and max(lost) < 0:
            return  # data handling before the model: nothing to be learned from it
        for output in outputs if constant else ():
            self.constant.put(output, True)
        if outputs or name in EXITS:
            self._record(name, args, kwargs, inputs, derived, outputs)
            self._follow_loss_of_gradient(inputs, lost, outputs)

    def _follow_loss_of_gradient(self, inputs: list[Tensor], lost: list[int], outputs: list[Tensor]) -> None:
        """Results that no gradient can pass through, though what they were made of depends on parameters."""
        origin = max(lost)
        if any(t.requires_grad for t in inputs):
            origin = len(self.operations) - 1
        if origin >= 0:
            for output in outputs:
                if not output.requires_grad:
                    self.lost.put(output, origin)

    def is_derived(self, tensor: Tensor) -> bool:
        return tensor.requires_grad or bool(self.derived.get(tensor))

    def _look_for_pair(self, name: str, inputs: list[Tensor], derived: list[bool]) -> None:
        if self.on_pair is None or len(inputs) < 2:
            return
        output = inputs[derived.index(True)]
        learns = name in _DISTILLING and any(t.requires_grad for t in inputs)
        if learns:
            output = next(t for t in inputs if t.requires_grad)
        for tensor, is_derived in zip(inputs, derived, strict=True):
            taught = learns and not tensor.requires_grad  # by another model
            if (is_derived and not taught) or isinstance(tensor, torch.nn.Parameter) or tensor.dim() == 0:
                continue
            if output.dim() and tensor.shape[0] == output.shape[0]:
                self.on_pair(output, tensor, name, self.sites.here())
                return

    def _look_for_likelihood(self, name: str, inputs: list[Tensor], derived: list[bool], outputs: list[Tensor]) -> None:
        """A cross-entropy by hand: of each row the value at its label is picked, and nothing but averaged.

        Rewards that weigh the values first (policy gradients) make it none.
        """
        if self.on_pair is None or not outputs:
            return
        if name in _PICKING and len(inputs) > 1 and inputs[0].dim() == 2:
            labels, rows = inputs[-1], inputs[0].shape[0]
            if labels.dtype == torch.long and not derived[-1] and labels.numel() == outputs[0].numel() == rows > 1:
                self.picked.put(outputs[0], (inputs[0], labels.reshape(-1)))
        elif name in _HANDING | _REDUCING:
            found = self.picked.get(inputs[0])
            if found is not None and name in _REDUCING:
                output, labels = found
                self.on_pair(output, labels, "gather", self.sites.here())
            elif found is not None and len(inputs) == 1:
                self.picked.put(outputs[0], found)

    def _look_for_weights(self, name: str, inputs: list[Tensor]) -> None:
        """The first function in which data meet a weight: what a functional model normalises or not."""
        weights = [t.requires_grad and is_leaf(t) for t in inputs]
        if any(weights) and not all(weights) and self.on_weights is not None:
            index = weights.index(False)
            if not inputs[index].requires_grad and inputs[index].dim() >= 1 and inputs[index].numel() > 1:
                self.on_weights(name, inputs[index], index, self.sites.here())

    # -- recording

    def _record(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: list[Tensor],
        derived: list[bool],
        outputs: list[Tensor],
    ) -> None:
        close = (not self.in_forward or name in LOSS_FUNCTIONS) and self.measured < MAX_MEASURED
        self.measured += close
        operands = tuple(
            self._operand(tensor, is_derived, close) for tensor, is_derived in zip(inputs[:4], derived[:4], strict=True)
        )
        if name in _VIEWS and operands and plain(inputs[0]) and not inputs[0].is_contiguous():
            operands = (msgspec.structs.replace(operands[0], base=base_shape(inputs[0])), *operands[1:])
        layer, built = self.layer()
        self.operations.append(
            Operation(
                name=name,
                site=self.sites.here(),
                module=self.module_path(),
                inputs=operands,
                shape=shape_of(outputs[0]) if outputs else (),
                dim=dim_of(args, kwargs),
                phase="forward" if self.in_forward else "loss",
                scalar=next((float(v) for v in args if isinstance(v, (int, float)) and not isinstance(v, bool)), None),
                reduction=kwargs.get("reduction") if isinstance(kwargs.get("reduction"), str) else None,
                identical=close and identical(inputs),
                recorded=torch.is_grad_enabled(),
                layer=layer,
                built=built,
            )
        )
        for output in outputs:
            self.made.put(output, len(self.operations) - 1)

    def _operand(self, tensor: Tensor, derived: bool, measure: bool) -> Operand:
        base = Operand(
            shape=shape_of(tensor),
            dtype=str(tensor.dtype).removeprefix("torch."),
            derived=derived,
            parameter=isinstance(tensor, torch.nn.Parameter) or (tensor.requires_grad and is_leaf(tensor)),
            origin=self.made.get(tensor, -1),
            foreign=bool(self.foreign.get(tensor)),
            lost=-1 if tensor.requires_grad and not is_leaf(tensor) else self.lost.get(tensor, -1),
        )
        if not measure or not plain(tensor) or tensor.numel() == 0 or tensor.is_complex():
            return base
        return measured(base, tensor)
