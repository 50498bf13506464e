"""Libraries that open files in native code are handed the path that the file is really at.

They are adapted when the script imports them, so that nothing is imported on their account.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from sgd_doctor.run.patching import Function, find, shadow


class Taken(NamedTuple):
    """One function that takes a path: which argument it is, and what happens to the file.

    ``use`` is ``read``, ``new`` (written anew), ``update`` (may be changed) or ``mode``: told by the
    argument ``mode``, as for ``open``.
    """

    name: str
    position: int
    keyword: str
    use: str


TAKEN = {
    "torch": (
        Taken("save", 1, "f", "new"),
        Taken("load", 0, "f", "read"),
        Taken("from_file", 0, "filename", "update"),
        Taken("UntypedStorage.from_file", 0, "filename", "update"),
    ),
    "torch.serialization": (Taken("save", 1, "f", "new"), Taken("load", 0, "f", "read")),
    "torch.jit": (Taken("save", 1, "f", "new"), Taken("load", 0, "f", "read")),
    "torch.jit._script": (
        Taken("RecursiveScriptModule.save", 1, "f", "new"),
        Taken("ScriptModule.save", 1, "f", "new"),
    ),
    "sqlite3": (Taken("connect", 0, "database", "update"),),
    "sqlite3.dbapi2": (Taken("connect", 0, "database", "update"),),
    "h5py": (Taken("File.__init__", 1, "name", "mode"),),
    "safetensors": (Taken("serialize_file", 1, "filename", "new"), Taken("safe_open", 0, "filename", "read")),
    "safetensors.torch": (
        Taken("serialize_file", 1, "filename", "new"),
        Taken("safe_open", 0, "filename", "read"),
    ),
    "safetensors.numpy": (
        Taken("serialize_file", 1, "filename", "new"),
        Taken("safe_open", 0, "filename", "read"),
    ),
    "cv2": (Taken("imwrite", 0, "filename", "new"), Taken("imread", 0, "filename", "read")),
    "subprocess": (Taken("Popen.__init__", 10, "cwd", "read"),),
}


def _beside(path: str) -> None:
    # SQLite keeps what is not yet in a database in files next to it.
    for ending in ("-journal", "-wal", "-shm"):
        if find(path + ending).seen is not None:
            shadow().own(find(path + ending))


def translated(path: Any, use: str) -> Any:
    """Where ``path`` is to be read or written now; anything but a path comes back as it is."""
    if not isinstance(path, (str, bytes, os.PathLike)) or path in ("", b"", ":memory:"):
        return path
    node = find(path)
    if use == "read":
        return node.actual
    if node.seen is not None and not os.access(path, os.W_OK):
        return node.actual  # a file that cannot be written to: the library finds out by itself
    return shadow().own(node, empty=use == "new")


def _database(path: Any) -> Any:
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    if not text.startswith("file:"):
        if text not in ("", ":memory:"):
            _beside(text)
        return translated(path, "update")
    name, mark, query = text[5:].partition("?")
    if not name or name == ":memory:" or "mode=memory" in query:
        return path
    prefix = "//" if name.startswith("///") else ""
    _beside(name[len(prefix) :])
    return f"file:{prefix}{translated(name[len(prefix) :], 'update')}{mark}{query}"


def _adapted(original: Function, taken: Taken) -> Function:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        place: Any = taken.position if len(args) > taken.position else taken.keyword
        values: Any = list(args) if isinstance(place, int) else kwargs
        if isinstance(place, int) or place in kwargs:
            values[place] = _handed(values[place], taken, args, kwargs)
        return original(*values, **kwargs) if isinstance(place, int) else original(*args, **kwargs)

    return function


def _handed(path: Any, taken: Taken, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if taken.keyword == "database":
        return _database(path)
    if taken.use != "mode":
        return translated(path, taken.use)
    mode = kwargs.get("mode", args[taken.position + 1] if len(args) > taken.position + 1 else "r")
    return translated(path, {"r": "read", "w": "new"}.get(mode, "update"))


def adapt(module: ModuleType) -> None:
    """Replace what :data:`TAKEN` names in ``module``."""
    for taken in TAKEN.get(module.__name__, ()):
        *holders, name = taken.name.split(".")
        holder: Any = module
        for part in holders:
            holder = getattr(holder, part, None)
        original = getattr(holder, name, None)
        if original is None or hasattr(original, "_sgd_doctor"):
            continue
        function = _adapted(original, taken)
        function._sgd_doctor = True  # type: ignore[attr-defined]
        static = holders and not isinstance(original, FunctionType)
        try:
            setattr(holder, name, staticmethod(function) if static else function)
        except TypeError:
            continue  # a type made in native code cannot be changed; Landlock stands behind


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the other finders find a module, and adapts it once it has been run."""

    def __init__(self) -> None:
        self._busy: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As the protocol wants it."""
        if fullname not in HOOKS or fullname in self._busy:
            return None
        self._busy.add(fullname)
        try:
            for finder in sys.meta_path:
                spec = None if finder is self else finder.find_spec(fullname, path, target)
                if spec is not None:
                    _run_after(spec.loader, HOOKS[fullname])
                    return spec
        finally:
            self._busy.discard(fullname)
        return None


def _run_after(loader: Any, hook: Callable[[ModuleType], None]) -> None:
    run = getattr(loader, "exec_module", None)
    if run is None:
        return

    def exec_module(module: ModuleType) -> None:
        run(module)
        hook(module)

    loader.exec_module = exec_module


def _spawning(module: ModuleType) -> None:
    # A worker that starts afresh runs a line of Python: it takes the redirection up before that.
    original = vars(module)["spawnv_passfds"]

    @functools.wraps(original)
    def spawnv_passfds(path: Any, args: Sequence[Any], passfds: Any) -> Any:
        args = list(args)
        for index, word in enumerate(args[:-1]):
            if word in ("-c", b"-c"):
                line = os.fsdecode(args[index + 1])
                args[index + 1] = os.fsencode(_resuming() + line)
        return original(path, args, passfds)

    vars(module)["spawnv_passfds"] = spawnv_passfds


_state: list[str] = []


def _resuming() -> str:
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return (
        f"import sys; sys.path.insert(0, {package!r}); from sgd_doctor.run import redirect; "
        f"sys.path.remove({package!r}); redirect.resume{_state[-1]}; "
    )


HOOKS: dict[str, Callable[[ModuleType], None]] = dict.fromkeys(TAKEN, adapt)
HOOKS["multiprocessing.util"] = _spawning


def install(layers: Sequence[tuple[str, ...]], keep: Sequence[str], tmp: str) -> None:
    """Adapt what is imported already, and the rest as it is imported."""
    _state[:] = [repr(([tuple(layer) for layer in layers], list(keep), tmp))]
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for name, hook in HOOKS.items():
        if name in sys.modules:
            hook(sys.modules[name])
    sys.meta_path.insert(0, _Finder())
