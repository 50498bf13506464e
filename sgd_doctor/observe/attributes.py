"""Tensors that a module holds without having registered them: in lists, dictionaries, plain attributes."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.structure import Stray

DEPTH = 4
MAX_ITEMS = 512
_REGISTERED = {"_parameters", "_buffers", "_modules"}
_SEARCHED_LINES = 400


def owners(roots: Sequence[nn.Module], sites: SiteTable, built: Mapping[int, int]) -> dict[int, Stray]:
    """The unregistered tensors of ``roots`` by id, with the attribute that holds them."""
    found: dict[int, Stray] = {}
    # A layer that is called by itself is a root as well, and may be what a model keeps in a list or dict.
    registered = {id(m) for root in roots if root._modules for m in root.modules()}
    for root in roots:
        for name, module in root.named_modules():
            for attribute, value in vars(module).items():
                if attribute in _REGISTERED or attribute.startswith(("_forward", "_backward", "_state", "_load")):
                    continue
                line = assignment(type(module), attribute, sites)
                for path, tensor, owner in _tensors(value, attribute, registered, DEPTH):
                    if not tensor.requires_grad or id(tensor) in found:
                        continue
                    site = line if line >= 0 else built.get(id(owner), -1) if owner is not None else -1
                    found[id(tensor)] = Stray(
                        name=f"{name}.{path}" if name else path,
                        shape=tuple(tensor.shape),
                        attribute=attribute,
                        layer=type(owner).__name__ if owner is not None else "",
                        site=site,
                    )
    return found


def _tensors(value: Any, path: str, registered: set[int], depth: int) -> Iterator[tuple[str, Tensor, Any]]:
    """The tensors in lists, dictionaries, unregistered modules and plain objects of the user's."""
    if isinstance(value, Tensor):
        yield path, value, None
    elif isinstance(value, nn.Module):
        if id(value) not in registered:
            for name, parameter in value.named_parameters():
                yield f"{path}.{name}", parameter, value
    elif depth <= 0:
        return
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value[:MAX_ITEMS]):
            yield from _tensors(item, f"{path}[{number}]", registered, depth - 1)
    elif isinstance(value, dict):
        for key, item in list(value.items())[:MAX_ITEMS]:
            yield from _tensors(item, f"{path}[{key!r}]", registered, depth - 1)
    elif hasattr(value, "__dict__") and type(value).__module__ == "__main__" and not isinstance(value, type):
        for key, item in list(vars(value).items())[:MAX_ITEMS]:
            yield from _tensors(item, f"{path}.{key}", registered, depth - 1)


def assignment(kind: type, attribute: str, sites: SiteTable) -> int:
    """The line of ``kind``'s source that assigns ``self.attribute`` (-1: not found)."""
    pattern = re.compile(rf"\bself\.{re.escape(attribute)}\s*(?::[^=]+)?=(?!=)")
    for base in kind.__mro__:
        init = vars(base).get("__init__")
        code = getattr(init, "__code__", None)
        if code is None or not sites.is_user(code):
            continue
        lines = linecache.getlines(code.co_filename)
        for number in range(code.co_firstlineno, min(len(lines), code.co_firstlineno + _SEARCHED_LINES) + 1):
            if pattern.search(lines[number - 1]):
                return sites.place(code.co_filename, number, "__init__")
    return -1
