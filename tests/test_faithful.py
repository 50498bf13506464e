"""A script under observation prints, raises and exits as it does under python itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sgd_doctor.cli import main
from sgd_doctor.recording import load
from sgd_doctor.run.trackers import SWITCHES
from tests.helpers import environment, python, write

SIBLINGS = {
    "helper.py": """
        VALUE = 42

        def fail():
            raise LookupError("in the sibling")
    """,
    "data/numbers.txt": "1 2 3\n",
    "pkg/__init__.py": "from . import inner\n",
    "pkg/inner.py": "NAME = __name__\n",
}

ARGUMENTS = ["--lr", "0.1", "", "ä b", "-h", "--", "*"]

SCRIPTS: dict[str, str] = {
    "who it is": """
        '''Its docstring.'''
        import os, sys
        import __main__
        print(sys.argv, __name__, __file__, __doc__, __package__, __spec__, type(__loader__).__name__)
        print(sorted(globals()), __main__.__file__ == __file__, vars(__main__) is globals())
        print(sys.path, os.getcwd())
        print(sys.modules["__main__"] is __main__, [m for m in ("torch", "numpy", "pandas") if m in sys.modules])
    """,
    "interpreter": """
        import gc, os, sys, signal, threading, warnings
        print(sys.flags, __debug__, sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold())
        print(sys.stdout.encoding, sys.stdout.errors, sys.stderr.encoding, sys.getfilesystemencoding())
        print(sys.stdout.isatty(), sys.stdin.isatty(), sys.stdout.line_buffering, sys.stderr.line_buffering)
        print(sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getprofile(), sys.dont_write_bytecode)
        print(threading.current_thread() is threading.main_thread(), threading.active_count())
        print([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGUSR1)])
        print(os.umask(0o022), os.getuid(), os.getgid(), os.nice(0), len(warnings.filters), sys.executable)
    """,
    "siblings": """
        import helper, pkg
        from pkg.inner import NAME
        print(helper.VALUE, NAME, helper.__file__, open("data/numbers.txt").read())
    """,
    "pickling": """
        import copy, pickle, sys

        class Point:
            def __init__(self, x):
                self.x = x

        def double(x):
            return 2 * x

        again = pickle.loads(pickle.dumps([Point(3), double]))
        print(Point.__module__, again[0].x, type(again[0]) is Point, again[1] is double, copy.deepcopy(Point(1)).x)
        print(sys.modules["__main__"].Point is Point)
    """,
    "introspection": """
        import inspect, typing
        from dataclasses import dataclass

        @dataclass
        class Config:
            lr: "float" = 0.1
            names: "list[Config] | None" = None

        def f(x: "Config") -> int:
            return 1

        print(inspect.getsource(f), typing.get_type_hints(f), typing.get_type_hints(Config), Config())
        print(inspect.getsourcefile(Config) == __file__, inspect.currentframe().f_lineno, inspect.stack()[-1].function)
    """,
    "main guard": """
        def main():
            print("in main")

        if __name__ == "__main__":
            main()
        else:
            print("not main")
    """,
    "multiprocessing": """
        import multiprocessing as mp

        class Box:
            def __init__(self, x):
                self.x = x

        def work(x):
            return Box(x * x)

        if __name__ == "__main__":
            for kind in ("fork", "spawn", "forkserver"):
                with mp.get_context(kind).Pool(2) as pool:
                    found = pool.map(work, range(4))
                print(kind, [b.x for b in found], [isinstance(b, Box) for b in found])
            process = mp.get_context("spawn").Process(target=print, args=("from a process",))
            process.start()
            process.join()
            print(process.exitcode)
    """,
    "a fork of its own": """
        import os, sys
        pid = os.fork()
        if not pid:
            print("child", flush=True)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
    "a program of its own": """
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "print('inner'); raise SystemExit(3)"]).returncode)
        subprocess.run("echo shell; echo err >&2", shell=True)
    """,
    "exit handlers": """
        import atexit, threading, time
        atexit.register(print, "first registered")
        atexit.register(print, "second registered")
        threading.Thread(target=lambda: (time.sleep(0.3), print("late thread"))).start()

        class Last:
            def __del__(self):
                print("deleted")

        last = Last()
        print("end of script")
    """,
    "warnings": """
        import sys, warnings
        warnings.warn("careful")
        warnings.warn("old", DeprecationWarning)
        for _ in range(3):
            warnings.warn("once a place")
        sys.stderr.write("to stderr\\n")
    """,
    "warnings of torch": """
        import torch
        from torch import nn

        class Column(nn.Module):
            def forward(self, out, y):
                return nn.functional.smooth_l1_loss(out, y)

        model, loss_fn = nn.Linear(3, 1), nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range(6):
            x, y = torch.ones(4, 3), torch.ones(4)
            loss = loss_fn(model(x), y) + nn.functional.l1_loss(model(x), y) + Column()(model(x), y)
            loss = loss + nn.functional.softmax(model(x)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                nn.functional.mse_loss(model(x), y)
    """,
    "logging": """
        import logging
        logging.warning("root")
        logging.basicConfig(level=logging.INFO, format="%(name)s %(filename)s:%(lineno)d %(funcName)s %(message)s")
        logging.getLogger(__name__).info("own")
        logging.getLogger("x.y").debug("unseen")
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("caught")
    """,
    "threads": """
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name="worker")
        thread.start()
        thread.join()
        print("on")
    """,
    "asyncio": """
        import asyncio

        async def main():
            await asyncio.sleep(0.01)
            process = await asyncio.create_subprocess_exec("true")
            return await process.wait()

        print(asyncio.run(main()))
    """,
    "beyond ASCII": """
        import sys
        print("Größe ∂L/∂w 漢字 🎉")
        print("Größe", file=sys.stderr)
        sys.stdout.flush()
        sys.stdout.buffer.write(bytes(range(256)))
    """,
    "order of the streams": """
        import os, sys
        print("1 buffered")
        print("2 unbuffered", file=sys.stderr)
        os.write(1, b"3 raw\\n")
        sys.stdout.flush()
        print("4 buffered")
        print("no newline at the end", end="")
    """,
    "no input": """
        import sys
        print(repr(sys.stdin.read()))
        input("more? ")
    """,
    "exception": """
        import helper

        def outer():
            helper.fail()

        try:
            outer()
        except LookupError as error:
            raise RuntimeError("two\\nlines, ä") from error
    """,
    "exception group": """
        raise ExceptionGroup("several", [ValueError(1), TypeError("x")]) if __debug__ else SystemExit
    """,
    "syntax error later": """
        print("begins")
        import broken
    """,
    "exception hook that fails": """
        import sys
        sys.excepthook = lambda *_: {}["missing"]
        print("before")
        1 / 0
    """,
    "exception without a text": """
        class Broken(Exception):
            def __str__(self):
                raise ValueError("no text")

        print("before")
        raise Broken
    """,
    "values that cannot be looked at": """
        import numpy as np  # a module with a shape and a dtype

        class Strange:
            shape = property(lambda self: 1 / 0)

        strange = Strange()
        print("before")
        raise ValueError("after")
    """,
    "own exception hook": """
        import sys
        sys.excepthook = lambda kind, value, trace: print("hook", kind.__name__, value, trace.tb_lineno)
        1 / 0
    """,
    "interrupted by itself": """
        import os, signal
        print("now", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**8):
            pass
    """,
    "exit 0": "print('x'); raise SystemExit(0)",
    "exit None": "import sys; print('x'); sys.exit()",
    "exit 3": "import sys; print('x'); sys.exit(3)",
    "exit with words": "import sys; print('x'); sys.exit('that was wrong: ä')",
    "exit with something": "import sys; sys.exit(['a', 1])",
    "exit with a large number": "import sys; sys.exit(300)",
    "exit with a negative number": "import sys; sys.exit(-1)",
    "exit in a finally": """
        import sys
        try:
            sys.exit(4)
        finally:
            print("finally")
    """,
    "exit at once": "import os; print('lost or not', flush=True); os._exit(5)",
}
BROKEN = "def broken(:\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in SIBLINGS.items():
        write(tmp_path / name, text)
    (tmp_path / "broken.py").write_text(BROKEN)
    for name, value in environment(PYTHONDONTWRITEBYTECODE="1").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def natively(name: str, *arguments: str) -> tuple[str, int]:
    """What a script prints, both streams together, and its exit code."""
    result = subprocess.run(
        [sys.executable, name, *arguments],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return result.stdout.decode(errors="surrogateescape"), result.returncode


def observed(name: str, *arguments: str) -> tuple[str, int | None]:
    """The same under observation."""
    options = ["--no-probes", "--no-report", "--exit-zero", "--script-output", "said", "--save-recording", "run.npz"]
    assert main(["diagnose", *options, name, *arguments]) == 0
    said = Path("said").read_bytes().decode(errors="surrogateescape")
    return said, load(Path("run.npz")).facts.exit_code


@pytest.mark.parametrize("case", SCRIPTS)
def test_script_does_as_under_python(case: str, place: Path) -> None:
    if case == "exception group" and sys.version_info < (3, 11):
        pytest.skip("Python 3.11 has exception groups")
    write(place / "train.py", SCRIPTS[case])
    expected, status = natively("train.py", *ARGUMENTS)
    said, code = observed("train.py", *ARGUMENTS)
    assert said == expected
    assert code is not None
    assert code % 256 == (130 if status == -signal.SIGINT else status % 256)


LOADERS = """
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Sample:
        def __init__(self, x, y):
            self.x, self.y = x, y

    class Squares(Dataset):
        def __len__(self):
            return 32

        def __getitem__(self, i):
            return Sample(torch.tensor([float(i), torch.rand(1).item()]), torch.tensor([i * 0.1]))

    def collate(samples):
        return Sample(torch.stack([s.x for s in samples]), torch.stack([s.y for s in samples]))

    def main():
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
        for kind in KINDS:
            loader = DataLoader(
                Squares(), 8, shuffle=True, num_workers=2, collate_fn=collate, multiprocessing_context=kind
            )
            for batch in loader:
                assert isinstance(batch, Sample)
                loss = (model(batch.x) - batch.y).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                print(kind, loss.item())
        print(torch.rand(1).item())

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("kinds", [("fork",), pytest.param(("spawn",), marks=pytest.mark.long)])
def test_loader_workers_return_objects_of_the_scripts_classes(kinds: tuple[str, ...], place: Path) -> None:
    write(place / "train.py", LOADERS.replace("KINDS", repr(kinds)))
    expected, status = natively("train.py")
    assert status == 0, expected
    assert observed("train.py") == (expected, 0)


def test_input_reaches_the_script(place: Path) -> None:
    write(place / "train.py", "print(input(), input())\n")
    options = ["--no-probes", "--no-report", "--script-output", "said"]
    result = python("-m", "sgd_doctor", "diagnose", *options, "train.py", cwd=place, stdin="a\nb\n")
    assert result.returncode == 0, result.stderr
    assert (place / "said").read_text() == "a b\n"


def test_environment_differs_only_where_it_is_documented(place: Path) -> None:
    write(
        place / "train.py",
        """
        import json, os
        print(json.dumps(dict(os.environ)))
        """,
    )
    native = json.loads(natively("train.py")[0])
    said = json.loads(observed("train.py")[0])
    changed = {key for key in {*native, *said} if native.get(key) != said.get(key)}
    assert changed <= {switch.name for switch in SWITCHES}
    assert "WANDB_MODE" in changed


FAILING = {
    "in backward": """
        import torch
        model = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(5):
            loss = model(torch.randn(4, 3)).mean()
            optimizer.zero_grad()
            loss.backward()
            if step == 3:
                loss.backward()
            optimizer.step()
    """,
    "while a module is built": """
        import torch

        class Net(torch.nn.Module):
            def __init__(self, width):
                self.width = width
                super().__init__(width, 3)

        Net(5)
    """,
    "in forward": """
        import torch
        model = torch.nn.Sequential(torch.nn.Linear(3, 1))
        for step in range(5):
            loss = model(torch.randn(4, 3 + step // 3)).mean()
    """,
    "in a loader's worker": """
        import torch
        from torch.utils.data import DataLoader
        for batch in DataLoader([1, 2, "x"], batch_size=3, num_workers=1):
            print(batch)
    """,
}


@pytest.mark.parametrize("case", FAILING)
def test_traceback_out_of_torch_holds_no_frame_of_ours(case: str, place: Path) -> None:
    write(place / "train.py", FAILING[case])
    expected, status = natively("train.py")
    said, code = observed("train.py")
    # Torch itself goes another way where there are global hooks, so its own frames may be others.
    assert without_torch(said) == without_torch(expected)
    assert code == status
    assert "Error" in expected
    assert "sgd_doctor" not in said


def without_torch(text: str) -> str:
    """A traceback without torch's own frames."""
    return re.sub(r'( *File "[^"]*/torch/[^"]*", line .*\n)( {4,}.*\n)*', "", text)


def test_module_run_by_name(place: Path) -> None:
    write(
        place / "pkg" / "__main__.py",
        """
        import sys
        from . import inner
        print(__name__, __package__, __spec__.name, __file__, sys.argv, sys.path, inner.NAME)
        import helper
        helper.fail()
        """,
    )
    expected, status = natively("-m", "pkg", "-x", "1")
    expected = re.sub(r'  File "<frozen runpy>", .*\n', "", expected)
    said, code = observed("-m", "pkg", "-x", "1")
    assert (said, code) == (expected, status)
