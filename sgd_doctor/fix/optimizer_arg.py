"""Setting an argument of an optimizer where its value is written down."""

from __future__ import annotations

from typing import Any

import libcst as cst

from sgd_doctor.fix.arguments import append_keyword
from sgd_doctor.fix.changes import Change
from sgd_doctor.fix.follow import Place, Varies, follow
from sgd_doctor.fix.literals import equal, known_value, literal
from sgd_doctor.fix.names import origin, readers
from sgd_doctor.fix.source import Source, called_name, keyword, positional, string_value

_SGD = "params lr momentum dampening weight_decay nesterov"
_ADAM = "params lr betas eps weight_decay amsgrad"
SIGNATURES: dict[str, list[str]] = {
    name: order.split()
    for name, order in {
        "SGD": _SGD,
        "Adam": _ADAM,
        "AdamW": _ADAM,
        "NAdam": "params lr betas eps weight_decay momentum_decay",
        "RAdam": "params lr betas eps weight_decay",
        "Adamax": "params lr betas eps weight_decay",
        "Adagrad": "params lr lr_decay weight_decay initial_accumulator_value eps",
        "Adadelta": "params lr rho eps weight_decay",
        "RMSprop": "params lr alpha eps weight_decay momentum centered",
        "Rprop": "params lr etas step_sizes",
        "ASGD": "params lr lambd alpha t0 weight_decay",
        "LBFGS": "params lr max_iter max_eval tolerance_grad tolerance_change history_size",
        "Muon": "params lr weight_decay momentum nesterov",
        "SparseAdam": "params lr betas eps",
        "Adafactor": "params lr beta2_decay eps d weight_decay",
    }.items()
}
"""Positional order of the arguments of the optimizers that torch ships."""

_OUTPUT = {
    *("print", "info", "debug", "warning", "error", "log", "write", "format", "str", "repr", "round"),
    *("add_scalar", "add_hparams", "add_text", "init", "asdict", "set_postfix", "set_description"),
    *("title", "set_title", "suptitle", "label", "legend", "plot"),
}
"""Calls that only show what they are given."""
_SCHEDULERS = {"OneCycleLR", "CyclicLR", "ReduceLROnPlateau", "CosineAnnealingWarmRestarts"}


def set_optimizer_arg(source: Source, args: dict[str, Any]) -> list[Change] | None:
    """Give ``args["arg"]`` of the optimizer built at ``args["line"]`` the value ``args["value"]``.

    ``args["current"]``, if given, is the value the run had; where the source says something else,
    it was overridden from outside and no edit is made.
    """
    name = str(args["arg"])
    wanted = tuple(args["value"]) if isinstance(args["value"], list) else args["value"]
    text = literal(wanted)
    call = construction(source, int(args["line"]), name)
    if call is None or text is None or _in_groups(source, call, name):
        return None
    found = _argument(source, call, name)
    if found is None:
        return append_keyword(source, call, name, text) if _may_append(call, name) else None
    try:
        place = follow(source, found)
    except Varies:
        return None
    if place is None or not _all_harmless(source, place, call, name):
        place = Place(found, ())
    return _replace(source, place.node, wanted, text, args)


def _replace(
    source: Source, node: cst.BaseExpression, wanted: Any, text: str, args: dict[str, Any]
) -> list[Change] | None:
    known = known_value(node, source.code(node))
    if known is not None:
        if equal(known[0], wanted):
            return []
        if "current" in args and not equal(_number(known[0]), args["current"]):
            return None
    start, end = source.outer_span(node)
    return [Change(start, end, text)]


