"""``--bundle`` and ``--tensorboard``: what is handed on, and that it works in other hands."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import jsonschema
import msgspec
import pytest
import report_examples

from sgd_doctor.cli import main
from sgd_doctor.findings import Fix, Location, Proof
from sgd_doctor.recording import load
from sgd_doctor.render import repro
from sgd_doctor.report import Report, TargetInfo, json_schema
from tests.helpers import HEALTHY, doctor, python, write

FILES = {"report.html", "report.json", "report.sarif", "report.png", "recording.npz", "repro.py"}
LR_TOO_HIGH = HEALTHY.replace("lr=0.1", "lr=5.0")
OPTIONS = ("--seed", "0", "--steps", "60", "--budget", "40s", "--quiet", "--select", "lr-too-high")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``train.py``, its bundle in ``handed`` and its events in ``events``."""
    folder = tmp_path_factory.mktemp("bundle")
    write(folder / "train.py", LR_TOO_HIGH)
    said = doctor("diagnose", *OPTIONS, "--bundle", "handed/over", "--tensorboard", "events", "train.py", cwd=folder)
    assert said.returncode == 1, said.stderr
    assert said.stderr == ""  # quiet: neither progress nor the script's own output
    assert "lr-too-high" in said.stdout
    return folder


def proven(bundle: Path) -> dict[str, float]:
    report = json.loads((bundle / "handed/over/report.json").read_text())
    return {key: report["findings"][0]["proof"][key] for key in ("baseline", "treated")}


def test_bundle_holds_all_forms_and_nothing_else_is_written(bundle: Path) -> None:
    handed = bundle / "handed" / "over"
    assert {p.name for p in handed.iterdir()} == FILES
    assert {p.name for p in bundle.iterdir()} == {"train.py", "handed", "events"}
    jsonschema.validate(json.loads((handed / "report.json").read_text()), json_schema())
    assert load(handed / "recording.npz").steps == 60


def test_repro_runs_without_us_in_a_copy_of_the_project_and_prints_both_numbers(bundle: Path, tmp_path: Path) -> None:
    shutil.copy(bundle / "train.py", tmp_path / "train.py")
    script = bundle / "handed/over/repro.py"
    assert "sgd_doctor" not in script.read_text()
    result = python("-I", script, tmp_path, cwd=bundle)
    assert result.returncode == 0, result.stderr
    lines = dict(line.split(":", 1) for line in result.stdout.splitlines())
    numbers = proven(bundle)
    for key, name in (("baseline", "as written"), ("treated", "changed")):
        words = lines[name].split()
        assert words[-3:] == ["after", "60", "steps"]
        if numbers[key] is None:
            assert words[1:3] == ["not", "finite"]
        else:
            assert float(words[1]) == pytest.approx(numbers[key], rel=0.05)
    assert "lr=" in lines["change"]


