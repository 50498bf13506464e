"""Findings that the user's own source silences: ``# sgd-doctor: ignore[lr-too-low]``."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence

from sgd_doctor.assemble import shown_path
from sgd_doctor.check import Check
from sgd_doctor.findings import Finding
from sgd_doctor.proof.case import Diagnosis

_COMMENT = re.compile(r"#\s*sgd-doctor:\s*ignore(?:\[([^\]]*)\])?(?![\w-])")


def drop_silenced(diagnosis: Diagnosis, checks: Sequence[Check]) -> None:
    """Take out the findings whose line names their check (or its family, or no check at all); a note says so."""
    families = {check.name: check.family for check in checks}
    kept = []
    for proven in diagnosis.proven:
        finding = proven.finding
        if finding.location is not None and silences(finding.location.code, finding.check, families):
            diagnosis.notes.append(_note(finding))
        else:
            kept.append(proven)
    diagnosis.proven[:] = kept


def silences(code: str, check: str, families: dict[str, str]) -> bool:
    """Whether a comment in ``code`` silences ``check``."""
    for comment in _comments(code):
        found = _COMMENT.search(comment)
        if found is not None:
            names = {name.strip() for name in (found[1] or "").split(",")} - {""}
            return found[1] is None or bool(names & {check, families.get(check, check)})
    return False


def _comments(code: str) -> list[str]:
    """The comments of a piece of source; a line of a longer statement is read as far as it goes."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError):  # a piece of a statement, which not every Python's tokenizer reads
        return found or [code]
    return found


def _note(finding: Finding) -> str:
    place = finding.location
    where = f"{shown_path(place.path)}:{place.line}" if place is not None else "its line"
    return f"{finding.check} was found and left out: a comment at {where} silences it"
