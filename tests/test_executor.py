"""Experiments made by an executor of the user's: a process pool here, a cluster elsewhere."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sgd_doctor import diagnose
from tests.helpers import HEALTHY, same_tree, tree, write

TOO_HIGH = HEALTHY.replace("lr=0.1", "lr=0.9") + "    open('log.txt', 'w').write('done')\n"


class Counting(ProcessPoolExecutor):
    """Says how much was asked of it."""

    asked = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.asked += 1
        return super().submit(*args, **kwargs)


class Failing(ProcessPoolExecutor):
    """A cluster whose workers cannot be reached."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        lost: Future[Any] = Future()
        lost.set_exception(ConnectionError("no worker"))
        return lost


class Closed(ProcessPoolExecutor):
    """A pool that takes nothing any more."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise RuntimeError("cannot schedule new futures after shutdown")


@pytest.mark.long
def test_experiments_run_in_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "train.py", TOO_HIGH)
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    with Counting(2) as pool:
        report = diagnose("train.py", executor=pool, select="lr-too-high", budget=60)
    assert pool.asked == len(report.run.probes) > 2
    assert all(probe.steps for probe in report.run.probes)
    assert [f.check for f in report.problems] == ["lr-too-high"], report.ruled_out
    assert report.run.replay == "process"
    assert any("Counting" in note for note in report.notes)
    assert same_tree(before, tree(tmp_path)) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_experiments_run_on_a_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    write(tmp_path / "train.py", TOO_HIGH)
    monkeypatch.chdir(tmp_path)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, processes=False) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = diagnose("train.py", executor=client.get_executor(), select="lr-too-high", budget=500)
    assert [(f.check, f.confidence.value) for f in report.problems] == [("lr-too-high", "confirmed")], report.ruled_out
    assert all(probe.steps for probe in report.run.probes)
    assert any("ClientExecutor" in note for note in report.notes)


LOST = [
    (Failing, "were lost (ConnectionError: no worker)"),
    (Closed, "were lost (RuntimeError: cannot schedule new futures after shutdown)"),
]


@pytest.mark.parametrize(("kind", "reason"), LOST)
def test_workers_that_are_lost_cost_the_proof_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[ProcessPoolExecutor], reason: str
) -> None:
    write(tmp_path / "train.py", TOO_HIGH)
    monkeypatch.chdir(tmp_path)
    report = diagnose("train.py", executor=kind(1), select="lr-too-high", steps=30)
    assert report.run.steps == 30
    assert not report.problems
    assert any(reason in note for note in report.notes), report.notes


RAY = """
from concurrent.futures import Executor

import ray

from sgd_doctor import diagnose


@ray.remote
def call(function, arguments):
    return function(*arguments)


class RayExecutor(Executor):
    def submit(self, function, /, *arguments):
        return call.remote(function, arguments).future()


ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
report = diagnose("train.py", executor=RayExecutor(), select="lr-too-high", budget=500)
print([(f.check, f.confidence.value) for f in report.problems], [p.steps for p in report.run.probes], report.notes)
ray.shutdown()
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_experiments_run_on_a_ray_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    write(tmp_path / "train.py", TOO_HIGH)
    path = write(tmp_path / "cluster.py", RAY)
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[('lr-too-high', 'confirmed')]"), done.stdout
    assert "RayExecutor" in done.stdout


def test_executor_goes_with_a_path() -> None:
    with Counting(1) as pool, pytest.raises(ValueError, match="executor is for scripts"):
        diagnose(lambda: None, executor=pool)  # type: ignore[call-overload]
    assert pool.asked == 0
