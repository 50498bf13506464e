"""Scripts that leave the loop to a framework: the real libraries, unmodified scripts, findings at the user's line."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from sgd_doctor.options import Options
from sgd_doctor.run.launch import Target
from tests.helpers import ROOT, python, write
from tests.warm import diagnose

SAMPLES = ROOT / "sample_scripts" / "frameworks"
LIBRARIES = {"pl": "lightning", "hf": "transformers", "accel": "accelerate", "ignite": "ignite", "skorch": "skorch"}
FAULTY = {
    "pl_wine.py": ("lr-too-high", "lr=6.0"),
    "hf_own_model.py": ("lr-too-high", "Trainer(net, args"),
    "accel_wine.py": ("unnormalized-inputs", "out = net(x)"),
    "ignite_sugar.py": ("missing-zero-grad", "loss.backward()"),
    "skorch_votes.py": ("softmax-before-ce", "softmax(self.body(x)"),
}
HEALTHY = ("pl_digits.py", "hf_bert_parity.py", "accel_cnn.py", "ignite_digits.py", "skorch_digits.py")
QUICK = ("ignite_digits.py", "ignite_sugar.py")


def scripts(names: tuple[str, ...]) -> list[object]:
    return [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in names]


@pytest.fixture
def _from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLES)


@pytest.mark.usefixtures("_from_there")
@pytest.mark.parametrize("name", scripts(tuple(FAULTY)))
def test_fault_is_named_at_the_users_line(name: str) -> None:
    pytest.importorskip(LIBRARIES[name.split("_")[0]])
    report = diagnose(Target("script", name, ()), Options()).report
    check, code = FAULTY[name]
    assert report.problems, report.ruled_out
    first = report.problems[0]
    assert first.check == check
    assert first.location is not None
    assert first.location.path == name
    assert code in first.location.code
    assert all(e.location is None or "site-packages" not in e.location.path for e in report.timeline)


@pytest.mark.usefixtures("_from_there")
@pytest.mark.parametrize("name", scripts(HEALTHY))
def test_healthy_script_is_left_in_peace(name: str) -> None:
    pytest.importorskip(LIBRARIES[name.split("_")[0]])
    report = diagnose(Target("script", name, ()), Options()).report
    assert report.verdict == "healthy", report.problems
    assert report.run.steps > 100
    assert {e.event for e in report.timeline} >= {"data", "forward", "loss", "backward", "zero_grad", "step"}


LIGHTNING = """
import warnings; warnings.simplefilter("ignore")
import json, os, sys
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sgd_doctor.integrations.lightning import DoctorCallback

class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
        self.calls = 0

    def training_step(self, batch, index):
        self.calls += 1
        if "crash" in sys.argv and self.calls == 30:
            raise RuntimeError("no more")
        return nn.functional.cross_entropy(self.body(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=300.0)

torch.manual_seed(0)
X = torch.randn(256, 6)
loader = DataLoader(TensorDataset(X, (X[:, 0] > 0).long()), batch_size=32, shuffle=True)
doctor = DoctorCallback(show="show" in sys.argv, budget=10, select="lr-too-high,script-crashed")
trainer = L.Trainer(max_epochs=8, accelerator="cpu", logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False, callbacks=[doctor])
net = Net()
try:
    trainer.fit(net, loader)
except RuntimeError as error:
    print("RAISED", error)
"""
TRANSFORMERS = """
import warnings; warnings.simplefilter("ignore")
import json, os, sys
import torch
from torch import nn
from transformers import Trainer, TrainingArguments
from sgd_doctor.integrations.transformers import DoctorCallback

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
        self.calls = 0

    def forward(self, x, labels):
        self.calls += 1
        if "crash" in sys.argv and self.calls == 30:
            raise RuntimeError("no more")
        return {"loss": nn.functional.cross_entropy(self.body(x), labels)}

torch.manual_seed(0)
X = torch.randn(256, 6)
rows = [{"x": x, "labels": int(x[0] > 0)} for x in X]
doctor = DoctorCallback(show="show" in sys.argv, budget=10, select="lr-too-high,script-crashed")
args = TrainingArguments("out", num_train_epochs=8, per_device_train_batch_size=32, learning_rate=300.0, optim="sgd",
                         lr_scheduler_type="constant", max_grad_norm=0.0, save_strategy="no", report_to=[],
                         use_cpu=True, disable_tqdm=True, logging_strategy="no")
net = Net()
try:
    Trainer(net, args, train_dataset=rows, callbacks=[doctor]).train()
except RuntimeError as error:
    print("RAISED", error)
"""
END = """
first, replay = doctor.report.problems[0], doctor.report.run.replay
place = first.location
print(json.dumps([os.getpid(), net.calls, first.check, place.path, place.code, replay]))
"""
CALLBACKS = {"lightning": (LIGHTNING, "torch.optim.SGD("), "transformers": (TRANSFORMERS, "Trainer(net, args")}


@pytest.mark.long
@pytest.mark.parametrize("library", CALLBACKS)
def test_callback_watches_and_the_training_goes_on(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    script, code = CALLBACKS[library]
    said = python(write(tmp_path / "train.py", script + END), "show", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    *shown, last = said.stdout.strip().splitlines()
    _, calls, check, path, line, replay = json.loads(last)
    assert calls == 64, "the training runs once, to its end"
    assert (check, path, replay) == ("lr-too-high", "train.py", "fork")
    assert code in line
    assert sum("lr-too-high" in text or "is too high" in text for text in shown) >= 1


@pytest.mark.long
@pytest.mark.parametrize("library", list(CALLBACKS))
def test_callback_hears_of_a_crash_and_no_experiment_survives_it(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    script = write(tmp_path / "train.py", CALLBACKS[library][0] + END)
    said = python(script, "crash", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("RAISED") == 1
    assert json.loads(said.stdout.strip().splitlines()[-1])[2] == "script-crashed"


@pytest.mark.long
@pytest.mark.parametrize("library", list(CALLBACKS))
def test_wrong_option_is_told_where_it_is_given(library: str) -> None:
    pytest.importorskip(library)
    module = __import__(f"sgd_doctor.integrations.{library}", fromlist=["DoctorCallback"])
    with pytest.raises(ValueError, match="steps must be at least 1"):
        module.DoctorCallback(steps=0)
    with pytest.raises(ValueError, match=r"DoctorCallback.*'stepz'"):
        module.DoctorCallback(stepz=3)


def test_watched_classes_keep_their_signatures() -> None:
    """Lightning builds a loader anew from what the signature of its constructor names."""
    from torch import nn, optim
    from torch.utils.data import DataLoader

    from sgd_doctor import watch

    watched = (DataLoader.__init__, nn.Module.__init__, optim.Optimizer.__init__, optim.lr_scheduler.StepLR.__init__)
    before = [inspect.signature(function) for function in watched]
    with watch(steps=1, probes=False):
        watched = (
            DataLoader.__init__, nn.Module.__init__, optim.Optimizer.__init__, optim.lr_scheduler.StepLR.__init__
        )  # fmt: skip
        assert [inspect.signature(function) for function in watched] == before


def test_nothing_is_imported_that_was_not_asked_for(tmp_path: Path) -> None:
    said = python(
        "-c",
        "import sgd_doctor.api, sys; print({'lightning', 'transformers', 'IPython'} & set(sys.modules))",
        cwd=tmp_path,
    )
    assert said.stdout == "set()\n"
