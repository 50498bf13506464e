"""Whether offered diffs help: the full run of the edited script between the broken and the repaired one."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Change, Run, run

HALF_WAY = 0.5
LOSS_OF_NOTHING = 10.0
"""A loss that is not finite counts as so many times the repaired run's."""


@dataclass
class Repair:
    """Printed metrics of three full runs with the same seed, and how far the edited one came."""

    broken: Run
    edited: Run
    repaired: Run

    @property
    def way(self) -> float:
        """0: as bad as broken, 1: as good as repaired.  NaN where the two do not differ."""
        good = self.repaired.cost
        bad = self.broken.cost
        if not math.isfinite(bad):
            bad = 1.0 if self.repaired.higher_is_better else max(LOSS_OF_NOTHING * good, self.repaired.first_loss)
        if not math.isfinite(good) or not bad > good:
            return math.nan
        return (bad - self.edited.cost) / (bad - good) if math.isfinite(self.edited.cost) else -math.inf

    @property
    def helps(self) -> bool:
        return self.way >= HALF_WAY

    def __str__(self) -> str:
        name = self.repaired.metric_name
        values = " → ".join(f"{r.metric:.4g}" for r in (self.broken, self.edited))
        return f"{name} {values} (repaired {self.repaired.metric:.4g}): {self.way:.0%} of the way"


def run_edited(script: Path, argv: list[str], patched: dict[str, str]) -> Run:
    """The full run of ``script`` with other text in some files, in a copy of its folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / script.parent.name
        shutil.copytree(script.parent, folder)
        for name, text in patched.items():
            (folder / Path(name).resolve().relative_to(script.parent.resolve())).write_text(text)
        return run(folder / script.name, argv, Change())


def repair(entry: dict[str, Any], patched: dict[str, str]) -> Repair | None:
    """Broken, edited and repaired script, each run to its end; None without a twin."""
    if "repaired" not in entry:
        return None
    script, twin, argv = entry["folder"] / entry["path"], entry["folder"] / entry["repaired"], entry.get("argv", [])
    broken = run(script, argv, Change())
    return Repair(broken, run_edited(script, argv, patched), run(twin, argv, Change()))
