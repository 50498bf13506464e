"""Watching changes no number: losses, weights, buffers and random streams are the same bit for bit."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
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
import pytest

from sgd_doctor.run.shield import activate, discard
from tests.helpers import ROOT, write

torch = pytest.importorskip("torch")
sys.path.insert(0, str(ROOT / "benchmarks"))
from accuracy import SAMPLES, entries  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))

with contextlib.suppress(ImportError):  # once here, instead of in every fork
    import sklearn.datasets
    import sklearn.model_selection
    import sklearn.preprocessing  # noqa: F401
    import torch._dynamo

BACKWARDS = 60
"""So many backward passes are compared; scripts that make fewer are compared to their end."""
SECONDS = 60.0
FIRST = (
    "vision/bf16_cnn.py",
    "vision/deep_ckpt.py",
    "regression/lbfgs_fit.py",
    "sequence/tied_lm.py",
    "misc/gan_1d.py",
    "classification/hooked_update.py",
)
SCRIPTS = [entry for entry in entries() if entry["expect"] != "broken"]


class Numbers:
    """Everything that a loop computes with, in a form that shows every bit."""

    def __init__(self, output: Path) -> None:
        self.output, self.losses = output, []  # type: ignore[var-annotated]
        self.recorded: Callable[[], list[float]] | None = None

    def install(self) -> None:
        """Note every loss on its way into backward."""
        original = torch.autograd.backward
        inside = False

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:  # a function mode calls it again
                return original(tensors, *args, **kwargs)
            loss = tensors if isinstance(tensors, torch.Tensor) else next(iter(tensors))
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
            optimizers = living(torch.optim.Optimizer)
            modules = living(torch.nn.Module)
            found = {
                "why": why,
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
            pytest.fail(f"{path.name} took more than {SECONDS:g} s")
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
    if recorded and len(recorded) == len(plain["losses"]):  # one backward pass a step
        assert [struct.pack("<d", loss).hex() for loss in recorded] == plain["losses"]
    return plain


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, id=e["path"], marks=() if e["path"] in FIRST else pytest.mark.long) for e in SCRIPTS],
)
def test_sample_script_computes_the_same(entry: dict[str, Any], tmp_path: Path) -> None:
    compare(SAMPLES / entry["path"], tuple(entry.get("argv", ())), tmp_path)


UNUSUAL = {
    "everything random": """
        import random
        import numpy as np
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, RandomSampler, TensorDataset, random_split
        data = TensorDataset(torch.randn(64, 3, 8, 8), torch.randint(0, 4, (64,)))
        train, test = random_split(data, [48, 16])
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.RReLU(), nn.Dropout2d(0.3), nn.Flatten(),
                            nn.LazyLinear(16), nn.Dropout(0.5), nn.GELU(), nn.Linear(16, 4))
        net(torch.zeros(2, 3, 8, 8))
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
        for epoch in range(4):
            for x, y in DataLoader(train, 8, sampler=RandomSampler(train, replacement=True), drop_last=True):
                x = x + 0.1 * torch.randn_like(x) + random.random() + np.random.rand()
                loss = nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad(set_to_none=epoch % 2 == 0)
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            net.eval()
            with torch.no_grad():
                print(sum((net(x).argmax(1) == y).sum() for x, y in DataLoader(test, 8)))
            net.train()
    """,
    "own workings": """
        import torch
        from torch import nn
        from torch.func import functional_call
        from torch.utils.checkpoint import checkpoint

        class Straight(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x.sign()

            @staticmethod
            def backward(ctx, gradient):
                (x,) = ctx.saved_tensors
                return gradient * (x.abs() < 1)

        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))
        table = nn.Embedding(10, 4, sparse=True)
        dense, sparse = torch.optim.SGD(net.parameters(), 0.05, 0.9), torch.optim.SparseAdam(table.parameters(), 0.01)
        handles = [net[0].register_forward_hook(lambda m, i, o: o * 1.01), net[3].weight.register_hook(lambda g: g * 2)]
        scheduler = torch.optim.lr_scheduler.OneCycleLR(dense, 0.1, total_steps=40)
        for step in range(40):
            index = torch.randint(0, 10, (16,))
            x = checkpoint(lambda i: Straight.apply(table(i)), index, use_reentrant=False)
            with torch.autocast("cpu", torch.bfloat16):
                out = functional_call(net, dict(net.named_parameters()), (x,))
            loss = (out.float().squeeze() - index / 10).pow(2).mean()
            penalty = torch.autograd.grad(loss, net[0].weight, create_graph=True)[0].pow(2).sum()
            (loss + 0.01 * penalty).backward()
            for optimizer in (dense, sparse):
                optimizer.step()
                optimizer.zero_grad()
            scheduler.step()
            with torch.no_grad():
                net[0].weight.mul_(0.999)
    """,
    "workers": """
        import torch
        from torch.utils.data import DataLoader, Dataset

        class Noise(Dataset):
            def __len__(self):
                return 64

            def __getitem__(self, index):
                return torch.randn(3) + index / 64, torch.tensor([index / 64])

        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for epoch in range(2):
            for x, y in DataLoader(Noise(), 16, shuffle=True, num_workers=2, persistent_workers=False):
                optimizer.zero_grad()
                ((net(x) - y) ** 2).mean().backward()
                optimizer.step()
    """,
    "compiled": """
        import torch
        net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        fast = torch.compile(net, backend="eager")
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for step in range(20):
            x = torch.randn(8, 3)
            loss = (fast(x) - x.sum(1, keepdim=True)).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
    "diverging": """
        import torch
        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(net.parameters(), 100.0)
        for step in range(60):
            x = torch.randn(8, 3)
            loss = (net(x) - x.sum(1, keepdim=True)).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """,
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_loop_computes_the_same(case: str, tmp_path: Path) -> None:
    path = write(tmp_path / "project" / "train.py", UNUSUAL[case])
    plain = compare(path, (), tmp_path)
    assert plain["why"] in ("enough", "finished"), plain["why"]
    assert len(plain["losses"]) > 5
