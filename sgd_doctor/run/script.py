"""Run a file, a module or a notebook as python itself would.

The fresh module stands in ``sys.modules`` as both ``__main__`` and ``__mp_main__``: spawned
loader workers return objects of classes from the script under the second name.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from importlib.abc import InspectLoader
from types import CodeType, TracebackType
from typing import Any

from sgd_doctor.errors import UsageError

ANNOTATIONS: dict[str, Any] = {"__annotations__": {}} if sys.version_info < (3, 14) else {}
"""Python puts these into its main module, and into no other."""


class Program:
    """Compiled code with the module in which it is to run."""

    def __init__(self, code: CodeType, module: types.ModuleType, path_entry: str, argv0: str) -> None:
        self.code, self.module, self.path_entry, self.argv0 = code, module, path_entry, argv0

    def enter(self, argv: tuple[str, ...]) -> None:
        """Make ``sys`` look as it does at the script's first line."""
        sys.argv = [self.argv0, *argv]
        sys.path.insert(0, self.path_entry)
        sys.modules["__main__"] = sys.modules["__mp_main__"] = self.module

    def run(self) -> None:
        exec(self.code, vars(self.module))


def script(path: str, text: str | None = None) -> Program:
    """A script file; ``text`` instead of what it holds.

    Raises:
        SyntaxError, ValueError, OSError: as python would.
    """
    absolute = os.path.abspath(path)
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", absolute)
    vars(module).update(
        ANNOTATIONS,
        __file__=absolute,
        __builtins__=builtins,
        __loader__=loader,
        __spec__=None,
        __package__=None,
        __cached__=None,
    )
    if text is None:
        with open(absolute, "rb") as file:
            code = compile(file.read(), absolute, "exec", dont_inherit=True)
    else:
        code = compile(text, absolute, "exec", dont_inherit=True)
    return Program(code, module, os.path.dirname(absolute), path)


def module(name: str) -> Program:
    """A module, as ``python -m name``.

    Raises:
        UsageError: there is no such module, or it has no source.
    """
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ImportError as error:
        raise UsageError(f"cannot find the module {name}: {error}") from error
    finally:
        sys.path.pop(0)
    loader = spec.loader if spec is not None else None
    code = loader.get_code(spec.name) if spec is not None and isinstance(loader, InspectLoader) else None
    if spec is None or code is None:
        raise UsageError(f"no module {name!r} that can be run; is it importable from {os.getcwd()}?")
    fresh = types.ModuleType("__main__")
    vars(fresh).update(
        ANNOTATIONS,
        __file__=spec.origin,
        __builtins__=builtins,
        __loader__=loader,
        __spec__=spec,
        __cached__=spec.cached,
        __package__=spec.parent,
    )
    return Program(code, fresh, os.getcwd(), spec.origin or name)


def notebook(path: str) -> Program:
    """The code cells of a notebook in order, as one program; lines of magics are left out.

    Raises:
        UsageError: the file is no notebook.
    """
    from sgd_doctor.run.notebook import source_of

    absolute = os.path.abspath(path)
    source = source_of(absolute)
    fresh = types.ModuleType("__main__")
    vars(fresh).update(__file__=absolute, __builtins__=builtins, __spec__=None, __package__=None)
    import linecache

    linecache.cache[absolute] = (len(source), None, source.splitlines(True), absolute)
    return Program(compile(source, absolute, "exec", dont_inherit=True), fresh, os.path.dirname(absolute), path)


PROGRAMS: dict[str, Callable[[str], Program]] = {"script": script, "module": module, "notebook": notebook}


def own_frames_removed(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this package: those that start the script, and those of hooks within."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    kept = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(here):
            kept.append(traceback)
        traceback = traceback.tb_next
    for entry in reversed(kept):
        traceback = TracebackType(traceback, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return traceback


def hide_own_frames(error: BaseException) -> None:
    """Take our frames out of an exception and of those that led to it."""
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = own_frames_removed(one.__traceback__)
            todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
