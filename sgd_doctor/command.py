"""``sgd-doctor diagnose``: from the options to the exit code."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import sys
import tokenize
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sgd_doctor.config import configured
from sgd_doctor.delivery import Outputs, deliver, export, open_page, require_folders
from sgd_doctor.errors import ExitCode, UsageError
from sgd_doctor.options import DEFAULT_BUDGET, DEFAULT_TIME_LIMIT, Options, chosen_checks
from sgd_doctor.progress import Progress
from sgd_doctor.render import FORMATS
from sgd_doctor.report import Report
from sgd_doctor.run.world import heed_termination, rank
from sgd_doctor.studio import Studio

if TYPE_CHECKING:
    from sgd_doctor.session import Outcome

ON_STDOUT = ("text", "json", "sarif", "github")
AWAITING = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
"""A cell of a notebook may await outside of functions."""
DEFAULT_NAME = "sgd-doctor-report"
SUFFIXES = {".json": "json", ".html": "html", ".htm": "html", ".png": "png", ".sarif": "sarif", ".txt": "text"}


@dataclass
class Request:
    """What the user asked for; None where an option was not given."""

    target: str
    arguments: tuple[str, ...] = ()
    as_module: bool = False
    command: str = ""
    steps: int | None = None
    budget: float | None = None
    time_limit: float | None = None
    no_probes: bool | None = None
    seed: int | None = None
    formats: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    select: str | None = None
    ignore: str | None = None
    fix: bool = False
    diff: bool = False
    no_report: bool | None = None
    open_browser: bool = False
    save_recording: str | None = None
    script_output: str | None = None
    allow_writes: bool | None = None
    overhead: float | None = None
    check_folders: tuple[str, ...] = ()
    exit_zero: bool | None = None
    quiet: bool | None = None
    bundle: str | None = None
    tensorboard: str | None = None
    suggest: tuple[str, ...] = ()


@dataclass
class Plan:
    """Forms of the report and the file of each (None: standard output)."""

    outputs: Outputs = field(default_factory=list)
    asked: bool = False
    """Whether the user named the forms."""


def run(request: Request) -> int:
    """Carry the request out.  Everything that can be wrong about it is found before anything runs."""
    settings = configured(Path.cwd())
    options = options_of(request, settings)
    if options.select or options.ignore or options.check_folders:
        chosen_checks(options)  # else nothing can be wrong about them, and they are imported while the target starts
    plan = plan_of(request, settings)
    require_folders(request.bundle, request.tensorboard)
    kind = kind_of(request)
    heed_termination()
    if rank() and kind not in ("report", "recording"):
        from sgd_doctor.beside import attend

        return attend(kind, request.target, request.arguments, options)
    quiet = bool(request.quiet if request.quiet is not None else settings.get("quiet"))
    outcome = None
    with Studio(wanted={form for form, _ in plan.outputs}) as studio:
        if kind == "report":
            report = Report.from_json(_read(request.target), name=request.target)
        else:
            outcome = (
                _diagnose_recording(request, options)
                if kind == "recording"
                else _diagnose(request, kind, options, studio, quiet)
            )
            report = outcome.report
        written = deliver(report, plan.outputs, studio, asked=plan.asked)
    recording = outcome.recording if outcome is not None else None
    written += export(request.bundle, request.tensorboard, report, recording, options.seed or 0)
    if written and not quiet:
        print(f"written: {', '.join(written)}", file=sys.stderr)
    if request.fix or request.diff:
        _offer(outcome.patched if outcome is not None else {}, request)
    if request.open_browser:
        open_page(plan.outputs)
    if outcome is not None and outcome.interrupted:
        return ExitCode.INTERRUPTED
    exit_zero = request.exit_zero or bool(settings.get("exit-zero"))
    return ExitCode.FINDINGS if report.problems and not exit_zero else ExitCode.OK


def options_of(request: Request, settings: dict[str, Any]) -> Options:
    """The command line over ``[tool.sgd-doctor]`` over the defaults."""

    def pick(given: Any, key: str, default: Any) -> Any:
        return given if given is not None else settings.get(key, default)

    def names(given: str | None, key: str) -> tuple[str, ...]:
        value = pick(given, key, ())
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(str(p).strip() for p in parts if str(p).strip())

    return Options(
        steps=pick(request.steps, "steps", None),
        budget=float(pick(request.budget, "budget", DEFAULT_BUDGET)),
        time_limit=float(pick(request.time_limit, "time-limit", DEFAULT_TIME_LIMIT)),
        probes=not pick(request.no_probes, "no-probes", False),
        seed=pick(request.seed, "seed", None),
        select=names(request.select, "select"),
        ignore=names(request.ignore, "ignore"),
        allow_writes=bool(pick(request.allow_writes, "allow-writes", False)),
        overhead=float(pick(request.overhead, "overhead", 0.05)),
        check_folders=tuple(Path(f) for f in (request.check_folders or settings.get("checks", ()))),
        suggest=request.suggest,
    )


def plan_of(request: Request, settings: dict[str, Any]) -> Plan:
    """Which forms go where; every file is checked for being writable.

    Raises:
        UsageError: more outputs than formats, a file that cannot be written, or one named twice.
    """
    formats = list(request.formats or settings.get("format", ()))
    if request.outputs and not formats:
        formats = [_form_of(o) for o in request.outputs]
    for form in formats:
        if form not in FORMATS:
            raise UsageError(f"unknown format {form!r}; known formats: {', '.join(FORMATS)}")
    if len(request.outputs) > len(formats):
        raise UsageError("more --output than --format: each output belongs to one format")
    plan = Plan(asked=bool(formats))
    if not formats:
        plan.outputs.append(("text", None))
        if not (request.no_report or settings.get("no-report") or request.bundle):
            plan.outputs += [("html", Path(f"{DEFAULT_NAME}.html")), ("png", Path(f"{DEFAULT_NAME}.png"))]
    for number, form in enumerate(formats):
        named = Path(request.outputs[number]) if number < len(request.outputs) else None
        if named is None and form not in ON_STDOUT:
            named = Path(f"{DEFAULT_NAME}.{form}")
        plan.outputs.append((form, named))
    named_files = (*(p for _, p in plan.outputs), request.save_recording, request.script_output)
    taken = {} if request.as_module else {os.path.realpath(request.target): "the target itself is there"}
    defaults = [] if plan.asked else [p for _, p in plan.outputs]
    for path in (Path(p) for p in named_files if p is not None):
        if path not in defaults:
            _require_writable(path)
        place = os.path.realpath(path)
        if place in taken:
            raise UsageError(f"cannot write {path}: {taken[place]}")
        if not path.exists() or path.is_file():
            taken[place] = "another output goes there"
    return plan


def _form_of(output: str) -> str:
    found = SUFFIXES.get(Path(output).suffix.lower())
    if found is None:
        raise UsageError(f"cannot tell the format of {output}: name it with --format")
    return found


def _require_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    if not folder.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"cannot write {path}: permission denied")


def kind_of(request: Request) -> str:
    """script, module, notebook, recording or report.

    Raises:
        UsageError: the target does not exist, or cannot be what its name says.
    """
    if request.as_module:
        _require_module(request.target)
        return "module"
    path = Path(request.target)
    if request.target.startswith("-"):
        raise UsageError(f"no such option: {request.target}")
    if not request.target or not path.exists():
        raise UsageError(f"no such file: {request.target or repr('')}")
    if path.is_dir():
        raise UsageError(f"{request.target} is a folder; name the script in it")
    kind = {".npz": "recording", ".ipynb": "notebook", ".json": "report"}.get(path.suffix.lower(), "script")
    if kind == "script":
        _require_python(path)
    if kind == "notebook":
        from sgd_doctor.run.notebook import cells_of

        for cell in cells_of(str(path)):
            _compile(cell.source, Path(cell.name), AWAITING)
    return kind


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _require_module(name: str) -> None:
    """Find the module as ``python -m`` would, but import no package on the way: that would run it."""
    path = [os.getcwd(), *sys.path]
    *packages, last = name.split(".")
    try:
        for part in packages:
            path = list(_find(part, path).submodule_search_locations or ())
        found = _find(last, path)
        if found.submodule_search_locations is not None:
            _find("__main__", list(found.submodule_search_locations))
    except (ImportError, ValueError) as error:
        raise UsageError(f"no module {name!r} that can be run: {error}") from error


def _find(name: str, path: list[str]) -> ModuleSpec:
    found = PathFinder.find_spec(name, path)
    if found is None and path[1:] == sys.path:
        found = importlib.util.find_spec(name)  # other finders know it: an editable installation, a zip file
    if found is None:
        raise ImportError(f"there is no {name}")
    return found


def _require_python(path: Path) -> None:
    data = _read(str(path))
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not Python source: {error}") from error
    _compile(data, path)


def _compile(text: str | bytes, path: Path, flags: int = 0) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are the script's, and come when it runs
            compile(text, str(path), "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise UsageError(f"{where}: not valid Python: {error.msg}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not Python source: {error}") from error


def _diagnose(request: Request, kind: str, options: Options, studio: Studio, quiet: bool) -> Outcome:
    from sgd_doctor.run.echo import Limited
    from sgd_doctor.run.launch import Target
    from sgd_doctor.run.reaping import all_as_interrupts, held
    from sgd_doctor.start import Talk, started

    with all_as_interrupts(), Progress(quiet) as progress:
        show = Limited(progress.script_output)
        with _Sink(request.script_output, show) as sink:
            talk = Talk(progress.say, sink, progress.note, studio.prepare)
            with closing(started(Target(kind, request.target, request.arguments), options, talk)) as harness:
                studio.begin()
                with (
                    held() as harness.on_follow
                ):  # an interrupt is answered by a report, which has to be imported first
                    _quiet_numpy()
                    from sgd_doctor.session import diagnose_started

                    outcome = diagnose_started(harness, options, talk, request.command)
    if request.save_recording:
        outcome.recording.save(Path(request.save_recording))
    return outcome


def _diagnose_recording(request: Request, options: Options) -> Outcome:
    _quiet_numpy()
    from sgd_doctor.session import diagnose_recording

    return diagnose_recording(Path(request.target), options)


def _quiet_numpy() -> None:
    """Losses that are not finite are what is looked at here; numpy need not tell the user about them."""
    import numpy as np

    np.seterr(all="ignore")
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="numpy")


class _Sink:
    """Where the script's output goes: to a file, or dimmed to the terminal."""

    def __init__(self, path: str | None, show: Callable[[bytes], None]) -> None:
        self.path, self.show = path, show
        self.file: BinaryIO | None = None

    def __enter__(self) -> _Sink:
        if self.path is not None:
            self.file = open(self.path, "wb", buffering=0)
        return self

    def __call__(self, data: bytes) -> None:
        if self.file is not None:
            self.file.write(data)
        else:
            self.show(data)

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()


def _offer(patched: dict[str, str], request: Request) -> None:
    from sgd_doctor.assemble import shown_path
    from sgd_doctor.fix import read_source, unified_diff, write_fix

    if not patched:
        print("no fix that was run and helped: nothing to change", file=sys.stderr)
    for path, text in patched.items():
        if request.diff:
            sys.stdout.write(unified_diff(shown_path(path) or path, read_source(Path(path)), text))
        else:
            backup = write_fix(Path(path), text)
            kept = f" (the original is {backup.name})" if backup is not None else ""
            print(f"fixed: {shown_path(path)}{kept}", file=sys.stderr)
