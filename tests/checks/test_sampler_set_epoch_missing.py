"""sampler-set-epoch-missing: the same order in every epoch is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import HEALTHY, diagnose_two

NAME = "sampler-set-epoch-missing"


def test_the_same_order_in_every_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = HEALTHY.replace("        loader.sampler.set_epoch(epoch)\n", "        pass\n")
    report = diagnose_two(tmp_path, script, monkeypatch)
    assert [f.check for f in report.problems] == [NAME], report.findings
    assert "3 passes" in report.problems[0].title
    assert report.problems[0].location is not None
    assert report.problems[0].location.code == "for x, y in loader:"


@pytest.mark.parametrize("shuffle", ["True", "False"])
def test_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shuffle: str) -> None:
    script = HEALTHY.replace("DistributedSampler(data)", f"DistributedSampler(data, shuffle={shuffle})")
    if shuffle == "False":
        script = script.replace("        loader.sampler.set_epoch(epoch)\n", "        pass\n")
    assert not diagnose_two(tmp_path, script, monkeypatch).problems
