"""Edits for the exceptions whose cure follows from their text and from the tensors at the raising line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from sgd_doctor.findings import Edit
from sgd_doctor.recording import Crash

_TENSOR = re.compile(r"Tensor\(([^)]*)\) torch\.(\w+)(?: in \[(\S+), (\S+)\])?")
_WIDE = ("float64", "int64", "int32", "uint8", "bool")
"""Types that ``torch.from_numpy`` and ``torch.tensor`` make of arrays and a layer of ``float32`` does not take."""

Cure = Callable[[Crash, "re.Match[str]", int], "tuple[Edit, ...]"]
"""The edits, from the exception, the match of its text and the line that raised it."""


def _operand(line: int, operand: str | int, how: str, function: str = "loss", **more: Any) -> Edit:
    args = {"line": line, "function": function, "operand": operand, "how": how}
    return Edit("change-operand", args | more)


def labels_from_one(crash: Crash, found: re.Match[str], line: int) -> tuple[Edit, ...]:
    """Labels 1 to n for n logits."""
    ranges = [m for text in crash.locals.values() if (m := _TENSOR.match(text)) and m[2] == "int64" and m[3]]
    from_one = any(float(m[3]) >= 1 and float(m[4]) == float(found[1]) for m in ranges)
    return (_operand(line, "target", "{} - 1"),) if from_one else ()


def linear_size(_crash: Crash, found: re.Match[str], line: int) -> tuple[Edit, ...]:
    """``in_features`` of the layer; a flatten where the rows are those of images."""
    (rows, got), (size, out) = ([int(n) for n in found[group].split("x")] for group in (1, 2))
    for text in _crash.locals.values():
        tensor = _TENSOR.match(text)
        shape = [int(n) for n in tensor[1].split(",") if n.strip()] if tensor else []
        if len(shape) > 2 and math.prod(shape[1:]) == size and math.prod(shape[:-1]) == rows and shape[-1] == got:
            return (_operand(line, 0, "{}.flatten(1)", "module"),)
    return (Edit("set-in-features", {"size": size, "out": out, "value": got}),)


def channels(crash: Crash, found: re.Match[str], line: int) -> tuple[Edit, ...]:
    """Channels last become channels first; images without channels get one."""
    shape = re.search(r"expected input\[([^\]]*)\]", crash.message)
    sizes = [int(n) for n in shape[1].split(",")] if shape else []
    wanted = int(found[1])
    if len(sizes) == 4 and sizes[0] == 1 and wanted == 1 and sizes[1] == int(found[2]):
        return (_operand(line, 0, "{}.unsqueeze(1)", "module"),)
    if len(sizes) == 4 and sizes[3] == wanted:
        return (_operand(line, 0, "{}.permute(0, 3, 1, 2)", "module"),)
    return ()


def to_float(crash: Crash, _found: re.Match[str], line: int) -> tuple[Edit, ...]:
    """Tensors of arrays in double precision, or of whole numbers, for a layer in single precision."""
    wide = [name for name, text in crash.locals.items() if (m := _TENSOR.match(text)) and m[2] in _WIDE[:1]]
    if wide:
        return (Edit("cast-data", {"names": wide}),)
    return (_operand(line, 0, "{}.float()", "module"),)


def _target(how: str) -> Cure:
    return lambda _crash, _found, line: (_operand(line, "target", how),)


def _simple(kind: str, **args: Any) -> Cure:
    return lambda _crash, _found, _line: (Edit(kind, args),)


def _at_line(kind: str, **args: Any) -> Cure:
    return lambda _crash, _found, line: (Edit(kind, {"line": line} | args),)


SIZES = r"{} \(torch\.Size\(\[(\d+)\]\)\) {} \(torch\.Size\(\[\1, 1\]\)\)"
"""Targets (N) against outputs (N, 1), in the words of several losses."""
CURES: tuple[tuple[str, Cure], ...] = (
    (r"Target (-?\d+) is out of bounds", labels_from_one),
    (r"mat1 and mat2 shapes cannot be multiplied \((\d+x\d+) and (\d+x\d+)\)", linear_size),
    (r"expected input\[[^\]]*\] to have (\d+) channels, but got (\d+)", channels),
    (r"backward through the graph a second time", _at_line("detach-state")),
    (r"grad can be implicitly created only for scalar", lambda _c, _f, n: (_operand(n, 0, "{}.mean()", "backward"),)),
    (r"modified by an inplace operation", _simple("out-of-place")),
    (r"Expected more than 1 value per channel when training", _simple("set-loader-arg", arg="drop_last", value=True)),
    (r"mat1 and mat2 must have the same dtype|expected scalar type Float but found \w+|"
     r"expected m1 and m2 to have the same dtype|Input type \(.*\) and (?:bias|weight) type", to_float),
    (r"expected scalar type Long but found \w+|Expected floating point type for target with class probabilities|"
     r"expected target dtype to be Long", _target("{}.long()")),
    (r"result type Float can't be cast to the desired output type \w+|Found dtype (?:Long|Double) but expected Float",
     _target("{}.float()")),
    (r"Nesterov momentum requires a momentum", _at_line("set-optimizer-arg", arg="momentum", value=0.9)),
    (r"unscale_\(\) has already been called", _simple("drop-repeated", function="unscale_")),
    (r"^index out of range in self", _simple("widen-embedding")),
    (r"stack expects each tensor to be equal size", _simple("borrow-collate")),
    (r"view size is not compatible with input tensor's size and stride",
     _at_line("swap-function", function="view", to="reshape")),
    (SIZES.format("Using a target size", "that is different to the input size"), _target("{}.unsqueeze(1)")),
    (SIZES.format("Target size", "must be the same as input size"), _target("{}.unsqueeze(1)")),
)  # fmt: skip
"""Texts of exceptions, and the edits that may cure them.  The edited script has to get past the line and to learn."""


def crash_edits(crash: Crash, line: int) -> tuple[Edit, ...]:
    """What to change in the file whose ``line`` raised; nothing where the exception has no certain cure."""
    for pattern, cure in CURES:
        found = re.search(pattern, crash.message)
        if found is not None:
            return cure(crash, found, line)
    return ()