@pytest.mark.long
def test_repro_runs_a_module_whose_fault_is_in_another_file(tmp_path: Path) -> None:
    package = tmp_path / "package"
    write(package / "__init__.py", "")
    write(package / "rate.py", "RATE = 5.0\n")
    train = HEALTHY.replace("import torch\n", "import torch\n    from .rate import RATE\n", 1)
    train = train.replace("loss.backward()", "torch.autograd.backward(scaler.scale(loss))")
    train = train.replace("optimizer.step()", "scaler.step(optimizer); scaler.update()")
    train = train.replace("model =", "scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)\n    model =")
    write(package / "train.py", train.replace("lr=0.1", "lr=RATE"))
    report = report_examples.unhealthy()
    diff = "--- a/package/rate.py\n+++ b/package/rate.py\n@@ -1,1 +1,1 @@\n-RATE = 5.0\n+RATE = 0.1\n"
    finding = msgspec.structs.replace(
        report.findings[0],
        location=Location("package/rate.py", 1, 1, "RATE = 5.0"),
        fix=Fix("use 0.1", diff, verified=True),
    )
    target = TargetInfo("module", "package.train")
    text = repro.text(msgspec.structs.replace(report, findings=(finding,), target=target)) or ""
    (tmp_path / "repro.py").write_text(text)
    result = python("-I", "repro.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    control, treated, change = result.stdout.splitlines()
    assert control.startswith("as written: loss ")
    assert not float(control.split()[3].replace("not", "inf")) < 1.0
    assert float(treated.split()[2]) < 0.1
    assert change == "change:     use 0.1"


def test_repro_says_so_where_the_file_is_another_one(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.py", HEALTHY)
    result = python("-I", bundle / "handed/over/repro.py", tmp_path, cwd=bundle)
    assert result.returncode == 1
    assert "train.py is not the file that was diagnosed" in result.stderr
    assert "Traceback" not in result.stderr


def test_saved_report_is_bundled_without_a_recording(bundle: Path, tmp_path: Path) -> None:
    report, target = bundle / "handed/over/report.json", tmp_path / "again"
    assert main(["diagnose", "--format", "text", "--output", str(tmp_path / "t"), "--bundle", str(target), str(report)])
    assert {p.name for p in target.iterdir()} == FILES - {"recording.npz"}


def of(report: Report, fix: Fix, proof: Proof | None, target: TargetInfo | None = None) -> Report:
    finding = msgspec.structs.replace(report.findings[0], fix=fix, proof=proof)
    return msgspec.structs.replace(report, findings=(finding,), target=target or report.target)


@pytest.mark.parametrize("name", ["unhealthy", "crashed", "hostile"])
def test_repro_is_a_python_program_whatever_the_report_says(name: str) -> None:
    report = report_examples.ALL[name]()
    report = msgspec.structs.replace(report, target=msgspec.structs.replace(report.target, kind="script"))
    text = repro.text(report)
    assert text is not None
    ast.parse(text.encode(errors="backslashreplace").decode())


def test_repro_asks_for_us_where_the_loss_does_not_compare_the_runs() -> None:
    report = report_examples.unhealthy()
    fix, proof = report.findings[0].fix, report.findings[0].proof
    assert proof is not None
    alone = repro.text(of(report, fix, proof)) or ""
    assert "sgd_doctor" not in alone
    for other in (
        of(report, fix, msgspec.structs.replace(proof, metric="task_loss")),
        of(report, Fix("change it"), proof),
        of(report, fix, proof, TargetInfo("notebook", "train.ipynb")),
    ):
        assert "Needs sgd-doctor: " in (repro.text(other) or "")
    assert repro.text(report_examples.healthy()) is None


def test_hunks_keep_their_lines_apart() -> None:
    diff = "--- a\n+++ a\n@@ -3,2 +3,3 @@\n same\n-old\n+new\n+more\n@@ -9,0 +11,1 @@\n+last\n"
    assert repro.hunks(diff) == [(3, ["same", "old"], ["same", "new", "more"]), (10, [], ["last"])]


@pytest.mark.parametrize("option", ["--bundle", "--tensorboard"])
def test_folder_that_cannot_be_is_one_line(option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path / "train.py", HEALTHY)
    (tmp_path / "taken").write_text("")
    assert main(["diagnose", option, str(tmp_path / "taken"), str(script)]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert option in said
    assert "is a file" in said


def test_tensorboard_reads_the_run_and_its_experiments(bundle: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    runs = sorted(p.name for p in (bundle / "events").iterdir())
    assert runs[-1] == "as-written"
    assert len(runs) > 2
    assert any("lr-5-to-" in name for name in runs)
    events = accumulator.EventAccumulator(str(bundle / "events" / "as-written"))
    events.Reload()
    tags = events.Tags()
    assert {"loss", "lr", "grad_norm", "momentum", "weight_decay"} <= set(tags["scalars"])
    assert any(tag.startswith("layers/grad_norm/") for tag in tags["scalars"])
    recorded = load(bundle / "handed/over/recording.npz").column("loss")
    shown = {event.step: event.value for event in events.Scalars("loss")}
    assert shown[0] == pytest.approx(recorded[0])
    assert b"lr-too-high" in events.Tensors("report/text_summary")[0].tensor_proto.string_val[0]


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from sgd_doctor.integrations.tensorboard import write_events

    report = report_examples.unhealthy()
    for _ in range(2):
        write_events(tmp_path, report, None)
    assert len(list((tmp_path / "as-written").iterdir())) == 1
    names = {p.name for p in tmp_path.iterdir()}
    assert "02-lr=0.02" in names
    assert all(name.isascii() for name in names)
