"""The GitHub Action and the pre-commit hook, run as their hosts run them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import FAULTY, HEALTHY, ROOT, environment, write

yaml = pytest.importorskip("yaml")
WANTED = "import sys; assert sys.argv[1:] == ['--name', 'two $(words)']"
BASH = shutil.which("bash")


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def on_path(folder: Path) -> str:
    """A PATH on which ``python`` is this interpreter."""
    script = write(folder / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def run_action(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """The diagnosing step of the action, with inputs put in as the runner does."""
    action = loaded("action.yml")
    given = {name: spec.get("default", "") for name, spec in action["inputs"].items()} | {
        key.replace("_", "-"): value for key, value in inputs.items()
    }
    step = action["runs"]["steps"][1]
    values = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
    variables = {name: values[text] for name, text in step["env"].items()}
    files = {name: str(folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    # The runner starts "shell: bash" like this.
    command = [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    env = environment(**variables, **files, RUNNER_TEMP=str(folder), PATH=on_path(folder))
    work = folder / values[step["working-directory"]]
    return subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.long
@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_action_installs_into_the_active_python(tmp_path: Path) -> None:
    """As on a runner: an environment of its own, torch there already, sgd-doctor from the action's checkout."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    Path(own, "torch_of_the_job.pth").write_text(str(Path(torch.origin).parents[1]))
    step = loaded("action.yml")["runs"]["steps"][0]
    assert step["env"] == {"SOURCE": "${{ github.action_path }}"}
    checkout = tmp_path / "the checkout"
    ignored = shutil.ignore_patterns(".git", ".venv", "*.egg-info", "build", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    env = {**os.environ, "SOURCE": str(checkout), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=400, check=False)
    if "No matching distribution" in result.stderr or "Connection" in result.stderr:
        pytest.skip("the packages that build a wheel cannot be had")
    assert result.returncode == 0, result.stderr
    where = "import sgd_doctor; print(sgd_doctor.__file__)"
    found = subprocess.run([str(python), "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(own)
    write(tmp_path / "train.py", FAULTY)
    said = subprocess.run(
        [str(python.parent / "sgd-doctor"), "diagnose", "--no-probes", "--steps", "20", "train.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 1
    assert "missing-backward" in said.stdout


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_action_annotates_writes_sarif_and_a_summary_and_fails(tmp_path: Path) -> None:
    write(tmp_path / "my train.py", FAULTY)
    result = run_action(tmp_path, script="my train.py", options="--no-probes --steps 20")
    assert result.returncode == 1, result.stderr
    assert "::error file=my train.py,line=" in result.stdout
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=1\n"
    assert '"ruleId": "missing-backward"' in (tmp_path / "sgd-doctor.sarif").read_text()
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("```text\n")
    assert "missing-backward" in summary


@pytest.mark.long
@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_action_passes_arguments_whole_and_need_not_fail(tmp_path: Path) -> None:
    write(
        tmp_path / "job" / "train.py",
        FAULTY.replace("torch.manual_seed(0)", WANTED),
    )
    given = {"script": "train.py", "arguments": "--name 'two $(words)'", "options": "--no-probes --steps 20"}
    result = run_action(tmp_path, **given, working_directory="job", fail_on_findings="false")
    assert result.returncode == 0, result.stderr
    assert "::error file=train.py" in result.stdout
    wrong = run_action(tmp_path, script="nowhere.py", fail_on_findings="false")
    assert wrong.returncode == 2
    assert "no such file: nowhere.py" in wrong.stderr


def test_action_takes_no_value_into_its_shell_text() -> None:
    action = loaded("action.yml")
    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
    assert all(spec["description"] for spec in (*action["inputs"].values(), *action["outputs"].values()))


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize(("script", "code"), [(HEALTHY, 0), (FAULTY, 1)], ids=["healthy", "faulty"])
def test_pre_commit_runs_the_hook(script: str, code: int, tmp_path: Path) -> None:
    pytest.importorskip("pre_commit")
    hooks, user = tmp_path / "hooks", tmp_path / "user"
    write(hooks / ".pre-commit-hooks.yaml", (ROOT / ".pre-commit-hooks.yaml").read_text())
    write(user / "train.py", script)
    for folder in (hooks, user):
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "first")
    config = {
        "repos": [
            {"repo": str(hooks), "rev": "HEAD", "hooks": [{"id": "sgd-doctor", "args": ["--no-probes", "train.py"]}]}
        ]
    }
    (user / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    env = environment(PRE_COMMIT_HOME=str(tmp_path / "cache"), PATH=on_path(tmp_path))
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose"]
    result = subprocess.run(command, cwd=user, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    said = "missing-backward" if code else "healthy"
    assert said in result.stdout
    assert not list(user.glob("sgd-doctor-report*"))
