"""Write one page for each check from its docstring: ``python docs/generate.py [--check]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sgd_doctor.loader import load_checks

FOLDER = Path(__file__).resolve().parent / "checks"


def pages() -> dict[str, str]:
    """The text of every page by file name."""
    known, _ = load_checks()
    found = {
        f"{check.name}.md": f"# {check.name}\n\nFamily: {check.family}. {check.summary.capitalize()}.\n\n"
        f"{check.documentation()}\n"
        for check in known.values()
    }
    rows = "\n".join(f"| [{c.name}]({c.name}.md) | {c.family} | {c.summary} |" for c in known.values())
    found["index.md"] = f"# All checks\n\n| check | family | what it finds |\n|--|--|--|\n{rows}\n"
    return found


def main() -> int:
    """Write the pages, or with ``--check`` only say whether they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    only_check = parser.parse_args().check
    wanted = pages()
    present = {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.md")}
    if only_check:
        stale = sorted(n for n in wanted.keys() | present.keys() if wanted.get(n) != present.get(n))
        print(f"out of date: {', '.join(stale)}" if stale else "up to date", file=sys.stderr)
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for name in present.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
