"""The HTML page and the notebook fragment."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
import report_examples

from sgd_doctor.render import figure, html, pictures, render
from sgd_doctor.render.axes import DARK, LIGHT
from sgd_doctor.render.notebook import fragment
from sgd_doctor.report import LayerCurve, ProbeInfo, Report
from tests.browser import BROWSER, QUIET
from tests.node_packages import package_file

TEMPLATES = Path(html.__file__).with_name("templates")
VOID = {"meta", "link", "img", "br", "wbr"}


class Page(HTMLParser):
    """Tags, headings and texts of a page; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def page(report: Report) -> str:
    text = render(report, "html")
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
def test_the_page_is_sound_and_needs_nothing_from_outside(name: str) -> None:
    document = Page(page(report_examples.ALL[name]()))
    for tag, attributes in document.tags:
        assert tag not in ("script", "iframe", "object", "form")
        for key in ("src", "srcset", "href"):
            assert (attributes.get(key) or "data:").startswith("data:")
        assert not [key for key in attributes if key.startswith("on")]
        if tag == "img":
            assert len(attributes["alt"] or "") > 20
    assert document.headings[0] == 1
    assert document.headings.count(1) == 1
    steps = zip(document.headings, document.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("make", [page, fragment])
def test_text_of_the_user_stays_text(make: object) -> None:
    assert callable(make)
    text = make(report_examples.hostile())
    shown = Page(text).text
    assert "<script>alert('x')</script>\"&amp;\\x1b[31m\\x00\\x7f\\x85\\u202e" in shown
    assert "<script" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    text.encode()


def test_verdict_cause_line_and_diff_come_first() -> None:
    text = Page(page(report_examples.unhealthy())).text
    wanted = [
        "unhealthy train.py --epochs 3",
        "This training does not learn because its learning rate is too high.",
        "Learning rate 0.8 is about 40 times too high",
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.8",
        "Use lr=0.02",
        "+optimizer = torch.optim.SGD(model.parameters(), lr=0.02",
        "6.41",
        "0.283",
        "What we tried",
        "Ruled out",
        "Other findings",
        "Inside the run",
        "One step of the loop",
        "Not checked",
        "Notes",
        "4 checks looked and found nothing",
        "Environment",
        "sgd-doctor diagnose --seed 0 train.py --epochs 3",
    ]
    at = 0
    for item in wanted:
        at = text.find(item, at)
        assert at >= 0, f"{item!r} is missing or too late"


def test_sections_without_data_are_left_out() -> None:
    text = Page(page(report_examples.crashed())).text
    for title in ("What we tried", "Inside the run", "One step", "Other findings", "Notes", "Repeat"):
        assert title not in text
    assert "RuntimeError" in text


def test_plots_are_sound_svg_with_alternatives_in_words_for_both_schemes() -> None:
    document = Page(page(report_examples.unhealthy()))
    images = [attributes for tag, attributes in document.tags if tag == "img"]
    assert [item["class"] for item in images] == ["light", "dark"] * 8
    assert "lr=0.02 from 2.3" in (images[0]["alt"] or "")
    for uri in (item["src"] for item in images):
        assert uri is not None
        root = ET.fromstring(base64.b64decode(uri.split(",")[1]))
        assert root.tag.endswith("svg")


def test_a_large_run_stays_below_a_megabyte() -> None:
    steps = tuple(range(60))
    report = report_examples.unhealthy()
    layers = tuple(
        LayerCurve(f"encoder.layers.{i}.out_proj.weight", steps, report.curves.loss, report.curves.grad_norm)
        for i in range(150)
    )
    probes = tuple(
        ProbeInfo(f"lr={i}", 200, 1.0, report_examples.curve(2.0, 0.3 + i, 0.1, points=200)) for i in range(25)
    )
    report = msgspec.structs.replace(report, layers=layers, run=msgspec.structs.replace(report.run, probes=probes))
    text = page(report)
    assert len(text.encode()) < 800_000
    assert "40 of 150 tensors are shown" in text


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: int) -> None:
    css = (TEMPLATES / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [(text, back) for text in ("ink", "muted") for back in ("paper", "card", "code")]
    pairs += [("on", level) for level in ("error", "warning", "advice", "good", "muted")]
    pairs += [("error", "card"), ("good", "card"), ("add-ink", "add"), ("del-ink", "del")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert min(low.values()) >= 4.5, low


def test_the_notebook_fragment_is_a_piece_with_its_own_styles() -> None:
    text = fragment(report_examples.unhealthy())
    document = Page(text)
    assert not {"html", "body", "head", "script"} & {tag for tag, _ in document.tags}
    assert "data:image/svg+xml" in text
    css = (TEMPLATES / "fragment.css").read_text()
    selectors = re.findall(r"([^{}]+)\{", css)
    assert all(part.strip().startswith(".sgd-doctor-report") for s in selectors for part in s.split(","))
    assert report_examples.unhealthy()._repr_html_() == text


# --- in a real browser

needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium or google-chrome on the PATH")
WRAPPER = """<iframe src="report.html" style="width:390px;height:800px;border:0"></iframe>
<script>onload = () => {
  const page = document.querySelector("iframe").contentDocument.documentElement;
  document.title = page.scrollWidth <= page.clientWidth ? "it fits" : "it is too wide";
}</script>"""


def browse(path: Path, *options: str) -> tuple[str, str]:
    """Open a file in a new, headless profile: what it wrote to stdout and stderr."""
    assert BROWSER is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [BROWSER, *QUIET, "--enable-logging=stderr", f"--user-data-dir={profile}"]
        result = subprocess.run(
            [*command, *options, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
    return result.stdout, result.stderr


@needs_browser
@pytest.mark.long
@pytest.mark.parametrize("name", ["unhealthy", "hostile"])
def test_a_browser_shows_the_page_on_a_phone_without_sideways_scrolling(tmp_path: Path, name: str) -> None:
    (tmp_path / "report.html").write_text(page(report_examples.ALL[name]()))
    (tmp_path / "phone.html").write_text(WRAPPER)
    dom, _ = browse(tmp_path / "phone.html", "--allow-file-access-from-files", "--dump-dom")
    assert "<title>it fits</title>" in dom


@needs_browser
@pytest.mark.long
def test_a_browser_has_nothing_to_complain_about(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page(report_examples.hostile()))
    shot = tmp_path / "shot.png"
    _, log = browse(tmp_path / "report.html", f"--screenshot={shot}", "--window-size=1280,800")
    assert shot.stat().st_size > 10_000
    assert "CONSOLE" not in log


AXE = """<script>%s</script>
<script>addEventListener("load", () => axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const box = document.createElement("pre");
  box.id = "axe";
  const violations = found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]);
  box.textContent = `AXE${JSON.stringify(violations)}AXE`;
  document.body.append(box);
}))</script>"""
SCHEMES = {"light": (), "dark": ("--blink-settings=preferredColorScheme=0",)}


@needs_browser
@pytest.mark.long
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["unhealthy", "healthy"])
def test_axe_finds_nothing_serious(tmp_path: Path, name: str, scheme: str) -> None:
    rules = package_file("axe-core", "axe.min.js", tmp_path).decode()
    text = page(report_examples.ALL[name]())
    open_page = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)  # it forbids scripts, axe's too
    head, body = open_page.split("</head>", 1)
    (tmp_path / "report.html").write_text(f"{head}{AXE % rules}</head>{body}")
    dom, log = browse(tmp_path / "report.html", "--virtual-time-budget=20000", "--dump-dom", *SCHEMES[scheme])
    assert "AXE" in dom, log[-500:]
    found = json.loads(unescape(dom.rsplit("AXE", 2)[1]))
    assert [item for item in found if item[0] in ("serious", "critical")] == []


def asked_by(text: str, folder: Path) -> list[str]:
    """Addresses that a page, not the browser for its own ends, asked for."""
    (folder / "page.html").write_text(text)
    log = folder / "net.json"
    browse(folder / "page.html", f"--screenshot={folder / 'shot.png'}", f"--log-net-log={log}")
    requests = [event["params"] for event in json.loads(log.read_text())["events"] if "params" in event]
    return [r["url"] for r in requests if r.get("initiator", "not an origin") != "not an origin" and "url" in r]


@needs_browser
@pytest.mark.long
def test_nothing_is_asked_from_anywhere(tmp_path: Path) -> None:
    text = page(report_examples.unhealthy())
    assert asked_by(text, tmp_path) == []
    asking = '<p><img src="http://127.0.0.1:9/x.png"></p>'
    assert asked_by(asking, tmp_path) == ["http://127.0.0.1:9/x.png"]
    assert asked_by(text.replace("</body>", f"{asking}</body>"), tmp_path) == []  # the page's own policy


PLOTS = {
    "loss": figure.loss_plot,
    "features": figure.features_plot,
    "targets": figure.targets_plot,
    "hyperparameters": figure.hyper_plot,
    "gradient norm": figure.grad_plot,
}
_IDS = re.compile(rb"\bm[0-9a-f]{10}\b")


@pytest.mark.parametrize("name", PLOTS)
def test_plot_with_its_colours_replaced_is_the_plot_in_the_dark(name: str) -> None:
    drawn = 0
    for report in (make() for make in report_examples.ALL.values()):
        light, dark = (PLOTS[name](report, theme) for theme in (LIGHT, DARK))
        if light is None or dark is None:
            continue
        drawn += 1
        # Identifiers of markers depend on their colour.
        wanted = _IDS.sub(b"m", figure.save(dark, "svg"))
        assert _IDS.sub(b"m", pictures.in_dark(figure.save(light, "svg"))) == wanted
    assert drawn
