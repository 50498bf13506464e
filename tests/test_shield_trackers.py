"""Trackers switched off, scratch folders thrown away, and what the shield costs to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgd_doctor.run.shield import activate, discard, quiet_trackers
from sgd_doctor.run.trackers import SWITCHES

ROOT = Path(__file__).resolve().parent.parent


def test_trackers_are_switched_off(tmp_path: Path) -> None:
    environ = {"WANDB_MODE": "online", "MLFLOW_TRACKING_URI": "https://mlflow.example"}
    done = quiet_trackers(environ, tmp_path)
    assert environ["WANDB_MODE"] == "disabled"
    assert environ["MLFLOW_TRACKING_URI"] == f"file://{tmp_path.resolve()}/mlruns"
    assert {line.partition("=")[0] for line in done} == set(environ) == {s.name for s in SWITCHES}


def test_a_choice_that_is_quiet_already_is_left_alone(tmp_path: Path) -> None:
    environ = {"WANDB_MODE": "offline", "NEPTUNE_MODE": "debug"}
    done = quiet_trackers(environ, tmp_path)
    assert environ["WANDB_MODE"] == "offline"
    assert environ["NEPTUNE_MODE"] == "debug"
    assert not any(line.startswith(("WANDB_MODE", "NEPTUNE_MODE")) for line in done)


def test_nothing_that_a_script_may_need_is_switched_off(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    quiet_trackers(environ, tmp_path)
    assert not {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"} & environ.keys()
    assert all(switch.source for switch in SWITCHES)


def test_discard_removes_what_nobody_may_enter(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "locked" / "deeper").mkdir(parents=True)
    (scratch / "locked" / "deeper" / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (scratch / "link").symlink_to(tmp_path / "elsewhere")
    os.chmod(scratch / "locked" / "deeper", 0)
    os.chmod(scratch / "locked", 0)
    discard(scratch)
    assert not scratch.exists()
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755
    discard(scratch)


def test_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overlay"):
        activate(tmp_path, force="magic")


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        activate(tmp_path, keep=[tmp_path / "absent"])


def test_no_shield_is_said_to_be_none(tmp_path: Path) -> None:
    info = activate(tmp_path, force="none")
    assert info.kind == "none"
    assert info.notes


@pytest.mark.parametrize("how", ["overlay", "redirect"])
def test_only_the_standard_library_is_imported(tmp_path: Path, how: str) -> None:
    code = (
        "import sys; from pathlib import Path; from sgd_doctor.run import shield\n"
        f"try: shield.activate(Path({str(tmp_path)!r}), force={how!r})\n"
        "except OSError: pass\n"
        "extra = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print({name for name in extra if not name.startswith(('_', 'sgd_doctor'))})"
    )
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
