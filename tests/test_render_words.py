"""Numbers and texts as people read them."""

from __future__ import annotations

import math

import pytest
import report_examples

from sgd_doctor.findings import Location, Proof
from sgd_doctor.render import words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (3, "3"),
        (-1234567, "-1234567"),
        (2.9, "2.9"),
        (0.28312, "0.2831"),
        (1234.56, "1235"),
        (0.00123456, "0.001235"),
        (0.000123, "0.000123"),
        (1e-7, "1e-7"),
        (6.2e5, "6.2e5"),
        (-3.4e38, "-3.4e38"),
        (None, "not finite"),
        (math.nan, "not finite"),
        (-math.inf, "not finite"),
        ("3 of 4", "3 of 4"),
    ],
)
def test_numbers_have_four_digits_at_most(value: float | str | None, shown: str) -> None:
    assert words.number(value) == shown


def test_unsafe_characters_are_written_out_and_layout_stays() -> None:
    assert words.clean("a\x1b[0m\x00\x9b\u202e\udc80\u2028\tb\r\nc") == (
        "a\\x1b[0m\\x00\\x9b\\u202e\\udc80\\u2028\tb\nc"
    )
    assert words.one_line(" a\n\t b ") == "a b"
    assert words.clean("学习率 é", ascii_only=True) == "\\u5b66\\u4e60\\u7387 \\xe9"


def test_every_text_of_a_report_is_cleaned() -> None:
    report = words.printable(report_examples.hostile())
    assert "\x1b" not in repr(report)
    assert "\udc80" not in report.findings[0].title


@pytest.mark.parametrize(
    ("baseline", "treated", "said"),
    [
        (6.41, 0.283, "23 times lower"),
        (0.2, 0.9, "4.5 times higher"),
        (1.0, 1.02, ""),
        (None, 0.3, "the change makes it finite"),
        (math.nan, 0.3, "the change makes it finite"),
        (0.3, None, ""),
        (None, None, ""),
        (-1.0, 2.0, ""),
        (1e308, 1e-308, ""),
    ],
)
def test_an_effect_is_claimed_only_where_numbers_show_it(
    baseline: float | None, treated: float | None, said: str
) -> None:
    assert words.effect(Proof("x", "loss", baseline, treated, 5)) == said


def test_code_is_numbered_without_its_common_indentation() -> None:
    code = Location("a.py", 7, 8, "        if x:\n            y()\n")
    assert words.code_lines(code) == [(7, "if x:"), (8, "    y()")]
    assert words.code_lines(Location("a.py", 1, 1, " \n ")) == []
    assert words.code_lines(Location("a.py", 1, 20, "x\n" * 20), 3)[-1] == (3, "...")


def test_a_brief_diff_keeps_the_changes() -> None:
    diff = "--- a\n+++ a\n@@ -1,3 +1,3 @@\n one\n-- two\n++ two\n three\n four\n@@ -9 +9 @@\n-x\n+y\n"
    assert words.brief_diff(diff) == [" one", "-- two", "++ two", " three", "...", "-x", "+y"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0 s"), (6.13, "6.1 s"), (125.4, "2 min 5 s"), (math.nan, "unknown time")]
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said