def _number(value: Any) -> Any:
    """argparse turns a default written as a string into a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def construction(source: Source, line: int, arg: str = "lr") -> cst.Call | None:
    """The call at ``line`` that builds an optimizer; ``None`` where it is not plain which one."""
    calls = source.at(cst.Call, line)
    known = [call for call in calls if called_name(call) in SIGNATURES]
    named = [call for call in calls if keyword(call, arg) is not None or keyword(call, "lr") is not None]
    fed = [call for call in calls if any(_gives_parameters(item.value) for item in call.args)]
    for group in (known, named, fed):
        if group:
            return group[0] if len(group) == 1 else None
    return None


def _gives_parameters(node: cst.BaseExpression) -> bool:
    return called_name(node) in {"parameters", "named_parameters"}


def _argument(source: Source, call: cst.Call, name: str) -> cst.BaseExpression | None:
    """The expression that ``call`` gives for ``name``: by keyword, by position or through ``**cfg``."""
    named = keyword(call, name)
    if named is not None:
        return named.value
    order = SIGNATURES.get(called_name(call), ["params", "lr"])
    given = positional(call, order.index(name)) if name in order else None
    if given is not None:
        return given.value
    return _from_stars(source, call, name)


def _from_stars(source: Source, call: cst.Call, name: str) -> cst.BaseExpression | None:
    """The value of ``name`` in a dictionary that only ``call`` uses, as ``**cfg``."""
    for arg in call.args:
        if arg.star != "**" or (isinstance(arg.value, cst.Name) and readers(source, arg.value)):
            continue
        values = origin(source, arg.value)
        if isinstance(values, cst.Call) and called_name(values) == "dict":
            named = keyword(values, name)
            return named.value if named is not None else None
        for item in values.elements if isinstance(values, cst.Dict) else ():
            if isinstance(item, cst.DictElement) and string_value(item.key) == name:
                return item.value
    return None


def _may_append(call: cst.Call, name: str) -> bool:
    if any(arg.star for arg in call.args):
        return False
    order = SIGNATURES.get(called_name(call))
    if order is None:
        # An optimizer under another name: that it takes what it was just seen to hold is likely,
        # but a factory of the user's might not, so only a plain construction is trusted.
        return keyword(call, "lr") is not None and any(_gives_parameters(arg.value) for arg in call.args)
    return name in order or name in {"foreach", "fused", "maximize", "decoupled_weight_decay", "nesterov"}


def _in_groups(source: Source, call: cst.Call, name: str) -> bool:
    """Whether literal parameter groups set ``name`` themselves, so that the argument decides nothing."""
    given = keyword(call, "params") or positional(call, 0)
    if given is None:
        return False
    groups = origin(source, given.value)
    keys = [
        string_value(item.key)
        for table in source.all(cst.Dict, groups)
        for item in table.elements
        if isinstance(item, cst.DictElement)
    ]
    return name in keys or any(keyword(item, name) is not None for item in source.all(cst.Call, groups))


def _all_harmless(source: Source, place: Place, call: cst.Call, name: str) -> bool:
    return all(_is_harmless(source, use, call, name) for use in place.uses)


def _is_harmless(source: Source, use: cst.CSTNode, call: cst.Call, name: str) -> bool:
    """Whether ``use`` may see the new value: it prints it, or it steers the same thing."""
    for above in source.ancestors(use):
        if above is call or isinstance(above, cst.FormattedString):
            return True
        if isinstance(above, cst.Call):
            called = called_name(above)
            if called in _OUTPUT or (name == "lr" and _is_scheduler(called)):
                return True
        if isinstance(above, cst.Assign):
            return name == "lr" and _sets_group(above)
        if isinstance(above, cst.BaseSmallStatement | cst.BaseSuite):
            return False
    return False


def _is_scheduler(called: str) -> bool:
    return called in _SCHEDULERS or called.endswith(("LR", "Scheduler"))


def _sets_group(statement: cst.Assign) -> bool:
    """``group["lr"] = ...``: a schedule written by hand."""
    targets = [item.target for item in statement.targets]
    return any(isinstance(target, cst.Subscript) and _index(target) == "lr" for target in targets)


def _index(node: cst.Subscript) -> str | None:
    index = node.slice[0].slice
    return string_value(index.value) if isinstance(index, cst.Index) else None
