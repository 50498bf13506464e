"""The comparison with other tools: what the shim hands to a tool, and how answers are counted."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import peer_shim
from peer_adapters import Along, Batch, Said
from peer_names import score
from peer_readers import epochs
from peers import drawn

SCRIPT = """
import os
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(40, 3), torch.randint(0, 2, (40,))
net = nn.Linear(3, 2)
opt = torch.optim.SGD(net.parameters(), lr=0.25)
for step in range(6):
    loss = nn.CrossEntropyLoss()(net(x), y)
    STEP
    if step % 3 == 2:
        with torch.no_grad():
            nn.functional.cross_entropy(net(x[:5]), y[:5])
os.write(1, b"end %d" % step)
"""


class Witness(Along):
    """Says what it was told."""

    def before_forward(self) -> None:
        self.said.append(Said("before"))

    def after_backward(self, loss: float, inputs: object, target: object) -> None:
        grads = [p.grad is not None for p in self.model.parameters()]
        self.said.append(Said(f"gradients {all(grads)} inputs {tuple(inputs.shape)}"))

    def after_step(self, loss: float, lr: float) -> None:
        self.said.append(Said(f"loss {loss:.3f} lr {lr}"))

    def findings(self) -> list[Said]:
        return self.said


def once(model: object, optimizer: object, batch: Batch) -> list[Said]:
    again = batch.loss_fn(model(*batch.inputs), batch.target)
    return [Said(f"{type(optimizer).__name__} {float(again):.3f}")]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(peer_shim, "ALONG", {"witness": Witness})
    monkeypatch.setattr(peer_shim, "ONE_BATCH", {"once": once})

    def go(text: str) -> dict:
        script = tmp_path / "train.py"
        script.write_text(text)
        child = os.fork()
        if child == 0:
            peer_shim.run_script(tmp_path, script, [])
        os.waitpid(child, 0)
        log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        return {"log": log, "out": (tmp_path / "out.txt").read_text()} | {
            name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("witness", "once", "end")
        }

    return go


def test_tools_see_the_unmodified_loop_step_by_step(run):
    found = run(SCRIPT.replace("STEP", "opt.zero_grad(); loss.backward(); opt.step()"))
    texts = [s["text"] for s in found["witness"]["said"]]
    first = found["log"][0]
    assert texts[:3] == ["before", "gradients True inputs (40, 3)", f"loss {first['loss']:.3f} lr 0.25"]
    assert texts.count("before") == 6
    assert len(found["log"]) == 6
    assert [i for i, row in enumerate(found["log"]) if "val_loss" in row] == [2, 5]
    assert all(row["grad_norm"] > 0 for row in found["log"])
    assert found["once"]["said"][0]["text"] == f"SGD {first['loss']:.3f}"
    assert found["out"] == "end 5", "the script is run once for the reader, however many tools there are"


def test_a_loop_without_backward_is_seen_too(run):
    found = run(SCRIPT.replace("STEP", "opt.step()"))
    assert "gradients False inputs (40, 3)" in [s["text"] for s in found["witness"]["said"]]
    assert [row["grad_norm"] for row in found["log"]] == [0.0] * 6


def test_scores_count_first_among_and_false_alarms():
    entries = [
        {"path": "a", "expect": "faulty", "cause": "lr-too-high"},
        {"path": "b", "expect": "faulty", "cause": "missing-zero-grad"},
        {"path": "c", "expect": "healthy"},
    ]
    high, low = {"text": "Learning rate likely too high", "alarm": True}, {"text": "LR too low", "alarm": True}
    results = {
        "a": {"training-doctor": {"said": [low, high], "crash": ""}},
        "b": {"training-doctor": {"said": [high], "crash": ""}},
        "c": {"training-doctor": {"said": [high, low], "crash": ""}},
    }
    got = score("training-doctor", entries, results)
    assert (got.faulty, got.first, got.among, got.alarmed) == (2, 0, 1, 2)
    assert (got.healthy, got.false, got.findings) == (1, 1, 2)


def test_every_cause_is_drawn_before_any_comes_twice():
    entries = [{"path": f"{c}{i}", "expect": "faulty", "cause": c} for c in "abc" for i in range(5)]
    entries += [{"path": f"h{i}", "expect": "healthy"} for i in range(9)]
    picked = drawn(entries, 3, 3)
    assert sorted(e["cause"] for e in picked if e["expect"] == "faulty") == ["a", "b", "c"]
    assert [e["expect"] for e in picked] == ["faulty", "healthy"] * 3


def test_a_log_without_validation_is_cut_into_epochs_of_its_own():
    rows = [{"step": i, "loss": float(i), "grad_norm": 1.0, "lr": 0.1} for i in range(100)]
    parts = epochs(rows)
    assert len(parts) == 20
    assert parts[0]["train_loss"] == parts[0]["val_loss"] == 2.0
    rows[49]["val_loss"], rows[99]["val_loss"] = 7.0, 8.0
    assert [(p["train_loss"], p["val_loss"]) for p in epochs(rows)] == [(24.5, 7.0), (74.5, 8.0)]
