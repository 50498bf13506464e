"""The pytest fixture, as users' test suites meet it."""

from __future__ import annotations

import sys

import pytest

from tests.helpers import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLUGIN = "sgd_doctor.integrations.pytest_plugin"
LOADED = ("-p", "no:sgd-doctor", "-p", PLUGIN)
"""From this checkout, whether or not an entry point of an installed copy is there as well."""
SUITE = """
import torch
from torch import nn

def parts(lr):
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(4, 1)
    return model, loader, torch.optim.SGD(model.parameters(), lr=lr), nn.MSELoss()

def test_trains(sgd_doctor):
    report = sgd_doctor.assert_trains(*parts(0.1), probes=False)
    assert report.healthy
    assert report.run.steps == 50

def test_explodes(sgd_doctor):
    sgd_doctor.assert_trains(*parts(5.0))

def test_looks(sgd_doctor):
    model, loader, optimizer, loss_fn = parts(0.1)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    report = sgd_doctor.diagnose(model, loader, optimizer, loss_fn, probes=False)
    assert not report.healthy
"""


def test_loops_that_train_pass_and_others_fail_with_the_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess(*LOADED, "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2, failed=1)
    wanted = ["*AssertionError: unhealthy: lr 5 is too high*", "*Captured sgd-doctor call*", "*lr-too-high*"]
    result.stdout.fnmatch_lines(wanted)
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")  # the failure stands at the user's line


def test_plugin_is_declared_and_costs_a_test_run_nothing() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"sgd-doctor": PLUGIN}


def test_plugin_imports_no_torch(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_light(): assert 'torch' not in sys.modules\n")
    pytester.runpytest_subprocess(*LOADED).assert_outcomes(passed=1)


def test_fixture_is_listed_with_its_purpose(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*LOADED, "--fixtures", "-q")
    result.stdout.fnmatch_lines(["sgd_doctor*", "*assert_trains(model, loader, optimizer, loss_fn)*"])
