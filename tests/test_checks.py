"""Every check against recordings that hold nothing sensible, the registry, and checks of other people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sgd_doctor import check as registry
from sgd_doctor.check import FAMILIES, Check, NotChecked, registered
from sgd_doctor.diagnosis import Examiner
from sgd_doctor.findings import Suspicion
from sgd_doctor.lab import Lab
from sgd_doctor.loader import load_checks
from sgd_doctor.options import Options
from sgd_doctor.recording import (
    EVENTS,
    Facts,
    Features,
    HeldOut,
    OptimizerFacts,
    Recording,
    SchedulerFacts,
    Site,
    TaskFacts,
)
from sgd_doctor.session import diagnose_recording
from tests.helpers import FAULTY, HEALTHY, QUICK, ROOT, doctor, report_of, write

KNOWN, _ = load_checks()
HEADINGS = [
    "What it means", "Why it hurts", "How it is proven", "How to fix it", "Example", "Known limits", "References",
]  # fmt: skip
STEPS = 60
COLUMNS = (
    "loss", "task_loss", "accuracy", "grad_norm", "weight_norm", "update_ratio", "lr", "momentum", "weight_decay",
    "decay_ratio", "stale", "empty_grads", "backwards", "optimizer", "seconds",
)  # fmt: skip


def recording(value: float, steps: int = STEPS) -> Recording:
    """A run of which every number is ``value``."""
    some = None if value != value else value
    whole = int(value) if math.isfinite(value) else 0
    several = (value,) * 4
    facts = Facts(
        path="train.py",
        steps=steps,
        forwards=steps,
        backwards=steps,
        losses=steps,
        zero_grads=steps,
        evaluations=steps,
        seconds=1.0,
        sites=(Site("train.py", 3, "main", "loss.backward()"),),
        loss_sites=(0,),
        optimizers=(OptimizerFacts("SGD", 0, 0, 10, ({"lr": value, "momentum": value, "weight_decay": value},)),),
        schedulers=(SchedulerFacts("ReduceLROnPlateau", 0, steps, 0, "min", several, (0, 1, 2, 3)),),
        parameters=("weight", "bias"),
        features=Features("input of net (Linear)", "Linear", 2, whole, several, several, several, several),
        task=TaskFacts("class", "cross_entropy", 0, classes=whole, trivial_loss=some, target_std=some),
        held_out=(HeldOut(0, (1, 2, 3, 4), (some,) * 4, (some,) * 4, 100),),
    )
    events = [(step, EVENTS.index(k), 0) for step in range(steps) for k in ("zero_grad", "forward", "backward", "step")]
    return Recording(
        facts=facts,
        columns={name: np.full(steps, value) for name in COLUMNS},
        tables={
            "grad_norm": np.full((min(3, steps), 2), value),
            "update_ratio": np.full((min(3, steps), 2), value),
            "sampled_steps": np.arange(min(3, steps), dtype=np.float64),
        },
        events=np.array(events, dtype=np.int64).reshape(-1, 3),
    )


SENSELESS = {
    "all NaN": recording(math.nan),
    "all infinite": recording(math.inf),
    "all minus infinite": recording(-math.inf),
    "all zero": recording(0.0),
    "all huge": recording(1e300),
    "all negative": recording(-1.0),
    "one step": recording(math.nan, steps=1),
    "no step": recording(0.0, steps=0),
    "nothing": Recording(facts=Facts()),
    "facts without columns": Recording(facts=recording(1.0).facts),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("case", SENSELESS)
def test_check_survives_what_makes_no_sense(name: str, case: str) -> None:
    try:
        found = KNOWN[name]().suspect(SENSELESS[case])
    except NotChecked as reason:
        found, why = None, str(reason)
    else:
        why = "looked"
    assert why, "it has to say why it could not look"
    assert found is None or isinstance(found, Suspicion)
    assert found is None or (found.check == name and found.title)


@pytest.mark.parametrize("case", ["all NaN", "all infinite", "all minus infinite"])
def test_run_without_a_finite_loss_is_never_called_healthy(case: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    SENSELESS[case].save(path)
    report = diagnose_recording(path, Options()).report
    assert report.verdict == "unhealthy"
    assert report.problems


@pytest.mark.parametrize("case", ["nothing", "no step", "one step"])
def test_run_without_steps_is_not_called_healthy(case: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    SENSELESS[case].save(path)
    assert diagnose_recording(path, Options()).report.verdict != "healthy"


def test_check_that_raises_is_a_note_and_not_the_end() -> None:
    class Raises(Check):
        """Raises."""

        name, family, summary = "raises-in-a-test", "loop", "raises"

        def suspect(self, recording: Recording) -> Suspicion | None:
            raise ZeroDivisionError("on purpose")

    try:
        lab = Lab(SENSELESS["all zero"], lambda arms, *_: [None] * len(arms))
        diagnosis = Examiner(lab, [Raises()], seconds_left=lambda: 0.0, probes=False).examine()
        assert any("raises-in-a-test" in note and "on purpose" in note for note in diagnosis.notes)
    finally:
        registry._REGISTRY.pop("raises-in-a-test")


# -- documentation


@pytest.mark.parametrize("name", KNOWN)
def test_documentation_is_complete(name: str) -> None:
    text = KNOWN[name].documentation()
    first, *_ = text.splitlines()
    assert first.endswith("."), "the first line is a sentence"
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    bodies = dict(zip(parts[1::2], (b.strip() for b in parts[2::2]), strict=True))
    assert all(bodies.values()), [h for h, b in bodies.items() if not b]
    example = bodies["Example"]
    assert example.index("Bad:") < example.index("Good:")
    bad, good = example.split("Good:")
    assert re.search(r"^    \S", bad, re.MULTILINE), "the bad example is code"
    assert re.search(r"^    \S", good, re.MULTILINE), "the good example is code"
    assert bodies["References"].startswith("- ")
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", KNOWN)
def test_names_are_as_users_write_them(name: str) -> None:
    check = KNOWN[name]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert check.family in FAMILIES
    assert name not in FAMILIES, "selecting a family would be ambiguous"
    assert not check.summary.endswith(".")
    assert len(check.summary) <= 100


# -- the registry


@pytest.fixture
def clean_registry() -> Iterator[None]:
    before = dict(registry._REGISTRY)
    yield
    registry._REGISTRY.clear()
    registry._REGISTRY.update(before)


def define(name: str, family: str = "loop", module: str = "somewhere") -> type[Check]:
    body = {
        "__module__": module,
        "__doc__": "Something.",
        "name": name,
        "family": family,
        "summary": "something",
        "suspect": lambda self, recording: None,  # noqa: ARG005
    }
    return type("Anything", (Check,), body)


@pytest.mark.usefixtures("clean_registry")
def test_registry_refuses_what_would_confuse() -> None:
    define("brand-new")
    assert "brand-new" in registered()
    with pytest.raises(ValueError, match="two checks claim the name 'brand-new'"):
        define("brand-new", module="elsewhere")
    with pytest.raises(ValueError, match="lr-too-high"):
        define("lr-too-high")
    with pytest.raises(ValueError, match="needs a name and a known family"):
        define("")
    with pytest.raises(ValueError, match="needs a name and a known family"):
        define("other-new", family="loops")
    assert "other-new" not in registered()


def test_checks_are_listed_by_family_then_name() -> None:
    keys = [(FAMILIES.index(c.family), c.name) for c in load_checks()[0].values()]
    assert keys == sorted(keys)


# -- checks of other people

OWN = '''
    from sgd_doctor.check import Check
    from sgd_doctor.findings import Evidence, Rule, Severity, Suspicion


    class TooFewSteps(Check):
        """The script makes fewer than a thousand steps.

        ## What it means
        A rule of this house.
        """

        name = "house-too-few-steps"
        family = "outcome"
        summary = "fewer than a thousand steps"

        def suspect(self, recording):
            if recording.steps >= 1000:
                return None
            return Suspicion(
                check=self.name,
                severity=Severity.WARNING,
                title=f"only {recording.steps} steps",
                rule=Rule.FACT,
                evidence=(Evidence("steps", recording.steps, ">= 1000", f"{recording.steps} steps"),),
                advice="train for longer",
            )
'''


def test_folder_with_own_checks(tmp_path: Path) -> None:
    write(tmp_path / "train.py", HEALTHY)
    write(tmp_path / "house" / "too_few.py", OWN)
    write(tmp_path / "house" / "broken.py", "import no_such_module_of_ours\n")
    result = doctor("diagnose", *QUICK, "--checks", "house", "--format", "json", "train.py", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    report = report_of(result)
    assert [f["check"] for f in report["findings"]] == ["house-too-few-steps"]
    assert any("broken" in note and "no_such_module_of_ours" in note for note in report["notes"])


def test_own_check_is_selected_by_name(tmp_path: Path) -> None:
    write(tmp_path / "train.py", FAULTY)
    write(tmp_path / "house" / "too_few.py", OWN)
    write(tmp_path / "pyproject.toml", '[tool.sgd-doctor]\nchecks = ["house"]\nformat = ["json"]\n')
    result = doctor("diagnose", *QUICK, "--select", "house-too-few-steps", "train.py", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert [f["check"] for f in report_of(result)["findings"]] == ["house-too-few-steps"]


def test_checks_of_installed_packages_are_found_by_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site / "house_checks.py", OWN)
    write(site / "house-1.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    write(
        site / "house-1.0.dist-info" / "entry_points.txt",
        """
        [sgd_doctor.checks]
        house = house_checks
        fails = no_such_module_of_ours
        """,
    )
    result = doctor("checks", cwd=tmp_path, PYTHONPATH=f"{ROOT}:{site}")
    assert result.returncode == 0, result.stderr
    assert "house-too-few-steps" in result.stdout
    assert "no_such_module_of_ours" in result.stderr
    explained = doctor("explain", "house-too-few-steps", cwd=tmp_path, PYTHONPATH=f"{ROOT}:{site}")
    assert explained.returncode == 0, explained.stderr
    assert "A rule of this house." in explained.stdout
