"""What people read in a terminal, in a log and in a pipe."""

from __future__ import annotations

import io
import re

import pytest
import report_examples
from rich.cells import cell_len
from rich.console import Console

from sgd_doctor.render.terminal import plain_text, print_report
from sgd_doctor.report import Report

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def in_terminal(report: Report, **environment: str) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, _environ={"TERM": "xterm", **environment})
    print_report(report, console)
    return stream.getvalue()


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
@pytest.mark.parametrize("width", [80, 40, 120])
def test_no_line_is_wider_than_asked_and_nothing_moves_the_cursor(name: str, width: int) -> None:
    text = plain_text(report_examples.ALL[name](), width)
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert not CONTROL.search(text)
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_the_first_screen_holds_cause_line_numbers_and_fix() -> None:
    screen = "\n".join(plain_text(report_examples.unhealthy()).split("\n")[:30])
    wanted = [
        "✗ unhealthy  train.py --epochs 3",
        "1 error: lr-too-high (confirmed)",
        "Learning rate 0.8 is about 40 times too high",
        "train.py:31",
        "31 │ optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=0.9)",
        "47 of 60",
        "loss after 50 steps: 6.41 as written → 0.283 when changed (lr=0.02)",
        "±0.021",
        "loss-diverges, dead-relu",
        "Use lr=0.02; anything from 0.008 to 0.05 works here.",
        "This change was run",
        "- optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=0.9)",
        "+ optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)",
    ]
    positions = [screen.find(text) for text in wanted]
    assert -1 not in positions, [text for text, at in zip(wanted, positions, strict=True) if at < 0]
    assert positions == sorted(positions)


def test_the_rest_follows_in_order_of_weight() -> None:
    text = plain_text(report_examples.unhealthy())
    wanted = [
        "1 error:",
        "2 warning:",
        "Advice",
        "no-shuffle",
        "Ruled out",
        "Not checked",
        "Notes",
        "Repeat:",
    ]
    positions = [text.find(item) for item in wanted]
    assert positions == sorted(positions)
    assert -1 not in positions
    assert "overfitting, validation-leak: no held-out batches in this run" in text


def test_a_healthy_report_is_short_and_calm() -> None:
    text = plain_text(report_examples.healthy())
    assert text.startswith("✓ healthy  train.py\nNo errors and no warnings in 60 steps.")
    assert len(text.strip().split("\n")) <= 6
    assert "31 checks passed" in text


def test_missing_numbers_are_said_and_never_printed_as_none_or_nan() -> None:
    text = plain_text(report_examples.empty())
    assert "not finite as written" in text
    assert not re.search(r"\bNone\b|\bnan\b", text)


def test_a_terminal_gets_colour_and_no_color_takes_it_away() -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
    assert colour.search(in_terminal(report_examples.unhealthy()))
    assert not colour.search(in_terminal(report_examples.unhealthy(), NO_COLOR="1"))
    assert "\x1b" not in plain_text(report_examples.unhealthy())


def test_text_of_the_user_is_neither_markup_nor_escape_sequence() -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(report_examples.hostile()))
    assert not CONTROL.search(shown)
    assert "[bold red]$" in plain_text(report_examples.hostile(), 200)
    assert "\\x1b[31m\\x00\\x7f\\x85\\u202e" in plain_text(report_examples.hostile(), 200)


def test_an_ascii_terminal_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    print_report(report_examples.unhealthy(), Console(file=stream, width=80))
    stream.seek(0)
    text = stream.read()
    assert text.startswith("!! unhealthy")
    assert "noise +-0.021" in text


def test_str_of_a_report_is_the_plain_text() -> None:
    assert str(report_examples.healthy()) == plain_text(report_examples.healthy())
