"""The HTML page without a mouse, and on paper, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
import report_examples

from sgd_doctor.render import render
from tests.browser import BROWSER, Tab, browser

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome on the PATH"),
]
FOCUSED = """(() => {
  const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
  return {
    tag: it.tagName,
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: box.height > 0 && box.top >= 0 && box.bottom <= innerHeight,
    open: it.parentElement ? it.parentElement.open : null,
    index: [...document.querySelectorAll("summary, a[href]")].indexOf(it),
  };
})()"""


def opened(tab: Tab, folder: Path, name: str = "unhealthy") -> None:
    text = render(report_examples.ALL[name](), "html")
    assert isinstance(text, str)
    (folder / "report.html").write_text(text)
    tab.open(folder / "report.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_that_opens_is_reached_by_tab_and_the_focus_is_seen(tmp_path: Path, scheme: str) -> None:
    with browser("--window-size=800,600") as tab:
        opened(tab, tmp_path)
        tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        count = tab.value("document.querySelectorAll('summary, a[href]').length")
        assert count >= 2
        for number in range(count):
            tab.press("Tab")
            focused = tab.value(FOCUSED)
            assert focused["index"] == number, focused
            assert focused["outline"] >= 2, focused
            assert focused["seen"], focused


def test_enter_and_space_open_and_close_what_is_folded_away(tmp_path: Path) -> None:
    with browser() as tab:
        opened(tab, tmp_path)
        tab.press("Tab")
        before = tab.value(FOCUSED)["open"]
        tab.press("Enter")
        assert tab.value(FOCUSED)["open"] is not before
        tab.press(" ")
        assert tab.value(FOCUSED)["open"] is before


def test_what_is_folded_away_is_printed(tmp_path: Path) -> None:
    """On paper nothing can be opened."""
    with browser() as tab:
        opened(tab, tmp_path)
        names = "document.querySelector('.names').checkVisibility({contentVisibilityAuto: true})"
        tab.value("document.querySelectorAll('details').forEach(d => d.open = false)")
        assert tab.value(names) is False
        tab.ask("Emulation.setEmulatedMedia", media="print")
        tab.wait(names)


def test_the_first_screen_holds_verdict_cause_line_and_change(tmp_path: Path) -> None:
    with browser("--window-size=1280,900") as tab:
        opened(tab, tmp_path)
        for selector in (".badge", "h1", ".cause .code", ".cause .diff .add", ".cause .proof"):
            bottom = tab.value(f"document.querySelector('{selector}').getBoundingClientRect().bottom")
            assert bottom <= tab.value("innerHeight"), selector
