"""The target once more from its first line, in a fork of the process that has imported everything already.

An edited script has to be run as a user would run it.  Nearly all of the seconds that this takes are spent on importing
what is in memory already where the script was watched; only the user's own modules may have changed.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import torch
from torch.overrides import _get_current_function_mode_stack

from sgd_doctor.observe.tensors import transformed
from sgd_doctor.run.beginning import Beginning
from sgd_doctor.run.child import patch_files
from sgd_doctor.run.replay import isolate, loaders_without_workers
from sgd_doctor.run.script import users_modules
from sgd_doctor.run.spec import PROBE_SEED, Command
from sgd_doctor.run.watching import Run, run_target, stop_watching

DEVICES = ("cpu", "cuda")
CANNOT = 75
"""Exit status of a fork in which the target cannot start over."""


def in_a_block() -> bool:
    """Whether the user's code has changed, for as long as a ``with`` block lasts, what torch does."""
    autocast = any(torch.is_autocast_enabled(device) for device in DEVICES)
    functions = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    modes = bool(functions) or torch._C._len_torch_dispatch_stack() > 0
    return autocast or modes or transformed() or torch.is_inference_mode_enabled() or not torch.is_grad_enabled()


def forget_users_modules() -> None:
    """Let the user's own modules be imported anew: they hold what the first run left in them, or are edited."""
    for name in users_modules():
        del sys.modules[name]
    importlib.invalidate_caches()


def start_over(run: Run, command: Command) -> NoReturn:
    """Run the target from its first line, with ``command.patches`` for some of its files.

    Called in a fork of the watched process, below the frames of its first start: these never go on.
    """
    # The fork was made where torch shows its functions to no mode: the tracer of the new run would see nothing.
    with torch._C._EnableTorchFunction():
        stop_watching(run)
        if run.beginning is None or in_a_block():
            os._exit(CANNOT)
        _start(run, run.beginning, command)


def _start(run: Run, beginning: Beginning, command: Command) -> NoReturn:
    torch.set_num_threads(1)
    covered = run.shielded and isolate(run, Path(command.run.output))
    beginning.restore()
    torch.set_default_dtype(torch.float32)
    forget_users_modules()
    loaders_without_workers()
    patches = command.patches or {}
    if covered:
        patch_files(patches)
    first = beginning.spec
    seed = PROBE_SEED if first.seed is None else first.seed
    spec = msgspec.structs.replace(first, run=command.run, patches=patches, seed=seed, control_fd=-1, notes_fd=-1)
    run_target(spec, run.extra_notes, watched_by=run.watched_by)
