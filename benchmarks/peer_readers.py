"""The other tools that read a file: the source as it is, or the log of a run."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peer_adapters import Said, different

Rows = list[dict[str, float]]
"""A log: step, loss, grad_norm, lr and sometimes val_loss."""
EPOCHS = 20
"""Into so many parts a run is cut for the tools that want epochs, where no validation divides it."""
PATIENCE = 600
"""Seconds for one call of a command."""


def command(*words: str) -> str:
    """What a command of this environment prints."""
    program = str(Path(sys.executable).parent / words[0])
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout


def torch_preflight(scripts: Sequence[Path]) -> dict[Path, list[Said]]:
    """``torch-preflight check``: notes are no alarm."""
    found: dict[Path, list[Said]] = {script: [] for script in scripts}
    report = json.loads(command("torch-preflight", "check", "-f", "json", "-j", "1", *map(str, scripts)))
    for d in report["diagnostics"]:
        where = Path(d.get("path") or d["file"]).resolve()
        found[where].append(Said(f"{d.get('code') or d['rule']}: {d['message']}", d["severity"] != "note"))
    return found


def torchfix(scripts: Sequence[Path]) -> dict[Path, list[Said]]:
    """``torchfix`` with its default rules."""
    found: dict[Path, list[Said]] = {script: [] for script in scripts}
    for line in command("torchfix", "--jobs", "1", *map(str, scripts)).splitlines():
        if match := re.match(r"(.+?):\d+:\d+: (TOR\d+.*)", line):
            found[Path(match[1]).resolve()].append(Said(match[2]))
    return found


def mldoct_check(scripts: Sequence[Path]) -> dict[Path, list[Said]]:
    """``mldoctor check``."""
    from mldoctor.linter import lint_script

    return {
        script: [Said(f"{f['type']}: {f['message']}", f["severity"] != "INFO") for f in lint_script(str(script))[0]]
        for script in scripts
    }


STATIC: dict[str, Callable[[Sequence[Path]], dict[Path, list[Said]]]] = {
    "torch-preflight": torch_preflight,
    "mldoct check": mldoct_check,
    "TorchFix": torchfix,
}
"""The tools that read source."""


def epochs(rows: Rows) -> Rows:
    """Mean training loss and gradient norm by epoch; the training loss stands in where nothing was validated."""
    ends = [i for i, row in enumerate(rows) if "val_loss" in row]
    if len(ends) < 2:
        parts = min(EPOCHS, len(rows))
        ends = [len(rows) * (k + 1) // parts - 1 for k in range(parts)]
    result: Rows = []
    start = 0
    for number, end in enumerate(ends):
        part = rows[start : end + 1] or [rows[end]]
        loss = sum(r["loss"] for r in part) / len(part)
        norm = sum(r["grad_norm"] for r in part) / len(part)
        val, lr = rows[end].get("val_loss", loss), part[-1]["lr"]
        result.append({"epoch": number + 1, "train_loss": loss, "val_loss": val, "grad_norm": norm, "lr": lr})
        start = end + 1
    return result


def table(path: Path, rows: Rows) -> None:
    """CSV with the columns of all rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(columns), *(",".join(str(row.get(c, "")) for c in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def runmedic(folder: Path, rows: Rows) -> list[Said]:
    """``runmedic diagnose`` on the table of steps; whatever it names among likely causes and fixes counts."""
    table(folder / "log.csv", rows)
    said = []
    for run in json.loads(command("runmedic", "diagnose", str(folder / "log.csv"), "--json")):
        for f in run["findings"]:
            words = "; ".join([f["title"], *f["likely_causes"], *f["fixes"]])
            said.append(Said(f"{f['check']}: {words}", f["severity"] != "info"))
    return said


def trainproof(folder: Path, rows: Rows) -> list[Said]:
    """``trainproof epoch`` on the same, with its own name for the validation loss."""
    named = [{("eval_loss" if k == "val_loss" else k): v for k, v in row.items()} for row in rows]
    path = folder / "log_eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in named))
    reports = json.loads(command("trainproof", "epoch", str(path), "--format", "jsonl", "--json"))["reports"]
    return [
        Said(f"{f['id']}: {f['message']}", f["level"] in ("WARN", "FAIL"))
        for report in reports
        for f in report["findings"]
        if f["level"] != "PASS"
    ]


def sk_autod(_: Path, rows: Rows) -> list[Said]:
    """``diagnose(train_loss, val_loss)``."""
    from sk_autod import diagnose

    parts = epochs(rows)
    report = diagnose([p["train_loss"] for p in parts], [p["val_loss"] for p in parts])
    found = report.findings
    return [Said(f"{f.detector_name}: {f.message} {f.recommendation}", f.severity.value != "INFO") for f in found]


def mldoct_diagnose(folder: Path, rows: Rows) -> list[Said]:
    """``mldoctor diagnose`` on the table of epochs: its condition, and its insights that are no praise."""
    from mldoctor.advisor import diagnose_csv

    table(folder / "epochs.csv", epochs(rows))
    result = diagnose_csv(str(folder / "epochs.csv"))
    healthy = result["label"].lower().startswith("healthy")
    insights = [Said(f"insight: {i}", False) for i in result.get("insights", []) if "Stable" not in i]
    return [] if healthy and not insights else [*([] if healthy else [Said(result["title"])]), *insights]


def ml_train_diag(_: Path, rows: Rows) -> list[Said]:
    """``ml_diag.diagnose`` on the same epochs."""
    import pandas
    from ml_diag import diagnose

    parts = epochs(rows)
    lr = parts[0]["lr"] if math.isfinite(parts[0]["lr"]) else 0.01
    meta: dict[str, Any] = {
        "run_id": "run", "dataset_name": "own", "model_name": "own", "framework": "pytorch", "optimizer": "sgd",
        "learning_rate": lr, "batch_size": 64, "epochs_planned": len(parts), "seed": 0,
    }  # fmt: skip
    result = diagnose(meta=meta, history=pandas.DataFrame(parts), language="en")
    return [] if result.label == "healthy" else [Said(str(result.label))]


LOGS: dict[str, Callable[[Path, Rows], list[Said]]] = {
    "runmedic": runmedic,
    "trainproof": trainproof,
    "sk-autod": sk_autod,
    "mldoct diagnose": mldoct_diagnose,
    "ml-train-diag": ml_train_diag,
}
"""The tools that read the log of a run."""


def read_logs(folder: Path, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each wanted reader of logs says about the run in ``folder``."""
    path = folder / "log.jsonl"
    rows: Rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    results: dict[str, dict[str, Any]] = {}
    here = os.getcwd()
    for name in wanted:
        try:
            said = different(LOGS[name](folder, rows)) if rows else []
            results[name] = {"said": [{"text": s.text, "alarm": s.alarm} for s in said], "crash": ""}
        except Exception as error:
            results[name] = {"said": [], "crash": f"{type(error).__name__}: {error}"}
        os.chdir(here)
    return results
