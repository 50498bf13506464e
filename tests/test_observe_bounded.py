"""What a watched run keeps does not grow without end, and what it costs is spent where it was allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from sgd_doctor.observe import identities, limits, optimizers, sites, tables
from sgd_doctor.observe.freeze import freeze
from sgd_doctor.observe.hooks import install
from sgd_doctor.observe.limits import Limits
from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.steps import ALWAYS, EVERY

NEVER = 10**9


@contextmanager
def watched(limit: Limits | None = None) -> Iterator[Observer]:
    observer = Observer(limit or Limits(NEVER, NEVER, float(NEVER)))
    patches = install(observer)
    try:
        yield observer
    finally:
        observer.tracer.switch(False)
        patches.undo()


def train(steps: int, tensors: int = 2, wait: float = 0.0) -> None:
    model = nn.ParameterList(torch.ones(3) for _ in range(tensors))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(model)).square().mean().backward()
        optimizer.step()
        time.sleep(wait)


def test_no_more_steps_are_recorded_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 50)
    with watched() as observer:
        train(200)
    recording = freeze(observer, "step-limit")
    assert recording.steps == 50
    assert all(len(column) == 50 for column in recording.columns.values())
    assert recording.facts.notes == ("only the first 50 steps were watched: more are not kept",)


def test_tables_keep_an_even_sample_of_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 40)
    with watched(Limits(NEVER, NEVER, float(NEVER), overhead=float(NEVER))) as observer:
        train(1000)
    steps = freeze(observer, "finished").tables["sampled_steps"]
    assert 20 <= len(steps) <= 40
    assert steps[0] == 0
    assert steps[-1] > 900
    assert len(set(np.diff(steps))) == 1


def test_tables_of_a_model_with_many_tensors_show_the_first() -> None:
    with watched() as observer:
        train(12, tensors=300)
    recording = freeze(observer, "finished")
    assert len(recording.facts.parameters) == tables.MAX_COLUMNS
    assert recording.tables["grad_norm"].shape == (12, tables.MAX_COLUMNS)
    assert np.isfinite(recording.tables["update_ratio"]).all()


def test_of_very_many_tensors_some_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with watched() as observer:
        train(5, tensors=60)
    all_of_them = freeze(observer, "finished")
    monkeypatch.setattr(optimizers, "FIRST_MEASURED", 5)
    monkeypatch.setattr(optimizers, "MAX_MEASURED", 20)
    with watched() as observer:
        train(5, tensors=60)
        (state,) = observer.steps.optimizers.values()
        assert 10 < len(state.look()) <= 20
    some = freeze(observer, "finished")
    for name in ("update_ratio", "weight_norm", "grad_norm"):
        np.testing.assert_allclose(some.column(name), all_of_them.column(name), rtol=1e-5)


def test_code_that_is_made_anew_all_the_time_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "MAX_CODES", 30)
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    with watched() as observer:
        for number in range(100):
            text = f"optimizer.zero_grad()\nparameter.sum().backward()  # {number}\noptimizer.step()"
            exec(compile(text, "cell", "exec"), {"optimizer": optimizer, "parameter": parameter})
        assert len(observer.sites._codes) <= 30
    assert {(s.path, s.line) for s in observer.sites.sites()} >= {("cell", 1), ("cell", 2), ("cell", 3)}


def test_freed_tensors_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "MAX_IDENTITIES", 10)
    known, kept = identities.Identities(), []
    for number in range(200):
        tensor = torch.ones(1)
        kept = [*kept, tensor][-3:] if number % 2 else [tensor, *kept][:3]
        known.put(tensor, number)
    assert len(known._entries) <= 20
    assert all(known.get(tensor) is not None for tensor in kept)


def test_sampling_uses_what_it_is_allowed_and_no_more() -> None:
    with watched(Limits(NEVER, NEVER, float(NEVER), overhead=0.0)) as observer:
        train(80)
    least = freeze(observer, "finished").tables["sampled_steps"]
    assert list(least) == [*range(ALWAYS), *range(ALWAYS + EVERY - ALWAYS % EVERY, 80, EVERY)]
    with watched(Limits(NEVER, NEVER, float(NEVER), overhead=0.5)) as observer:
        train(80, wait=0.005)  # a slow step leaves room for measuring every one
    assert len(freeze(observer, "finished").tables["sampled_steps"]) == 80


def test_gradients_are_measured_at_every_step() -> None:
    with watched(Limits(NEVER, NEVER, float(NEVER), overhead=0.0)) as observer:
        train(60)
    recording = freeze(observer, "finished")
    assert np.isfinite(recording.column("grad_norm")).all()
    assert np.isfinite(recording.column("loss")).all()
    assert np.isnan(recording.column("update_ratio")).any()
