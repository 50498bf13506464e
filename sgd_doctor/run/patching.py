"""Replacing functions of ``os``: the table of replacements, and putting them everywhere."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from sgd_doctor.run.shadow import AnyPath, Node, Shadow

Function = Callable[..., Any]

# What os offered before anything was replaced, and the replacements by name.
originals: dict[str, Function] = {name: getattr(os, name) for name in dir(os) if callable(getattr(os, name))}
patches: dict[str, Function] = {}
# Modules that are to keep the functions as they were.
SPARED = {"posix", "io", "_io", "builtins", "_pyio"}
SPARED |= {f"sgd_doctor.run.{name}" for name in ("patching", "shadow", "redirect", "redirect_reads")}
# Modules of the standard library whose classes hold functions of os; which of them do depends on its version.
BINDING = ("pathlib", "pathlib._abc", "pathlib._local", "pathlib._os", "glob", "tempfile")
# The tree in force, last; a list so that every module sees the change.
active: list[Shadow] = []


def shadow() -> Shadow:
    """The tree as the script sees it now."""
    return active[-1]


def find(path: AnyPath, dir_fd: int | None = None, follow: bool = True) -> Node:
    """What a path, as the script gives it, leads to."""
    tree = shadow()
    return tree.find(tree.absolute(path, dir_fd), follow)


def patch(*names: str) -> Callable[[Function], Function]:
    """Register a replacement for functions of ``os``; it is handed the original before its arguments."""

    def register(function: Function) -> Function:
        for name in names:
            if name in originals:
                patches[name] = _named_like(originals[name], function)
        return function

    return register


def _named_like(original: Function, replacement: Function) -> Function:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return replacement(original, *args, **kwargs)
        except OSError as problem:
            # The user's names in messages, not those in the scratch folder.
            if problem.filename is not None and args:
                problem.filename = args[0]
            if problem.filename2 is not None and len(args) > 1:
                problem.filename2 = args[1]
            raise

    return function


def replace(functions: Mapping[str, Function], others: Mapping[int, Function] | None = None) -> None:
    """Put ``functions`` into ``os`` by name, and wherever a module holds the originals under its own names.

    ``others`` are further replacements, by the ``id`` of what they replace.
    """
    replaced = dict(others or {})
    for name, function in functions.items():
        replaced[id(originals[name])] = function
        setattr(os, name, function)
    for name, module in list(sys.modules.items()):
        if name not in SPARED and hasattr(module, "__dict__"):
            for key, value in list(vars(module).items()):
                if id(value) in replaced:
                    setattr(module, key, replaced[id(value)])
    _replace_bound(replaced)


def _replace_bound(replaced: Mapping[int, Function]) -> None:
    # Some classes have bound the functions as attributes, or as defaults of arguments.
    for module in [sys.modules[name] for name in BINDING if name in sys.modules]:
        for holder in [value for value in vars(module).values() if isinstance(value, type)]:
            for key, value in list(vars(holder).items()):
                function = getattr(value, "__func__", value)
                if id(function) in replaced:
                    setattr(holder, key, staticmethod(replaced[id(function)]))
                defaults = getattr(function, "__defaults__", None) or ()
                if isinstance(function, FunctionType) and any(id(default) in replaced for default in defaults):
                    function.__defaults__ = tuple(replaced.get(id(value), value) for value in defaults)
