"""What a target finds at its first line.  Needs no torch: the script is to import it first."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from sgd_doctor.run.spec import ChildSpec


@dataclass(frozen=True)
class Beginning:
    """Made right before the target's first line; :meth:`restore` puts it back."""

    spec: ChildSpec
    cwd: str = field(default_factory=os.getcwd)
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))

    def restore(self) -> None:
        """Working directory, environment and ``sys.path`` as they were."""
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.environ)
        sys.path[:] = self.path
