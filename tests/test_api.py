"""``diagnose()`` from Python: what it finds, and that nothing of the caller's changes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import sgd_doctor
from sgd_doctor import Report, diagnose
from sgd_doctor.run import replay
from tests.helpers import HEALTHY, environment
from tests.training import Setup, X, Y, fingerprint, next_batches, random_states

QUICK: dict[str, Any] = {"steps": 12, "probes": False}
PROOF: dict[str, Any] = {"steps": 40, "budget": 20, "select": "lr-too-high"}


@pytest.fixture
def no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be forked."""
    monkeypatch.setattr(replay, "unsafe", lambda *_, **__: "the test forbids it")


def assert_unchanged_by(setup: Setup, action: Callable[[], object]) -> None:
    """``action`` leaves the setup and all random numbers as they were, to the last bit."""
    random.seed(5)
    np.random.seed(5)
    before, state = fingerprint(setup), setup.loader.generator.get_state()
    expected = next_batches(setup)
    setup.loader.generator.set_state(state)
    # Iterating draws a seed from the global numbers as well.
    torch.set_rng_state(torch.frombuffer(bytearray(before["torch"]), dtype=torch.uint8))
    action()
    assert fingerprint(setup) == before
    assert next_batches(setup) == expected


# -- parts


def test_parts_are_diagnosed_and_left_as_they_were() -> None:
    setup = Setup(2000.0)
    reports: list[Report] = []
    assert_unchanged_by(setup, lambda: reports.append(diagnose(*setup.parts, **PROOF)))
    found = reports[0].findings[0]
    assert (found.check, found.confidence.value) == ("lr-too-high", "confirmed"), reports[0]
    assert found.proof is not None
    assert reports[0].run.replay == "fork"
    assert reports[0].run.steps == 40
    assert not reports[0].healthy


@pytest.mark.usefixtures("no_fork")
def test_parts_are_put_back_where_no_fork_is_possible() -> None:
    setup = Setup(2000.0)
    reports: list[Report] = []
    assert_unchanged_by(setup, lambda: reports.append(diagnose(*setup.parts, seed=4, **PROOF)))
    found = reports[0].findings[0]
    assert (found.check, found.confidence.value) == ("lr-too-high", "confirmed"), reports[0]
    assert reports[0].run.replay == "snapshot"
    assert any("the test forbids it" in note for note in reports[0].notes)


@pytest.mark.usefixtures("no_fork")
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.LBFGS, torch.optim.Adadelta])
def test_any_optimizer_is_put_back(kind: type[torch.optim.Optimizer]) -> None:
    setup = Setup(0.01, kind)
    assert_unchanged_by(setup, lambda: diagnose(*setup.parts, **QUICK))


def test_both_ways_see_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    forked = diagnose(*setup.parts, **QUICK)
    monkeypatch.setattr(replay, "unsafe", lambda *_, **__: "the test forbids it")
    here = diagnose(*setup.parts, **QUICK)
    assert forked.curves.loss == here.curves.loss
    assert len(here.curves.loss) == 12


def test_right_parts_are_healthy_and_held_out_batches_are_used() -> None:
    setup = Setup()
    held_out = DataLoader(TensorDataset(X[:64], Y[:64]), batch_size=32)
    modes: list[bool] = []
    setup.model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    report = diagnose(*setup.parts, val_loader=held_out, steps=30, budget=10)
    assert report.healthy, report
    assert not modes, "the model was called in this process"
    assert report.target.kind == "parts"


class Output:
    def __init__(self, loss: Tensor) -> None:
        self.loss = loss


