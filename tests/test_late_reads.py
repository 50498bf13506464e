"""Where nobody waits for the device, the recording is the same as where every number is read at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from sgd_doctor.observe.freeze import freeze
from sgd_doctor.observe.hooks import install
from sgd_doctor.observe.late import LateReads
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.nonfinite import may_break
from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.steps import COLUMNS
from sgd_doctor.recording import Recording

NEVER = 10**9
Loop = Callable[[nn.Module, torch.optim.Optimizer], None]


def recorded(loop: Loop, *, late: bool, device: str = "cpu") -> Recording:
    """``loop`` watched; with ``late`` the numbers of a step are held back for as long as it may be."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    observer = Observer(Limits(NEVER, NEVER, float(NEVER), 0.0))
    if late and device == "cpu":
        observer.stepping.read_late()
    patches = install(observer)
    try:
        loop(model, optimizer)
    finally:
        observer.tracer.switch(False)
        patches.undo()
    return freeze(observer, "finished")


def batch(model: nn.Module, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    device = next(model.parameters()).device
    x, y = torch.randn(16, 6, generator=generator), torch.randint(0, 3, (16,), generator=generator)
    return x.to(device), y.to(device)


def ordinary(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number in range(60):
        x, y = batch(model, number)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def accumulating(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number in range(60):
        x, y = batch(model, number)
        nn.functional.cross_entropy(model(x), y).backward()
        if number % 3 == 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)


def never_cleared(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number in range(40):
        x, y = batch(model, number)
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def cleared_behind_the_version(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number in range(40):
        x, y = batch(model, number)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.data.zero_()  # old style; torch counts no write
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def breaking(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number in range(30):
        x, y = batch(model, number)
        if number == 20:
            with torch.no_grad():
                list(model.parameters())[2][0, 0] = float("inf")
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("held_back", [True, False])
@pytest.mark.parametrize("loop", [ordinary, accumulating, never_cleared, cleared_behind_the_version, breaking])
def test_late_numbers_are_the_same_numbers(loop: Loop, held_back: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = recorded(loop, late=False)
    if held_back:
        monkeypatch.setattr(LateReads, "poll", lambda _: None)
    later = recorded(loop, late=True)
    assert later.steps == at_once.steps
    for name in set(COLUMNS) - {"seconds"}:
        np.testing.assert_array_equal(later.column(name), at_once.column(name), err_msg=name)
    for name, table in at_once.tables.items():
        np.testing.assert_array_equal(later.tables[name], table, err_msg=name)


def test_the_first_module_with_a_value_that_is_not_finite_is_named_although_its_output_is_gone() -> None:
    found = recorded(breaking, late=True).facts.nonfinite
    assert found is not None
    assert (found.step, found.where, found.name) == (20, "output", "2")


def test_an_input_that_is_not_finite_is_told_from_the_layer_behind_it() -> None:
    def loop(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for number in range(8):
            x, y = batch(model, number)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x if number < 5 else x * torch.nan), y).backward()
            optimizer.step()

    found = recorded(loop, late=True).facts.nonfinite
    assert found is not None
    assert (found.step, found.where) == (5, "input")


@pytest.mark.parametrize("risky", [True, False])
def test_a_loop_with_an_operation_that_may_break_is_read_at_once(risky: bool) -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    observer = Observer(Limits(NEVER, NEVER, float(NEVER), 0.0))
    patches = install(observer)
    try:
        x, y = batch(model, 0)
        out = model(x)
        loss = -out.softmax(1).log()[range(16), y].mean() if risky else nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        assert may_break(observer) is risky
    finally:
        observer.tracer.switch(False)
        patches.undo()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_no_step_waits_for_the_gpu() -> None:
    def loop(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        ordinary(model, optimizer)
        mode = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            batches = [batch(model, n) for n in (61, 62, 63)]
            for x, y in batches:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode(mode)

    recording = recorded(loop, late=True, device="cuda")
    assert recording.facts.notes == ()
    assert np.isfinite(recording.column("loss")).all()
