"""Other Pythons and other versions of torch: ``nox -s tests``, ``nox -s faces``."""

from __future__ import annotations

import nox

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
TORCH = {"oldest": "torch==2.4.1", "newest": "torch"}
FACES = ("render_html", "render_figure", "render_words", "render_machines", "render_terminal", "render_write")
"""Tests of what needs no torch."""


@nox.session(python=PYTHONS)
@nox.parametrize("torch", TORCH)
def tests(session: nox.Session, torch: str) -> None:
    """The default test suite."""
    if torch == "oldest" and session.python == "3.13":
        session.skip("torch 2.5 is the first for Python 3.13")
    # numpy 2.3 and later do not go with the oldest torch.
    session.install(TORCH[torch], *(["numpy<2.3"] if torch == "oldest" else []))
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session(python=PYTHONS)
def faces(session: nox.Session) -> None:
    """The catalogue, explanations and all forms of a saved report, where torch is not installed."""
    session.install("numpy", "matplotlib", "click", "rich", "jinja2", "msgspec", "tomli", "libcst")
    session.install("pytest", "pytest-timeout", "jsonschema", "pyyaml", "tensorboard", "setuptools")
    session.install("--no-deps", "-e", ".")
    session.run("sgd-doctor", "explain", "lr-too-high", silent=True)
    session.run("sgd-doctor", "checks", "--format", "json", silent=True)
    files = [f"tests/test_{name}.py" for name in FACES]
    silenced = "tests/test_silenced.py::test_comment_names_check_family_or_all"
    session.run("python", "-m", "pytest", "-q", *files, silenced, *session.posargs)