class Named(nn.Module):
    """Computes its own loss from named inputs, as transformers do."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.layer, self.form = nn.Linear(6, 2), form

    def forward(self, features: Tensor, labels: Tensor) -> Any:
        loss = nn.functional.cross_entropy(self.layer(features), labels)
        return {"loss": loss} if self.form == "mapping" else Output(loss)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.layer(torch.cat([a, b], 1))


@pytest.mark.parametrize(
    ("model", "batches", "loss_fn"),
    [
        (Named("mapping"), [{"features": X[:32], "labels": Y[:32]}], None),
        (Named("attribute"), [{"features": X[:32], "labels": Y[:32]}], None),
        (Two(), [(X[:32, :3], X[:32, 3:], Y[:32])], nn.functional.cross_entropy),
        (nn.Linear(6, 6), [X[:32]], nn.functional.mse_loss),
        (nn.Linear(6, 6), [[X[:32]]], nn.MSELoss()),
    ],
)
def test_batches_come_in_many_forms(model: nn.Module, batches: list[Any], loss_fn: Any) -> None:
    report = diagnose(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), loss_fn, **QUICK)
    assert report.run.steps == 12
    assert report.curves.loss[-1] < report.curves.loss[0]


def test_a_loader_that_can_be_read_once_is_not_consumed() -> None:
    model = nn.Linear(6, 2)
    batches = ((X[i : i + 32], Y[i : i + 32]) for i in range(0, 256, 32))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    report = diagnose(model, batches, optimizer, nn.CrossEntropyLoss(), **QUICK)
    assert (report.run.steps, report.run.ended) == (8, "finished")
    assert len(list(batches)) == 8


def test_workers_that_run_already_stay_with_their_loader() -> None:
    setup = Setup(num_workers=1, persistent_workers=True)
    iterator = iter(setup.loader)
    first = next(iterator)
    report = diagnose(*setup.parts, **QUICK)
    assert report.run.steps == 12
    rest = [first, *iterator]
    assert sum(len(x) for x, _ in rest) == len(X)
    assert len(list(setup.loader)) == 8
    del iterator
    setup.loader._iterator._shutdown_workers()


# -- functions


def faulty(lr: float = 2000.0) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(6):
        for i in range(0, len(X), 32):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(X[i : i + 32]), Y[i : i + 32])
            loss.backward()
            optimizer.step()
        print("epoch", epoch)
        Path("checkpoint.txt").write_text(f"{epoch}")


def test_function_is_diagnosed_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator()
    before = random_states(generator)
    report = diagnose(faulty, **PROOF)
    assert random_states(generator) == before
    found = report.findings[0]
    assert (found.check, found.confidence.value) == ("lr-too-high", "confirmed"), report
    assert found.location is not None
    assert found.location.code.startswith("optimizer = torch.optim.SGD")
    assert report.target.path == "faulty()"
    assert capfd.readouterr() == ("", "")
    assert not os.listdir(tmp_path)


def test_progress_tells_what_is_done_and_shows_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    diagnose(faulty, steps=20, probes=False, progress=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert "running faulty()" in said.err
    assert "epoch 1" in said.err


def test_function_that_raises_is_reported() -> None:
    def train() -> None:
        raise RuntimeError("no such data")

    report = diagnose(train, **QUICK)
    assert [f.check for f in report.findings] == ["script-crashed"]
    assert "no such data" in report.findings[0].title


def test_function_that_exits_or_never_steps_ends_in_a_report() -> None:
    assert diagnose(lambda: sys.exit(3), **QUICK).verdict == "unhealthy"
    assert diagnose(lambda: None, **QUICK).verdict == "inconclusive"
    assert diagnose(lambda: os._exit(9), **QUICK).verdict == "inconclusive"
    assert diagnose(lambda: os.kill(os.getpid(), signal.SIGKILL), **QUICK).run.ended == "killed"


@pytest.mark.usefixtures("no_fork")
def test_function_runs_once_here_where_no_fork_is_possible() -> None:
    pids: list[int] = []
    generator = torch.Generator()
    before = random_states(generator)

    def train() -> None:
        pids.append(os.getpid())
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        while True:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y).backward()
            optimizer.step()

    report = diagnose(train, steps=12)
    assert pids == [os.getpid()]
    assert (report.run.steps, report.run.ended, report.run.probes) == (12, "step-limit", ())
    assert any("the test forbids it" in note for note in report.notes)
    assert random_states(generator) == before


def test_seed_makes_two_diagnoses_equal() -> None:
    def train() -> None:
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(12):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y).backward()
            optimizer.step()

    first = diagnose(train, seed=3, **QUICK)
    torch.rand(5)
    assert diagnose(train, seed=3, **QUICK).curves.loss == first.curves.loss
    assert diagnose(train, seed=4, **QUICK).curves.loss != first.curves.loss


def test_interrupt_gives_the_report_so_far() -> None:
    def train() -> None:
        model = nn.Linear(6, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        while True:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), Y).backward()
            optimizer.step()
            time.sleep(0.05)

    timer = threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    report = diagnose(train, steps=5000)
    timer.join()
    assert 0 < report.run.steps < 1000
    assert any("interrupted" in note for note in report.notes)


# -- files


def test_path_is_diagnosed_as_on_the_command_line(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import sys\nassert sys.argv[1:] == ['--lr', '1']\n" + "\n".join(
        line[4:] for line in HEALTHY.splitlines()
    ))  # fmt: skip
    for path in (script, str(script)):
        report = diagnose(path, argv=["--lr", "1"], **QUICK)
        assert (report.target.kind, report.run.steps, report.target.argv) == ("script", 12, ("--lr", "1"))
    assert os.listdir(tmp_path) == ["train.py"]


# -- the package


def test_names_are_imported_when_asked_for() -> None:
    code = (
        "import sys, time; begun = time.perf_counter(); import sgd_doctor; seconds = time.perf_counter() - begun;"
        "print('torch' in sys.modules or 'numpy' in sys.modules, seconds)"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    assert {s.stdout.split()[0] for s in said} == {"False"}
    assert min(float(s.stdout.split()[1]) for s in said) < 0.05
    assert set(dir(sgd_doctor)) == {"Check", "Finding", "Report", "__version__", "diagnose", "watch"}
    assert all(getattr(sgd_doctor, name) for name in dir(sgd_doctor))
    with pytest.raises(AttributeError, match="diagnoze"):
        sgd_doctor.diagnoze  # noqa: B018  # the access is the test


def test_report_says_in_one_line_what_an_assertion_shows() -> None:
    report = diagnose(*Setup().parts, **QUICK)
    assert repr(report).startswith("<Report healthy: 12 optimizer steps")
    assert "\n" not in repr(report)
