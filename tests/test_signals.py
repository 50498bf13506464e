"""Signals survive a round trip, and no check trips over numbers that make no sense."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np
import pytest

from sgd_doctor.check import NotChecked
from sgd_doctor.loader import load_checks
from sgd_doctor.recording import Facts, Features, OptimizerFacts, Recording, Site, TaskFacts, load
from sgd_doctor.signals import (
    Activation,
    Batch,
    Built,
    Clipping,
    Culprit,
    EvalInputs,
    InputDrift,
    Layer,
    Loader,
    Recurrent,
    Signals,
    Targets,
)

STEPS = 60
KNOWN, _ = load_checks()


def recording(value: float) -> Recording:
    """A run whose signals are all ``value``."""
    some, several = (None if math.isnan(value) else value), (value,) * 6
    steps = tuple(range(6))
    batch = Batch(0, 8, some, 0, 0, some, value)
    signals = Signals(
        layers=tuple(Layer(str(n), "Linear", (4, 4), 0, True, value, value, False, False, some) for n in range(4)),
        activations=(Activation("relu", None, 0, 8, steps, several, several),),
        targets=Targets(
            shape=(8,), minimum=some, maximum=some, mean=some, std=some, counts={"0": 3}, batches=(batch,) * 12
        ),
        recurrent=(Recurrent("rnn", "GRU", 0, 0, (8, 4, 2), False),),
        clippings=(Clipping("clip_grad_norm_", 0, value, 9, several, 0),),
        optimizers_built=(Built("SGD", 0, 9, steps, 8),),
        models_built=(Built("Net", 0, 4, steps, 0),),
        drift=InputDrift(tuple(2**n for n in range(12)), (value,) * 12, (value,) * 12),
        loaders=(Loader(0, "SequentialSampler", 8, 9),),
        eval_inputs=(EvalInputs(0, 64, (value,), (value,)),),
        culprit=Culprit("log", 0, None, "its input contains 0 or negative numbers"),
        graph_sizes=((1, 10), (2, 10), (4, 10), (8, 10), (16, 10)),
    )
    facts = Facts(
        steps=STEPS,
        backwards=STEPS,
        sites=(Site("train.py", 3, "main"),),
        optimizers=(OptimizerFacts("SGD", 0, 0, 8, ({"lr": 0.1, "momentum": 0.9},), steps=STEPS),),
        task=TaskFacts("class", "cross_entropy", 0, 3, some),
        features=Features("input", "Linear", 6, 48, (value,), (value,), (value,), (value,)),
        parameters=("0.weight", "3.weight"),
        roots=1,
        signals=signals,
    )
    columns = {name: np.full(STEPS, value) for name in ("loss", "task_loss", "grad_norm", "backwards", "lr")}
    tables = {"grad_norm": np.full((6, 2), value), "sampled_steps": np.arange(6.0)}
    return Recording(facts, columns, tables)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, 0.0])
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_check_survives_signals_that_make_no_sense(name: str, value: float) -> None:
    with contextlib.suppress(NotChecked):
        found = KNOWN[name]().suspect(recording(value))
        assert found is None or found.check == name


def test_signals_survive_a_round_trip(tmp_path: Path) -> None:
    before = recording(1.5)
    before.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").facts.signals == before.facts.signals
