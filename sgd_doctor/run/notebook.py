"""The code of a notebook file, without a Jupyter server."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from sgd_doctor.errors import UsageError

BACKSLASH = "\\"
_ASSIGNED = re.compile(r"^(\s*[\w.,\s\[\]'\"]+?=)\s*(!|%)(?!=)")
_LOOKED_UP = re.compile(r"^\s*(\?{1,2}\S+|[\w.\[\]]+\?{1,2})\s*$")
_PYTHON_CELLS = {"%%time", "%%timeit", "%%capture", "%%sgd_doctor", "%%prun", "%%python", "%%python3", "%%py"}
"""Cell magics whose body is Python that is to run."""
_SILENT = {"%matplotlib", "%config", "%load_ext", "%reload_ext", "%autoreload", "%pylab", "%precision", "%xmode"}
"""Line magics without which the numbers stay the same: not worth a word."""


@dataclass(frozen=True)
class Cell:
    """One code cell: ``name`` stands for a file name, ``source`` is Python with as many lines as ``text``."""

    name: str
    text: str
    source: str
    left_out: tuple[str, ...]
    """Magics and shell commands that are not carried out."""


def cells_of(path: str) -> list[Cell]:
    """The code cells in order.

    Raises:
        UsageError: the file is no notebook of format 4.
    """
    try:
        data = json.loads(Path(path).read_bytes().decode("utf-8"))
        cells = [c for c in data["cells"] if c["cell_type"] == "code"]
        sources = ["".join(c["source"]) for c in cells]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not a notebook: {type(error).__name__}: {error}") from error
    return [_cell(f"{path} cell {number}", text) for number, text in enumerate(sources, 1)]


def _cell(name: str, text: str) -> Cell:
    left_out: list[str] = []
    source = text if _is_python(text) else _without_magics(text, left_out)
    return Cell(name, text, source, tuple(left_out))


def _is_python(text: str) -> bool:
    try:
        compile(text, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _without_magics(text: str, left_out: list[str]) -> str:
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    magic = lines[first].split()[0] if lines[first].strip() else ""
    if magic.startswith("%%"):
        if magic not in _PYTHON_CELLS:
            return _whole_cell(magic, lines, first, left_out)
        lines[first] = f"pass  # {lines[first].strip()}"
    done: list[str] = []
    open_since = 0  # where the statement begins that the next line may go on with
    goes_on = False
    for line in lines:
        if goes_on:
            goes_on = line.endswith("\\")
            done.append(f"# {line.rstrip(BACKSLASH)}")
            continue
        begins = not _unfinished("\n".join(done[open_since:]))
        if begins:
            open_since = len(done)
        done.append(_line(line, left_out) if begins else line)
        goes_on = begins and done[-1] != line and line.endswith("\\")
    return "\n".join(done)


def _whole_cell(magic: str, lines: list[str], first: int, left_out: list[str]) -> str:
    """A cell in another language; a file that is to be written is written, for later cells may import it."""
    words = lines[first].split()
    commented = [f"# {line}" for line in lines]
    if magic in ("%%writefile", "%%file") and len(words) > 1:
        mode = "a" if "-a" in words else "w"
        body = "\n".join(lines[first + 1 :])
        commented[first] = f"with open({words[-1]!r}, {mode!r}, encoding='utf-8') as _file: _file.write({body!r})"
    else:
        left_out.append(magic)
    return "\n".join(commented)


def _line(line: str, left_out: list[str]) -> str:
    """One line at which a statement begins."""
    stripped = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    assigned = _ASSIGNED.match(line)
    if assigned is not None:
        left_out.append(stripped)
        return f"{assigned[1]} []  # {stripped}"
    if _LOOKED_UP.match(line):
        return f"{indent}pass  # {stripped}"
    if stripped.startswith("!"):
        left_out.append(stripped)
        return f"{indent}pass  # {stripped.rstrip(BACKSLASH)}"
    if stripped.startswith("%"):
        return indent + _magic(stripped, left_out)
    return line


def _magic(text: str, left_out: list[str]) -> str:
    name, _, rest = text.partition(" ")
    rest = rest.strip()
    if name == "%time" and rest:
        return rest
    if name == "%cd" and rest:
        return f"__import__('os').chdir(__import__('os').path.expanduser({rest.strip(chr(34) + chr(39))!r}))"
    if name in ("%env", "%set_env") and re.match(r"\w+[= ]", rest):
        key, value = re.split(r"[= ]", rest, maxsplit=1)
        return f"__import__('os').environ[{key!r}] = {value.strip()!r}"
    if name == "%run" and rest.split()[0].endswith(".py"):
        return f"globals().update(__import__('runpy').run_path({rest.split()[0]!r}, run_name='__main__'))"
    if name not in _SILENT:
        left_out.append(text)
    return f"pass  # {text}"


def _unfinished(text: str) -> bool:
    """Whether the next line goes on with the same statement (within brackets or a string, or after a backslash)."""
    if not text.strip():
        return False
    if text.endswith("\\") and not text.lstrip().startswith("#"):
        return True
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text).readline):
            pass
    except tokenize.TokenError as error:
        return "EOF in multi-line" in str(error) or "unterminated triple" in str(error) or "never closed" in str(error)
    except (SyntaxError, ValueError):
        return False
    return False
