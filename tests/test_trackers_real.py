"""Scripts that log to the real W&B and MLflow are diagnosed, and leave their folder as it was."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from pathlib import Path

import pytest

from tests.helpers import doctor, report_of, same_tree, tree, write

pytestmark = pytest.mark.long

LOOP = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(256, 4)
y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
WANDB = (
    "import wandb\nrun = wandb.init(project='held', {how} config={{'lr': 0.1}})\n"
    + LOOP
    + "    run.log({{'loss': loss.item()}})\n"
    "run.watch(model)\ntorch.save(model.state_dict(), 'last.pt')\nrun.save('last.pt')\n"
    "print('logged', run.summary.get('loss') is not None)\nrun.finish()\n"
)
MLFLOW = (
    "import mlflow\n{how}mlflow.set_experiment('held')\n"
    "with mlflow.start_run():\n    mlflow.log_param('lr', 0.1)\n"
    + LOOP.replace("\n", "\n    ")
    + "\n        mlflow.log_metric('loss', loss.item(), step=step)\n"
    "    torch.save(model.state_dict(), 'last.pt')\n    mlflow.log_artifact('last.pt')\n"
    "    print('logged', mlflow.active_run().info.status)\n"
)
CASES = {
    "wandb as it comes": ("wandb", WANDB.format(how="")),
    "wandb offline by the script": ("wandb", WANDB.format(how="mode='offline',")),
    "mlflow as it comes": ("mlflow", MLFLOW.format(how="")),
    "mlflow into a database": ("mlflow", MLFLOW.format(how="mlflow.set_tracking_uri('sqlite:///runs.db')\n")),
}


def working_in(folder: Path) -> list[str]:
    """Processes whose working directory is ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_script_that_logs_is_diagnosed_and_its_folder_stays(tmp_path: Path, case: str) -> None:
    library, text = CASES[case]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    write(tmp_path / "train.py", text)
    for name in ("wandb/run-old/notes.txt", "mlruns/0/meta.yaml", "last.pt"):
        write(tmp_path / name, "from last week")
    before = tree(tmp_path)
    said = doctor("diagnose", "--format", "json", "--budget", "100", "train.py", cwd=tmp_path, timeout=280)
    report = report_of(said)
    assert "logged" in said.stderr, said.stderr[-2000:]
    assert (report["verdict"], report["run"]["ended"]) == ("healthy", "finished"), report["findings"]
    assert said.returncode == 0
    assert same_tree(before, tree(tmp_path)) == []
    assert working_in(tmp_path) == []
