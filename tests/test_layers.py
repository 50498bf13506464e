"""Imports point one way: values, then faces, then what needs torch; no circles, and no torch where it is not needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT, environment

PACKAGE = ROOT / "sgd_doctor"
CHECKS = ROOT / "checks"

VALUES = (
    "errors", "version", "findings", "signals", "structure", "ranks", "recording", "trace", "report", "stats", "check",
    "loader", "options", "scoring", "standstill", "endless", "crashes", "crash_edits", "lab", "learning_rate",
    "diagnosis", "assemble",
)  # fmt: skip
"""Plain values and pure logic: neither torch nor a drawing library, not even within a function."""
BELOW = ("render", "fix", "fixing", "observe", "interventions", "run", "integrations", "session", "command", "cli")
TORCH_LIVES_IN = ("observe", "interventions", "run", "integrations", "parts")
FACES_NEED = ("errors", "version", "findings", "report")
CHECKS_NEED = (
    "check", "findings", "recording", "stats", "signals", "structure", "ranks", "trace", "standstill", "endless",
    "crashes", "crash_edits",
)  # fmt: skip
HEAVY = {"torch", "matplotlib", "rich", "jinja2", "libcst"}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name without the package's."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, *, lazy: bool) -> Iterator[str]:
    """Absolute names that a file imports; with ``lazy`` also those imported within functions."""
    for node in _nodes(ast.parse(path.read_bytes()), lazy):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}".removeprefix("sgd_doctor.")
                yield f"sgd_doctor.{inner}" if module.startswith("sgd_doctor") and inner in modules() else module


def _nodes(tree: ast.AST, lazy: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not lazy:
            continue
        yield node
        yield from _nodes(node, lazy)


def inside(path: Path, *, lazy: bool = False) -> set[str]:
    """The package's own modules that a file imports."""
    return {n.removeprefix("sgd_doctor.") for n in imports(path, lazy=lazy) if n.startswith("sgd_doctor.")}


def top(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere."""
    return {name.split(".")[0] for name in imports(path, lazy=True)}


def test_no_circle() -> None:
    graph = {name: inside(path) for name, path in modules().items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "circle: " + " → ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_values_stand_alone() -> None:
    known = modules()
    for name in known.keys() & VALUES:
        foreign = top(known[name]) & HEAVY
        assert not foreign, f"{name} imports {foreign}"
        beyond = {other for other in inside(known[name]) if other.split(".")[0] in BELOW}
        assert not beyond, f"{name} imports {beyond}, which stand further down"


def test_faces_read_only_the_report() -> None:
    for name, path in modules().items():
        if name == "render" or name.startswith("render."):
            assert "torch" not in top(path), name
            beyond = {o for o in inside(path, lazy=True) if o not in FACES_NEED and not o.startswith("render")}
            assert not beyond, f"{name} imports {beyond}"


def test_torch_is_imported_only_where_it_belongs() -> None:
    for name, path in modules().items():
        if "torch" in top(path):
            assert name.split(".")[0] in TORCH_LIVES_IN, f"{name} imports torch"


def test_a_check_sees_no_more_than_a_recording() -> None:
    files = [p for p in CHECKS.rglob("*.py") if p.name != "__init__.py"]
    assert len(files) > 10
    for path in files:
        beyond = {o for o in inside(path, lazy=True) if o not in CHECKS_NEED and not o.startswith("checks.")}
        assert not beyond, f"{path.name} imports {beyond}"
        assert not top(path) & HEAVY, f"{path.name} imports {top(path) & HEAVY}"


def test_nothing_lists_the_checks() -> None:
    names = {p.stem for p in CHECKS.rglob("*.py") if p.name != "__init__.py"}
    for path in CHECKS.rglob("__init__.py"):
        assert not any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(ast.parse(path.read_bytes())))
    for name, path in modules().items():
        imported = {o.rsplit(".", 1)[-1] for o in inside(path, lazy=True) if "checks." in o}
        assert not imported & names, f"{name} imports single checks"


@pytest.mark.parametrize("module", ["sgd_doctor.session", "sgd_doctor.command", "sgd_doctor.fix", "sgd_doctor"])
def test_the_parent_process_imports_no_torch(module: str, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print({{'torch', 'matplotlib'}} & set(sys.modules))"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "set()\n"


@pytest.mark.parametrize(
    "command", [("-c", "import sgd_doctor"), ("-m", "sgd_doctor", "--help"), ("-m", "sgd_doctor", "--version")]
)
def test_an_answer_at_once_imports_little(command: tuple[str, ...], tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in said.stderr.splitlines() if line.startswith("import time:")}
    assert "sgd_doctor" in imported
    assert not {name.split(".")[0] for name in imported} & (HEAVY | {"numpy", "msgspec", "asyncio", "multiprocessing"})
    assert len({name for name in imported if name.startswith("sgd_doctor")}) <= 10
