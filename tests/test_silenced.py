"""Comments in the user's source that silence a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.silenced import silences
from tests.helpers import FAULTY, QUICK, doctor, report_of, write

FAMILIES = {"lr-too-low": "optimizer", "missing-step": "loop"}
FORWARD = "loss = nn.functional.mse_loss(model(x), y)"


@pytest.mark.parametrize(
    ("code", "silent"),
    [
        ("opt = SGD(p, lr=1e-9)  # sgd-doctor: ignore[lr-too-low]", True),
        ("opt = SGD(p, lr=1e-9)  # warm-up # sgd-doctor: ignore[missing-step, lr-too-low]", True),
        ("opt = SGD(p, lr=1e-9)  #sgd-doctor:ignore", True),
        ("opt = SGD(p, lr=1e-9)  # sgd-doctor: ignore[optimizer]", True),
        ("opt = SGD(  # sgd-doctor: ignore[lr-too-low]", True),
        ("    lr=1e-9)  # sgd-doctor: ignore[lr-too-low]", True),
        ("opt = SGD(p, lr=1e-9)  # sgd-doctor: ignore[missing-step]", False),
        ("opt = SGD(p, lr=1e-9)  # sgd-doctor: ignore[]", False),
        ("opt = SGD(p, lr=1e-9)  # sgd-doctor: ignored", False),
        ("opt = SGD(p, name='# sgd-doctor: ignore[lr-too-low]')", False),
        ("", False),
    ],
)
def test_comment_names_check_family_or_all(code: str, silent: bool) -> None:
    assert silences(code, "lr-too-low", FAMILIES) is silent


@pytest.mark.long
def test_silenced_finding_is_left_out_and_the_report_says_so(tmp_path: Path) -> None:
    write(tmp_path / "train.py", FAULTY)
    found = doctor("diagnose", *QUICK, "--format", "json", "train.py", cwd=tmp_path)
    assert found.returncode == 1, found.stderr
    line = report_of(found)["findings"][0]["location"]["line"]
    lines = (tmp_path / "train.py").read_text().splitlines()
    lines[line - 1] += "  # sgd-doctor: ignore[missing-backward]"
    (tmp_path / "train.py").write_text("\n".join(lines) + "\n")

    silenced = doctor("diagnose", *QUICK, "--format", "json", "train.py", cwd=tmp_path)
    assert silenced.returncode == 0, silenced.stderr
    report = report_of(silenced)
    assert "missing-backward" not in [f["check"] for f in report["findings"]]
    assert [n for n in report["notes"] if "missing-backward was found and left out" in n and f"train.py:{line}" in n]
