"""A few of the damaged files of ``benchmarks/robustness.py``."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("torch")
from tests.mutants import KINDS, tried


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_damaged_file_is_refused_in_one_line_or_read(kind: str) -> None:
    wrong = [text for number in range(25) for text in tried(kind, random.Random(f"{kind}{number}"))]
    assert wrong == []
