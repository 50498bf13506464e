"""replicas-out-of-sync: processes that train models of their own are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import HEALTHY, diagnose_two

NAME = "replicas-out-of-sync"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("F.cross_entropy(model(x), y)", "F.cross_entropy(model.module(x), y)", "called directly"),
        ("model = DistributedDataParallel(net)", "model = net", "nothing exchanges"),
    ],
)
def test_different_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str) -> None:
    report = diagnose_two(tmp_path, HEALTHY.replace(old, new), monkeypatch)
    assert report.problems, report.notes
    found = report.problems[0]
    assert found.check == NAME
    assert said in found.title
    assert found.location is not None
    assert "F.cross_entropy" in found.location.code


BY_HAND = """        for p in model.parameters():
            dist.all_reduce(p.grad)
            p.grad /= 2
        optimizer.step()"""


def test_gradients_averaged_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = HEALTHY.replace("model = DistributedDataParallel(net)", "model = net")
    report = diagnose_two(tmp_path, script.replace("        optimizer.step()", BY_HAND), monkeypatch)
    assert not report.problems, report.problems
    assert NAME in report.passed


def test_weights_averaged_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = HEALTHY.replace("model = DistributedDataParallel(net)", "model, made = net, 0")
    average = """        optimizer.step()
        made += 1
        if made % 9 == 0:
            for p in model.parameters():
                dist.all_reduce(p.data)
                p.data /= 2"""
    report = diagnose_two(tmp_path, script.replace("        optimizer.step()", average), monkeypatch)
    assert not report.problems, report.problems
