"""Scripts of several processes, started by torchrun as a user would: one report for all of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sgd_doctor.recording import load
from tests.helpers import environment, python, report_of, write
from tests.ranks import BEGIN, HEALTHY, MIDDLE, diagnose_two


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def torchrun(
    folder: Path, *arguments: str, script: str, timeout: float = 120.0, **env: str
) -> subprocess.CompletedProcess[str]:
    """``torchrun -m sgd_doctor diagnose OPTIONS train.py``, with two processes."""
    write(folder / "train.py", script)
    command = ("torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}", "-m", "sgd_doctor")
    env = {"OMP_NUM_THREADS": "1"} | env
    return python("-m", *command, "diagnose", *arguments, "train.py", cwd=folder, timeout=timeout, **env)


def test_one_report_for_all_processes(tmp_path: Path) -> None:
    said = torchrun(tmp_path, "--no-probes", "--format", "json", "--save-recording", "run.npz", script=HEALTHY)
    assert said.returncode == 0, said.stderr
    report = report_of(said)
    assert report["verdict"] == "healthy", report["findings"]
    assert report["run"]["steps"] == 36
    assert report["run"]["probes"] == []
    assert any("2 processes train together" in note for note in report["notes"])
    facts = load(tmp_path / "run.npz").facts
    assert facts.parameters == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert facts.model == "Sequential"
    told = facts.distributed
    assert told is not None
    assert [(r.rank, r.steps, r.ended) for r in told.ranks] == [(0, 36, "finished"), (1, 36, "finished")]
    assert told.wrapper == "DistributedDataParallel"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_processes_are_run_again_for_a_proof(tmp_path: Path) -> None:
    """The change, and in the end the edited script, are tried in both processes at once."""
    script = HEALTHY.replace("lr=0.1", "lr=60.0").replace("range(3)", "range(9)")
    options = ("--format", "json", "--budget", "300", "--select", "lr-too-high", "--exit-zero")
    said = torchrun(tmp_path, *options, script=script, timeout=500.0)
    report = report_of(said)
    first = report["findings"][0]
    assert (first["check"], first["confidence"]) == ("lr-too-high", "confirmed"), said.stderr
    assert first["proof"]["treated"] < 0.3
    assert first["fix"]["verified"]
    assert report["run"]["replay"] == "process"
    assert any("all of them are started again" in note for note in report["notes"])


@pytest.mark.long
def test_loss_is_the_mean_over_processes(tmp_path: Path) -> None:
    """Against an independent account: what each process itself printed."""
    keep = MIDDLE.replace("        optimizer.step()\n", "        optimizer.step()\n        seen.append(loss.item())\n")
    keep = keep.replace(
        "dist.destroy", f"open({str(tmp_path)!r} + f'/{{rank}}.txt', 'w').write(repr(seen))\ndist.destroy"
    )
    said = torchrun(
        tmp_path, "--format", "json", "--allow-writes", script="seen = []\n" + HEALTHY.replace(MIDDLE, keep)
    )
    losses = [eval((tmp_path / f"{rank}.txt").read_text()) for rank in (0, 1)]
    assert losses[0] != losses[1]
    mean = [(a + b) / 2 for a, b in zip(*losses, strict=True)]
    assert report_of(said)["curves"]["loss"] == pytest.approx(mean, rel=1e-4)


@pytest.mark.long
def test_all_processes_end_after_the_same_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's time is up while the script would go on for long."""
    endless = HEALTHY.replace("range(3)", "range(10**6)").replace(
        "        loss.backward()", "        work()\n        loss.backward()"
    )
    endless = "import time\n\ndef work():\n    time.sleep(0.2 if rank else 0.1)\n\n" + endless
    report = diagnose_two(tmp_path, endless, monkeypatch)
    assert report.run.ended == "time-limit"
    assert not report.problems, report.problems


def test_crash_in_another_process_is_found_at_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = HEALTHY.replace(
        "    for x, y in loader:", "    for n, (x, y) in enumerate(loader):\n        y = y + 7 * (rank == 1 and n == 6)"
    )
    report = diagnose_two(tmp_path, script, monkeypatch)
    first = report.problems[0]
    assert first.check == "script-crashed"
    assert "in process 1 of 2" in first.title
    assert first.location is not None
    assert "F.cross_entropy" in first.location.code


