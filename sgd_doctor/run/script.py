"""Run a file, a module or a notebook as python itself would.

The fresh module stands in ``sys.modules`` as both ``__main__`` and ``__mp_main__``: spawned
loader workers return objects of classes from the script under the second name.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import InspectLoader
from types import CodeType, TracebackType
from typing import Any

from sgd_doctor.errors import UsageError
from sgd_doctor.observe.sites import is_users_file

ANNOTATIONS: dict[str, Any] = {"__annotations__": {}} if sys.version_info < (3, 14) else {}
"""Python puts these into its main module, and into no other."""


class Program:
    """Compiled code with the module in which it is to run."""

    notes: tuple[str, ...] = ()
    """What of it is not carried out, in words."""

    def __init__(self, code: CodeType, module: types.ModuleType, path_entry: str, argv0: str) -> None:
        self.code, self.module, self.path_entry, self.argv0 = code, module, path_entry, argv0

    def enter(self, argv: tuple[str, ...]) -> None:
        """Make ``sys`` look as it does at the script's first line."""
        sys.argv = [self.argv0, *argv]
        sys.path.insert(0, self.path_entry)
        sys.modules["__main__"] = sys.modules["__mp_main__"] = self.module

    def run(self) -> None:
        exec(self.code, vars(self.module))


class Notebook(Program):
    """The cells of a notebook, in its own folder, as Jupyter runs them."""

    def __init__(self, codes: Sequence[CodeType], module: types.ModuleType, path_entry: str, argv0: str) -> None:
        super().__init__(codes[0] if codes else compile("", argv0, "exec"), module, path_entry, argv0)
        self.codes = codes

    def enter(self, argv: tuple[str, ...]) -> None:
        """As for a script; the working directory is the notebook's folder."""
        super().enter(argv)
        os.chdir(self.path_entry)

    def run(self) -> None:
        for code in self.codes:
            awaited = eval(code, vars(self.module))
            if inspect.iscoroutine(awaited):
                asyncio = importlib.import_module("asyncio")  # only by cells that await
                asyncio.run(awaited)


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
    """The code cells of a notebook in order; magics that are not carried out are named.

    Raises:
        UsageError: the file is no notebook.
    """
    from sgd_doctor.run.notebook import cells_of

    absolute = os.path.abspath(path)
    fresh = types.ModuleType("__main__")
    vars(fresh).update(ANNOTATIONS, __builtins__=builtins, __spec__=None, __package__=None)
    vars(fresh).update(display=lambda *shown, **_: print(*shown, sep="\n"), get_ipython=lambda: _SHELL)
    codes, left_out = [], {}
    for cell in cells_of(absolute):
        linecache.cache[cell.name] = (len(cell.text), None, cell.text.splitlines(True), cell.name)
        codes.append(compile(cell.source, cell.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
        left_out.update(dict.fromkeys(f"{text} ({cell.name.rpartition(' cell ')[2]})" for text in cell.left_out))
    program = Notebook(codes, fresh, os.path.dirname(absolute), path)
    if left_out:
        program.notes = (f"not carried out in the notebook (number of the cell): {', '.join(left_out)}",)
    return program


class _Shell:
    """Stands for IPython's shell: magics that are called through it do nothing."""

    config: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


_SHELL = _Shell()
PROGRAMS: dict[str, Callable[[str], Program]] = {"script": script, "module": module, "notebook": notebook}


def users_modules() -> dict[str, types.ModuleType]:
    """The imported modules of the user's own, by name; not the main module, which has several names."""
    own, main = __name__.partition(".")[0], sys.modules.get("__main__")
    found = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name.partition(".")[0] != own and module is not main and isinstance(path, str) and is_users_file(path):
            found[name] = module
    return found


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
