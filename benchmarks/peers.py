"""The tools that people use today, on the sample scripts: which name the cause, which say anything, which cry wolf.

    python3 -m venv .peers
    .peers/bin/pip install torch==2.13.0
    .peers/bin/pip install -e '.[peers,samples,frameworks,fix]'
    .peers/bin/python benchmarks/peers.py --json peers.json

An environment of its own, because of what these packages require.  ``--json FILE`` keeps what every tool said about
every script and goes on from there: stop it and start it again as you like.  Tools that read source see every script;
tools that run along, take a batch or read logs see ``--faulty`` and ``--healthy`` scripts, drawn with a seed so that
every cause is there before any comes twice.  ``--unseen`` takes the scripts of ``benchmarks/unseen/`` instead.  Ours
comes from ``accuracy.py --json`` (``--accuracy FILE``).  How answers are scored stands in ``peer_names.py``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from peer_adapters import ALONG, ONE_BATCH
from peer_names import show
from peer_readers import LOGS, STATIC, read_logs
from peer_shim import run_script

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "sample_scripts"
UNSEEN = HERE / "unseen"
SCRIPT_SECONDS = 1800
"""Wall seconds for a script with all the tools that run along; what has not answered by then says nothing."""
OURS = "sgd-doctor"
IMPORTS = (
    "sklearn.datasets", "sklearn.model_selection", "sklearn.preprocessing", "pandas", "torch._dynamo", "torchmortem",
    "training_doctor", "torch_audit", "traintools", "neural_observatory", "trainscope", "neuraldbg", "torchtest2",
    "torchdiag", "torch_lr_finder", "sk_autod", "mldoctor.advisor", "ml_diag",
)  # fmt: skip
"""Once here, so that the forked children need not."""

Results = dict[str, dict[str, Any]]
"""By script, by tool: what it said and whether it crashed."""


def drawn(entries: list[dict[str, Any]], faulty: int, healthy: int) -> list[dict[str, Any]]:
    """Scripts in the order in which they are tried: a faulty one, a healthy one and so on; every cause once first."""
    rng = random.Random(0)
    shuffled = rng.sample(entries, len(entries))
    met: dict[str, int] = {}
    turns: list[tuple[int, int, dict[str, Any]]] = []
    for place, entry in enumerate(e for e in shuffled if e["expect"] == "faulty"):
        turns.append((met.setdefault(entry["cause"], 0), place, entry))
        met[entry["cause"]] += 1
    bad = [entry for *_, entry in sorted(turns, key=lambda turn: turn[:2])][:faulty]
    good = [e for e in shuffled if e["expect"] == "healthy"][:healthy]
    return [e for pair in zip(bad, good, strict=False) for e in pair] + bad[len(good) :] + good[len(bad) :]


def along(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """One script with every tool that runs along, takes a batch or reads its log."""
    with tempfile.TemporaryDirectory() as place:
        answers = Path(place)
        _forked(lambda: run_script(answers, folder / entry["path"], list(entry.get("argv", ()))))
        # In a child as well: these start threads, and a process with threads must not be forked.
        _forked(lambda: (answers / "logs.json").write_text(json.dumps(read_logs(answers, list(LOGS)))))
        end = _read(answers / "end.json").get("end", "killed")
        found: dict[str, Any] = {"end": end}
        for name in (*ALONG, *ONE_BATCH):
            answer = _read(answers / f"{name}.json")
            own = answer.get("end", "") not in ("", "ok", "stopped", end)
            crash = answer.get("crash") or (f"ends the script: {answer['end']}" if own else "")
            found[name] = {"said": answer.get("said", []), "crash": crash, "asked": bool(answer)}
        return found | _read(answers / "logs.json")


def _forked(work: Callable[[], Any]) -> None:
    """Do it in a child that is stopped after ``SCRIPT_SECONDS``."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setsid()
        work()
        os._exit(0)
    until = time.monotonic() + SCRIPT_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.1)


def _read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return result


def static(folder: Path, entries: list[dict[str, Any]], results: Results) -> Iterator[Results]:
    """All scripts at once for each tool that reads source."""
    for name, read in STATIC.items():
        missing = [e["path"] for e in entries if name not in results.get(e["path"], {})]
        if not missing:
            continue
        said = read([(folder / path).resolve() for path in missing])
        for path in missing:
            rows = [{"text": s.text, "alarm": s.alarm} for s in said[(folder / path).resolve()]]
            results.setdefault(path, {})[name] = {"said": rows, "crash": ""}
        print(f"{name}: {len(missing)} scripts read", flush=True)
        yield results


def collect(options: argparse.Namespace, entries: list[dict[str, Any]], samples: Path) -> Iterator[Results]:
    """Fill the results, script by script."""
    results: Results = _read(options.json)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "scripts"
        shutil.copytree(samples, folder)  # scripts write files, and none of them belongs here
        for entry in drawn(entries, options.faulty, options.healthy):
            row = results.setdefault(entry["path"], {})
            started = time.monotonic()
            if "end" in row:
                continue
            row |= along(folder, entry)
            seconds = time.monotonic() - started
            print(f"{entry['path']:<44}{entry.get('cause', entry['expect']):<28}{seconds:6.0f} s", flush=True)
            yield results
        yield from static(folder, entries, results)


def main() -> int:
    """Ask the tools, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=Path("peers.json"))
    parser.add_argument("--faulty", type=int, default=70)
    parser.add_argument("--healthy", type=int, default=60)
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--accuracy", type=Path, help="what accuracy.py --json kept of the same scripts")
    parser.add_argument("--table", action="store_true", help="only print what the file has")
    parser.add_argument("--verbose", action="store_true", help="print what each tool said about each script")
    options = parser.parse_args()
    samples = UNSEEN if options.unseen else SAMPLES
    entries = tomllib.loads((samples / "expected.toml").read_text())["script"]
    if not options.table:
        for name in IMPORTS:
            import_module(name)
        for results in collect(options, entries, samples):
            waiting = options.json.with_suffix(".part")
            waiting.write_text(json.dumps(results))
            waiting.replace(options.json)
    results: Results = _read(options.json)
    for path, said in (_read(options.accuracy) if options.accuracy else {}).items():
        results.setdefault(path, {})[OURS] = {"said": said, "crash": ""}
    show(entries, results, options.verbose)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
