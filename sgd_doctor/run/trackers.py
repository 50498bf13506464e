"""Experiment trackers are switched to off or offline through the environment variables they document.

A variable is set only where it keeps data from leaving the machine without making the script fail. That
is why ``HF_HUB_OFFLINE`` is not in the table: a script that fetches its model or data set would stop.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import NamedTuple


class Switch(NamedTuple):
    """One variable of one tracker: ``{scratch}`` in a value stands for the scratch folder.

    A value that the user has set and that is in ``quiet`` is left alone: it is quiet already.
    """

    name: str
    value: str
    source: str
    quiet: tuple[str, ...] = ()


SWITCHES = (
    Switch(
        "WANDB_MODE",
        "disabled",
        "docs.wandb.ai, 'Environment variables': mocked objects, no network, no process of its own",
        ("disabled", "offline", "dryrun"),
    ),
    Switch(
        "MLFLOW_TRACKING_URI",
        "file://{scratch}/mlruns",
        "mlflow.org, mlflow.environment_variables: where runs are logged to",
    ),
    Switch(
        "MLFLOW_ALLOW_FILE_STORE",
        "true",
        "mlflow.org, mlflow.environment_variables: later versions refuse a file store without it",
    ),
    Switch(
        "COMET_START_ONLINE",
        "0",
        "comet.com, 'Run experiments offline': comet_ml.start() makes an offline experiment",
        ("0", "false", "False"),
    ),
    Switch(
        "COMET_MODE",
        "DISABLED",
        "transformers, CometCallback.setup: turned off; read by versions before COMET_START_ONLINE",
        ("DISABLED", "OFFLINE"),
    ),
    Switch(
        "COMET_OFFLINE_DIRECTORY",
        "{scratch}/comet",
        "comet.com, 'Fallback to Offline Experiment': where offline archives are written",
    ),
    Switch(
        "NEPTUNE_MODE",
        "offline",
        "docs.neptune.ai, 'Environment variables': the one quiet mode that both of its clients know",
        ("debug", "disabled", "offline", "read-only"),
    ),
    Switch(
        "CLEARML_OFFLINE_MODE",
        "1",
        "clear.ml/docs, 'Task', offline mode: tasks are kept as local archives",
        ("1", "true", "True"),
    ),
    Switch(
        "SWANLAB_MODE",
        "disabled",
        "docs.swanlab.cn, 'swanlab disabled': mode by environment variable",
        ("disabled", "offline", "local"),
    ),
    Switch("HF_HUB_DISABLE_TELEMETRY", "1", "huggingface.co/docs/huggingface_hub, 'Environment variables'"),
)


def quiet_trackers(environ: MutableMapping[str, str], scratch: Path) -> tuple[str, ...]:
    """Switch the trackers off in ``environ``, the script's environment to be.

    An argument in the script goes before the environment (``wandb.init(mode="online")``), and what the
    script sends by other means is not held back.

    Returns:
        What was set, as ``NAME=value``, for the report.
    """
    done = []
    for switch in SWITCHES:
        value = switch.value.format(scratch=scratch.resolve())
        if environ.get(switch.name) in switch.quiet:
            continue
        environ[switch.name] = value
        done.append(f"{switch.name}={value}")
    return tuple(done)
