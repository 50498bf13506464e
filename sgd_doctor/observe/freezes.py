"""Attributes that look as if they froze a layer and do not."""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping, Sequence

from torch import nn

from sgd_doctor.observe.sites import SiteTable
from sgd_doctor.structure import NamedFreeze, ParameterState

MISSPELT = ("require_grad", "required_grad", "requires_gradient", "requiresgrad", "requires_grads", "require_grads")
MAX_FOUND = 32


def named_freezes(
    roots: Sequence[nn.Module], sites: SiteTable, names: Mapping[int, str], states: Sequence[ParameterState]
) -> tuple[NamedFreeze, ...]:
    """Modules with an attribute ``requires_grad`` that is False, and parameters with a misspelt one."""
    found: list[NamedFreeze] = []
    moved = {s.name for s in states if s.changed}
    for root in roots:
        for module in root.modules():
            if len(found) >= MAX_FOUND:
                return tuple(found)
            name = names.get(id(module), type(module).__name__)
            own = vars(module)
            if own.get("requires_grad", True) is False and any(p.requires_grad for p in module.parameters()):
                inside = [f"{name}.{n}" if module is not root else n for n, _ in module.named_parameters()]
                found.append(
                    _freeze(name, "requires_grad", type(module).__name__, sites, any(n in moved for n in inside))
                )
            for key, parameter in module._parameters.items():
                wrong = next((w for w in MISSPELT if w in getattr(parameter, "__dict__", {})), None)
                if parameter is not None and wrong is not None and parameter.requires_grad:
                    full = f"{name}.{key}" if module is not root else key
                    found.append(_freeze(full, wrong, "Parameter", sites, full in moved))
    return tuple(found)


def _freeze(name: str, attribute: str, kind: str, sites: SiteTable, moved: bool) -> NamedFreeze:
    return NamedFreeze(name, attribute, kind, _line(name, attribute, sites), moved)


def freezing_line(sites: SiteTable) -> int:
    """The first line of the user's files that sets ``requires_grad`` to False (-1: none)."""
    pattern = re.compile(r"requires_grad\s*=(?!=)|requires_grad_\(")
    for path in dict.fromkeys(p for p, _, _ in sites._places):
        for number, text in enumerate(linecache.getlines(path), 1):
            if pattern.search(text) and "True" not in text:
                return sites.place(path, number, "")
    return -1


def _line(name: str, attribute: str, sites: SiteTable) -> int:
    """The line that sets the attribute, by its text: the one that names the module, else the first."""
    pattern = re.compile(rf"(\S+)\.{attribute}\s*=\s*False")
    first = -1
    for path in dict.fromkeys(p for p, _, _ in sites._places):
        for number, text in enumerate(linecache.getlines(path), 1):
            match = pattern.search(text)
            if match is None:
                continue
            if match.group(1).split(".")[-1] == name.split(".")[-1]:
                return sites.place(path, number, "")
            first = sites.place(path, number, "") if first < 0 else first
    return first
