"""unequal-batches: processes that wait for one another are named, and so is the crash that comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import BEGIN, MIDDLE, diagnose_two

NAME = "unequal-batches"
UNEQUAL = """
mine = range(224) if rank == 0 else range(224, 384)
loader = DataLoader(Subset(data, mine), batch_size=16, shuffle=True)
model = DistributedDataParallel(net)
"""


def test_one_process_has_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = diagnose_two(tmp_path, BEGIN + UNEQUAL + MIDDLE, monkeypatch)
    assert [f.check for f in report.problems] == [NAME], report.findings
    found = report.problems[0]
    assert found.location is not None
    assert found.location.code.startswith("loader = DataLoader(Subset")
    assert "10 to 14 batches" in found.title
    assert found.explains == ("script-crashed",)


def test_join_evens_them_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joined = MIDDLE.replace("    for x, y in loader:\n", "    with model.join():\n     for x, y in loader:\n")
    assert joined != MIDDLE
    assert not diagnose_two(tmp_path, BEGIN + UNEQUAL + joined, monkeypatch).problems
