"""Helpers of all tests, and the house rule: a test leaves no process, no scratch folder and no hook behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sgd_doctor.run.reaping import adopt_orphans, descendants

GRACE_SECONDS = 5.0
"""Time in which processes that are on their way out may go."""


def pytest_configure() -> None:
    adopt_orphans()  # what a command leaves behind becomes our child, and is seen
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts background jobs so
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup ignores this one


# -- the house rule


@pytest.fixture(autouse=True)
def short_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary folder for each test, with a name short enough for sockets; no scratch stays in it."""
    tmp_path_factory.getbasetemp()  # pytest's own is chosen once, and outlives this one
    folder = Path(tempfile.mkdtemp(prefix="sd-", dir="/tmp" if os.path.isdir("/tmp") else None))
    folder.chmod(0o755)  # some tests work in it as an ordinary user
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    try:
        yield folder
        left = sorted(p.name for p in folder.glob("sgd-doctor-*"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"scratch folders left behind: {left}"


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """Every process that a test started has ended when it ends."""
    before = set(descendants(os.getpid()))
    yield
    left = _strangers(before)
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _strangers(before)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"processes left behind: {list(left.values())}"


def _strangers(known: set[int]) -> dict[int, str]:
    """Living descendants that are not ``known``, with their command lines; those that ended are reaped."""
    found = {}
    for pid in set(descendants(os.getpid())) - known:
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if status[0] == "Z":
            if int(status[1]) == os.getpid():
                _reap(pid)
        elif "resource_tracker" not in command:  # multiprocessing's own, ends with the process that it serves
            found[pid] = command or "?"
    return found


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


@pytest.fixture(autouse=True)
def no_hook_left() -> Iterator[None]:
    """Torch is as it was: no global hook, no replaced function."""
    before = _torch_state()
    yield
    if before is not None:
        assert _torch_state() == before, "torch was left changed"


def _torch_state() -> Sequence[object] | None:
    if "torch" not in sys.modules:
        return None
    import torch
    from torch.nn.modules import module
    from torch.optim import lr_scheduler, optimizer
    from torch.utils.data import DataLoader

    return (
        tuple(module._global_forward_hooks),
        tuple(module._global_forward_pre_hooks),
        tuple(optimizer._global_optimizer_pre_hooks),
        tuple(optimizer._global_optimizer_post_hooks),
        torch.nn.Module.__init__,
        torch.nn.Module.zero_grad,
        torch.optim.Optimizer.__init__,
        torch.optim.Optimizer.zero_grad,
        torch.autograd.backward,
        torch.autograd.grad,
        torch.nn.utils.clip_grad_norm_,
        lr_scheduler.LRScheduler.step,
        DataLoader.__iter__,
        torch.get_num_threads(),
        torch.is_grad_enabled(),
    )
