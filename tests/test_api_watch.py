"""``with watch()``: the caller's loop goes on as it would, and is diagnosed at the end of the block."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.modules import module
from torch.optim import optimizer as optimizers

from sgd_doctor import watch
from sgd_doctor.api import Watch
from sgd_doctor.errors import UsageError
from sgd_doctor.run import replay
from tests.training import Setup, X, Y, fingerprint


def train(setup: Setup, epochs: int = 3, log: Path | None = None) -> list[float]:
    losses = []
    for _ in range(epochs):
        for x, y in setup.loader:
            setup.optimizer.zero_grad()
            loss = setup.loss_fn(setup.model(x), y)
            loss.backward()
            setup.optimizer.step()
            losses.append(loss.item())
            if log is not None:
                with log.open("a") as file:
                    file.write(f"{os.getpid()}\n")
    return losses


def train_and_raise(session: Watch, setup: Setup, error: BaseException) -> None:
    with session:
        train(setup)
        raise error


def hooks() -> int:
    return (
        len(module._global_forward_hooks)
        + len(module._global_forward_pre_hooks)
        + len(optimizers._global_optimizer_pre_hooks)
        + len(optimizers._global_optimizer_post_hooks)
    )


def test_loop_is_diagnosed_and_runs_as_it_would() -> None:
    plain = Setup()
    expected = train(plain)
    watched = Setup()
    with watch(steps=10, budget=10) as session:
        losses = train(watched)
        assert hooks() == 0, "the watching is over and something is still hooked"
    assert losses == expected
    ours, theirs = fingerprint(watched), fingerprint(plain)
    for key in ("tensors", "gradients", "state", "groups", "modes", "generator", "torch"):
        assert ours[key] == theirs[key]
    assert session.report.healthy, session.report
    assert session.report.run.steps == 10
    assert session.report.target.kind == "watch"


def test_cause_is_proven_in_forks_that_leave_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=2000.0)
    log, after = tmp_path / "log", tmp_path / "after"
    with watch(budget=20, select="lr-too-high") as session:
        for step in range(60):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(X), Y)
            loss.backward()
            optimizer.step()
            print("step", step)
            with log.open("a") as file:
                file.write(f"{os.getpid()}\n")
    with after.open("a") as file:
        file.write("once\n")
    found = session.report.findings[0]
    assert (found.check, found.confidence.value) == ("lr-too-high", "confirmed"), session.report
    assert session.report.run.replay == "fork"
    assert found.location is not None
    assert found.location.code == "optimizer = torch.optim.SGD(model.parameters(), lr=2000.0)"
    assert log.read_text() == f"{os.getpid()}\n" * 60
    assert after.read_text() == "once\n"
    assert capfd.readouterr().out == "".join(f"step {n}\n" for n in range(60))


def test_exception_goes_its_way_and_is_in_the_report(tmp_path: Path) -> None:
    setup, handled = Setup(), tmp_path / "handled"
    error = RuntimeError("the disk is full")
    try:
        with watch(budget=5) as session:
            train(setup, 1)
            raise error
    except RuntimeError as raised:
        with handled.open("a") as file:
            file.write(f"{raised is error}\n")
    assert handled.read_text() == "True\n"
    assert session.report.run.ended == "crashed"
    assert [f.check for f in session.report.findings] == ["script-crashed"]
    assert "the disk is full" in session.report.findings[0].title


def test_exception_after_the_watching_is_in_the_report() -> None:
    setup = Setup()
    session = watch(steps=5, probes=False)
    with pytest.raises(RuntimeError, match="late"):
        train_and_raise(session, setup, RuntimeError("too late"))
    assert session.report.run.steps == 5
    assert "too late" in session.report.findings[0].title


def test_interrupt_goes_its_way_without_experiments() -> None:
    setup = Setup(2000.0)
    session = watch()
    with pytest.raises(KeyboardInterrupt):
        train_and_raise(session, setup, KeyboardInterrupt())
    assert session.report.run.probes == ()
    assert session.report.run.steps == 24
    assert any("interrupted" in note for note in session.report.notes)


def test_block_without_training_is_inconclusive() -> None:
    with watch() as session:
        pass
    assert session.report.verdict == "inconclusive"


def test_without_fork_the_block_is_watched_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "unsafe", lambda *_, **__: "the test forbids it")
    with watch(steps=10) as session:
        train(Setup())
    assert (session.report.run.steps, session.report.run.replay) == (10, "none")
    assert any("the test forbids it" in note for note in session.report.notes)


def test_workers_of_the_caller_stay_the_callers() -> None:
    setup = Setup(2000.0, num_workers=1, persistent_workers=True)
    iterator = iter(setup.loader)
    next(iterator)
    with watch(steps=10, budget=5):
        for x, y in iterator:
            setup.optimizer.zero_grad()
            setup.loss_fn(setup.model(x), y).backward()
            setup.optimizer.step()
        assert len(train(setup, 1)) == 8
    del iterator
    setup.loader._iterator._shutdown_workers()


def test_wrong_use_is_told() -> None:
    session = watch(probes=False)
    with pytest.raises(UsageError, match="has ended"):
        session.report  # noqa: B018  # the access is the test
    with session, pytest.raises(UsageError, match="nested"), watch():
        pass
    with pytest.raises(UsageError, match="used once"), session:
        pass
    with pytest.raises(UsageError, match="steps must be"):
        watch(steps=0)
