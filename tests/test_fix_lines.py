"""Lines are found again in a text that another edit changed."""

from __future__ import annotations

import pytest

from sgd_doctor.fix.lines import follow_line

BEFORE = "import torch\na = 1\noptimizer = SGD(lr=1)\nmodel = new()\nfor x in y:\n    step()\n"


@pytest.mark.parametrize("line", range(1, 7))
def test_lines_behind_an_insertion_move_down(line: int) -> None:
    after = BEFORE.replace("model =", "# added\nmodel =")
    assert follow_line(BEFORE, after, line) == (line if line < 4 else line + 1)


def test_a_statement_that_was_moved_is_found_where_it_went() -> None:
    after = "import torch\na = 1\nmodel = new()\noptimizer = SGD(lr=1)\nfor x in y:\n    step()\n"
    assert follow_line(BEFORE, after, 3) == 4


def test_a_line_that_was_rewritten_stays_in_its_place() -> None:
    assert follow_line(BEFORE, BEFORE.replace("lr=1", "lr=0.1"), 3) == 3


def test_a_line_that_does_not_exist_stays_what_it_is() -> None:
    assert follow_line(BEFORE, BEFORE, 99) == 99
