"""Wrong use of ``diagnose()``: one clear line, before anything runs where that can be known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from sgd_doctor import diagnose
from sgd_doctor.errors import UsageError
from sgd_doctor.run import replay
from tests.training import Setup, X, Y


@pytest.fixture
def no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be forked."""
    monkeypatch.setattr(replay, "unsafe", lambda *_, **__: "the test forbids it")


def wrong_uses() -> list[tuple[str, Callable[[], object]]]:
    s = Setup()
    model, loader, optimizer, loss_fn = s.parts
    return [
        ("model must be", lambda: diagnose(3, loader, optimizer, loss_fn)),
        ("optimizer must be", lambda: diagnose(model, loader, 0.1, loss_fn)),
        ("optimizer must be", lambda: diagnose(model)),
        ("loss_fn must be callable", lambda: diagnose(model, loader, optimizer, "mse")),
        ("loader must give batches", lambda: diagnose(model, 5, optimizer, loss_fn)),
        ("loader is a data set", lambda: diagnose(model, loader.dataset, optimizer, loss_fn)),
        ("loader has no batches", lambda: diagnose(model, [], optimizer, loss_fn)),
        ("loader has no batches", lambda: diagnose(model, (b for b in ()), optimizer, loss_fn)),
        ("val_loader has no batches", lambda: diagnose(model, loader, optimizer, loss_fn, val_loader=[])),
        ("holds no loss", lambda: diagnose(model, loader, optimizer)),
        ("one element", lambda: diagnose(model, loader, optimizer, nn.CrossEntropyLoss(reduction="none"))),
        ("steps must be at least 1", lambda: diagnose(*s.parts, steps=0)),
        ("budget must be more than 0", lambda: diagnose(*s.parts, budget=-1)),
        ("no check or family", lambda: diagnose(*s.parts, select="lr-to-high")),
        ("argv is for scripts", lambda: diagnose(*s.parts, argv=["x"])),
        ("without arguments", lambda: diagnose(lambda x: x)),
        ("goes with a model", lambda: diagnose(lambda: None, loader)),
        ("no such file", lambda: diagnose("nowhere.py")),
    ]


@pytest.mark.parametrize("number", range(18))
def test_wrong_use_is_one_clear_line(number: int) -> None:
    text, use = wrong_uses()[number]
    with pytest.raises(UsageError) as raised:
        use()
    assert isinstance(raised.value, ValueError)
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("no_fork")
def test_wrong_use_is_the_same_where_no_fork_is_possible() -> None:
    model, loader, optimizer, _ = Setup().parts
    with pytest.raises(UsageError, match="one element"):
        diagnose(model, loader, optimizer, nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(UsageError, match="read only once"):
        diagnose(model, iter([(X, Y)]), optimizer, nn.CrossEntropyLoss())
