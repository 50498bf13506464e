"""What a script computes, bit for bit: run in a fork of this process, natively or watched."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
import os
import random
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from sgd_doctor.run.shield import activate, discard

with contextlib.suppress(ImportError):  # once here, instead of in every fork
    import sklearn.datasets
    import sklearn.model_selection
    import sklearn.preprocessing  # noqa: F401
    import torch._dynamo

BACKWARDS = 60
"""So many backward passes are compared; scripts that make fewer are compared to their end."""
SECONDS = 60.0


class Numbers:
    """Everything that a loop computes with, in a form that shows every bit."""

    def __init__(self, output: Path) -> None:
        self.output, self.losses = output, []  # type: ignore[var-annotated]
        self.recorded: Callable[[], list[float]] | None = None
        self.single = True
        """Whether every backward pass began at one number."""
        self.strangers = [*living(torch.optim.Optimizer), *living(torch.nn.Module)]
        """What the process already held: the fork inherits it."""

    def install(self) -> None:
        """Note every loss on its way into backward."""
        original = torch.autograd.backward
        inside = False

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:  # a function mode calls it again
                return original(tensors, *args, **kwargs)
            if not isinstance(tensors, torch.Tensor):
                tensors = tuple(tensors)
            loss = tensors if isinstance(tensors, torch.Tensor) else tensors[0]
            self.single &= isinstance(tensors, torch.Tensor) and loss.numel() == 1
            with torch._C.DisableTorchFunction():
                self.losses.append(float(loss.detach().double().sum()))
            inside = True
            original(tensors, *args, **kwargs)
            inside = False
            if len(self.losses) >= BACKWARDS:
                self.end("enough")
            return None

        torch.autograd.backward = backward

    def end(self, why: str) -> NoReturn:
        """Write down the state, and leave without asking anybody."""
        with torch._C.DisableTorchFunction(), torch.no_grad():
            known = set(map(id, self.strangers))
            optimizers = [o for o in living(torch.optim.Optimizer) if id(o) not in known]
            modules = [m for m in living(torch.nn.Module) if id(m) not in known]
            found = {
                "why": why,
                "single": self.single,
                "losses": [struct.pack("<d", loss).hex() for loss in self.losses],
                "parameters": sorted(digest(value) for one in optimizers for value in held(one)),
                "buffers": sorted(digest(value) for one in modules for value in one._buffers.values()),
                "torch": digest(torch.get_rng_state()),
                "numpy": digest(repr(np.random.get_state())),
                "random": digest(repr(random.getstate())),
                "recorded": self.recorded() if self.recorded is not None else [],
            }
        self.output.write_text(json.dumps(found))
        os._exit(0)


def living(kind: type[Any]) -> list[Any]:
    return [o for o in gc.get_objects() if issubclass(type(o), kind)]


def held(optimizer: Any) -> list[Any]:
    """Parameters, their gradients and the optimizer's own state."""
    if not hasattr(optimizer, "param_groups"):  # its constructor raised
        return []
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state = [v for p in parameters for v in optimizer.state.get(p, {}).values() if isinstance(v, torch.Tensor)]
    return [*parameters, *(p.grad for p in parameters), *state]


def digest(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        if value.device.type == "meta":
            return f"meta {tuple(value.shape)}"
        value = value.detach().to_dense().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(value if isinstance(value, bytes) else repr(value).encode()).hexdigest()[:16]


def run(path: Path, argv: tuple[str, ...], folder: Path, *, watched: bool) -> dict[str, Any]:
    """Run a script in a fork of this process, shielded, and return its numbers."""
    folder.mkdir()
    (folder / "kept").mkdir()
    (folder / "scratch").mkdir()
    output = folder / "kept" / "numbers.json"
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            _in_fork(path, argv, output, watched)
        except BaseException:
            traceback.print_exc(file=(folder / "kept" / "failed").open("w"))
        finally:
            os._exit(1)
    deadline = time.monotonic() + SECONDS
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"{path.name} took more than {SECONDS:g} s")
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # workers of a loader
    assert output.exists(), (folder / "kept" / "failed").read_text()
    found = json.loads(output.read_text())
    discard(folder / "scratch")
    assert isinstance(found, dict)
    return found


def _in_fork(path: Path, argv: tuple[str, ...], output: Path, watched: bool) -> NoReturn:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    os.chdir(path.parent)
    torch.set_num_threads(1)
    activate(output.parent.parent / "scratch", keep=(output.parent,))
    numbers = Numbers(output)
    if watched:
        from sgd_doctor.run.spec import RunSpec
        from sgd_doctor.run.watching import Run, watch

        spec = RunSpec(output=str(output.with_suffix(".npz")), max_steps=10**9, min_steps=10**9)
        observed = Run("script", str(path), argv, spec, -1)
        watch(observed, -1)
        numbers.recorded = lambda: observed.recording("finished").column("loss").tolist()
    numbers.install()
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    from sgd_doctor.run.script import script

    program = script(str(path))
    program.enter(argv)
    try:
        with contextlib.suppress(SystemExit):
            program.run()
    except Exception as error:
        numbers.end(f"{type(error).__name__}: {error}")
    numbers.end("finished")


def compare(path: Path, argv: tuple[str, ...], folder: Path) -> dict[str, Any]:
    plain = run(path, argv, folder / "plain", watched=False)
    watched = run(path, argv, folder / "watched", watched=True)
    recorded = watched.pop("recorded")
    plain.pop("recorded")
    assert watched == plain
    if plain["single"] and recorded and len(recorded) == len(plain["losses"]):  # one backward pass a step
        losses = [struct.unpack("<d", bytes.fromhex(loss))[0] for loss in plain["losses"]]
        if "GradScaler" in path.read_text():  # scaled by powers of two for backward, and recorded in their own size
            recorded, losses = ([math.frexp(loss)[0] for loss in side] for side in (recorded, losses))
        assert [struct.pack("<d", loss) for loss in recorded] == [struct.pack("<d", loss) for loss in losses]
    return plain