SHARDED = """
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
mesh = init_device_mesh("cpu", (2,))
for layer in (net[0], net[2], net):
    fully_shard(layer, mesh=mesh)
model = net
"""


@pytest.mark.long
def test_fsdp2_keeps_the_names_of_the_user(tmp_path: Path) -> None:
    pytest.importorskip("torch.distributed.fsdp", reason="FSDP2 came with torch 2.6")
    said = torchrun(tmp_path, "--format", "json", "--save-recording", "run.npz", script=BEGIN + SHARDED + MIDDLE)
    report = report_of(said)
    assert report["verdict"] == "healthy", report["findings"]
    assert not any("failed" in note for note in report["notes"]), report["notes"]
    facts = load(tmp_path / "run.npz").facts
    assert facts.parameters == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert facts.model == "Sequential"


LIGHTNING = """
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

torch.manual_seed(0)
X = torch.randn(256, 6)
loader = DataLoader(TensorDataset(X, (X[:, 0] > 0).long()), batch_size=16, shuffle=True)
L.Trainer(max_epochs=4, accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False,
          enable_progress_bar=False, enable_model_summary=False).fit(Net(), loader)
"""


@pytest.mark.long
def test_lightning_divides_the_data_as_it_does_unwatched(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    report = report_of(torchrun(tmp_path, "--format", "json", script=LIGHTNING))
    assert report["verdict"] == "healthy", report["findings"]
    assert report["run"]["steps"] == 32, "4 epochs of 256 samples in batches of 16 on each of two processes"


TRANSFORMERS = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
config = BertConfig(vocab_size=32, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
                    max_position_embeddings=16)
tokens = torch.randint(0, 32, (256, 8))
rows = [{"input_ids": t, "labels": int((t < 8).sum() > 1)} for t in tokens]
arguments = TrainingArguments("out", num_train_epochs=3, per_device_train_batch_size=16, learning_rate=1e-3,
                              report_to=[], use_cpu=True, disable_tqdm=True, seed=0)
Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows).train()
"""

ACCELERATE = """
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

accelerator = Accelerator(cpu=True)
torch.manual_seed(0)
X = torch.randn(384, 6)
loader = DataLoader(TensorDataset(X, (X[:, 0] > 0).long()), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
accelerator.end_training()
"""


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("library", "script", "steps"), [("transformers", TRANSFORMERS, 24), ("accelerate", ACCELERATE, 36)]
)
def test_libraries_that_divide_the_data_themselves_are_left_in_peace(
    tmp_path: Path, library: str, script: str, steps: int
) -> None:
    pytest.importorskip(library)
    said = torchrun(tmp_path, "--no-probes", "--format", "json", script=script, timeout=300.0)
    report = report_of(said)
    assert report["verdict"] == "healthy", report["findings"]
    assert report["run"]["steps"] == steps, "each sample once in an epoch, on one of the two processes"
    assert any("2 processes train together" in note for note in report["notes"])


@pytest.mark.long
@pytest.mark.timeout(400)
def test_two_machines_that_meet_by_rendezvous_have_one_report(tmp_path: Path) -> None:
    """Two torchruns of one process each, as on two machines: they meet over loopback."""
    port = free_port()
    torchruns = []
    for node in (0, 1):
        folder = write(tmp_path / f"node{node}" / "train.py", HEALTHY).parent
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
        command += [f"--node-rank={node}", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=held"]
        command += ["--local-addr=127.0.0.1", "-m", "sgd_doctor", "diagnose", "--format", "json", "train.py"]
        torchruns.append(
            subprocess.Popen(
                command, cwd=folder, env=environment(OMP_NUM_THREADS="1"), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            )
        )  # fmt: skip
    said = [process.communicate(timeout=300.0) for process in torchruns]
    assert [process.returncode for process in torchruns] == [0, 0], said
    reports = [json.loads(out) for out, _ in said if out.strip()]
    assert len(reports) == 1, "one report, on the machine of the first process"
    assert reports[0]["verdict"] == "healthy"
    assert reports[0]["run"]["steps"] == 36
    assert any("2 processes train together on several machines" in note for note in reports[0]["notes"])
