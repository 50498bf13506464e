"""missing-distributed-sampler: processes that draw the same samples are named, a proper division is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import BEGIN, HEALTHY, MIDDLE, diagnose_two

NAME = "missing-distributed-sampler"
SHUFFLED = """
torch.manual_seed({seed})
loader = DataLoader(data, batch_size=16, shuffle=True)
model = DistributedDataParallel(net)
"""


@pytest.mark.parametrize(("seed", "said"), [("0", "the same batches"), ("rank", "batches from the same data")])
def test_every_process_draws_from_all_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: str, said: str
) -> None:
    report = diagnose_two(tmp_path, BEGIN + SHUFFLED.format(seed=seed) + MIDDLE, monkeypatch)
    assert [f.check for f in report.problems] == [NAME], report.findings
    found = report.problems[0]
    assert found.location is not None
    assert found.location.code == "loader = DataLoader(data, batch_size=16, shuffle=True)"
    assert said in found.title
    assert "DistributedSampler" in found.fix.text


DIVIDED = {
    "by hand": BEGIN
    + """
loader = DataLoader(Subset(data, range(rank, len(data), 2)), batch_size=16, shuffle=True)
model = DistributedDataParallel(net)
"""
    + MIDDLE,
    "by the sampler": HEALTHY,
    "few distinct samples": BEGIN.replace("X = torch.randn(384, 10)", "X = torch.randint(0, 2, (384, 10)).float()")
    + """
loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
model = DistributedDataParallel(net)
"""
    + MIDDLE,
}


@pytest.mark.parametrize("how", DIVIDED)
def test_divided_data_are_left_in_peace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    report = diagnose_two(tmp_path, DIVIDED[how], monkeypatch)
    assert not report.problems, report.problems
    assert NAME in report.passed
