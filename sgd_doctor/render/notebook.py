"""The report inside a notebook cell."""

from __future__ import annotations

from sgd_doctor.render import html, words
from sgd_doctor.render.pictures import Gallery
from sgd_doctor.report import Report


def fragment(report: Report) -> str:
    """HTML for a cell's output: verdict, findings and the loss plot; its styles touch nothing else."""
    report = words.printable(report)
    return html.fragment(report, Gallery().pictures(report, "loss")["loss"])
