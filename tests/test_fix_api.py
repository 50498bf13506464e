"""The public face: several edits at once, refusals, diffs and writing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgd_doctor.errors import MissingExtra
from sgd_doctor.findings import Edit
from sgd_doctor.fix import EDITS, edit_source, read_source, unified_diff, write_fix

LOOP = """\
opt = torch.optim.SGD(model.parameters(), lr=10)
for x, y in loader:
    loss = F.cross_entropy(F.softmax(model(x), dim=1), y)
    loss.backward()
    opt.step()
"""
ALL = [
    Edit("insert-zero-grad", {"backward_line": 4, "step_line": 5}),
    Edit("set-optimizer-arg", {"line": 1, "arg": "lr", "value": 0.1}),
    Edit("set-optimizer-arg", {"line": 1, "arg": "momentum", "value": 0.9}),
    Edit("set-optimizer-arg", {"line": 1, "arg": "weight_decay", "value": 1e-4}),
    Edit("drop-activation", {"line": 3, "name": "softmax"}),
    Edit("reshape-target", {"line": 3, "how": "squeeze", "operand": "target"}),
]


def test_several_edits_refer_to_the_original_lines() -> None:
    assert edit_source(LOOP, ALL) == (
        "opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.0001)\n"
        "for x, y in loader:\n"
        "    loss = F.cross_entropy(model(x), y.squeeze(1))\n"
        "    opt.zero_grad()\n"
        "    loss.backward()\n"
        "    opt.step()\n"
    )


def test_the_order_of_the_edits_does_not_matter_where_they_do_not_meet() -> None:
    assert edit_source(LOOP, [ALL[4], ALL[0]]) == edit_source(LOOP, [ALL[0], ALL[4]])


def test_the_same_edit_twice_is_made_once() -> None:
    assert edit_source(LOOP, [ALL[0], ALL[0]]) == edit_source(LOOP, [ALL[0]])


@pytest.mark.parametrize(
    "edit",
    [
        Edit("no-such-edit"),
        Edit("set-optimizer-arg", {"line": 99, "arg": "lr", "value": 1.0}),
        Edit("set-optimizer-arg", {"line": 1, "arg": "lr", "value": float("nan")}),
        Edit("set-optimizer-arg", {"line": 1, "arg": "lr", "value": float("inf")}),
        Edit("drop-activation", {"line": 3, "name": "relu"}),
        Edit("drop-activation", {"line": 3, "name": "nonsense"}),
        Edit("reshape-target", {"line": 3, "how": "nonsense"}),
        Edit("set-mode", {"line": 3, "mode": "nonsense"}),
        Edit("insert-zero-grad", {"backward_line": 5, "step_line": 4}),
    ],
)
def test_one_edit_that_is_not_safe_refuses_them_all(edit: Edit) -> None:
    assert edit_source(LOOP, [edit]) is None
    assert edit_source(LOOP, [ALL[0], edit]) is None


def test_edits_that_collide_are_refused() -> None:
    other = Edit("set-optimizer-arg", {"line": 1, "arg": "lr", "value": 0.2})
    assert edit_source(LOOP, [ALL[1], other]) is None


@pytest.mark.parametrize("source", ["", "\n", "def f(:\n", "x = 1", "\x0cx = 1\n", "x = 1\x00\n"])
def test_sources_without_the_fault_or_without_sense_are_refused(source: str) -> None:
    assert edit_source(source, [ALL[1]]) is None


def test_no_edit_changes_nothing() -> None:
    assert edit_source(LOOP, []) is None


@pytest.mark.parametrize("kind", EDITS)
def test_every_edit_answers_with_nothing_on_a_line_that_does_not_fit(kind: str) -> None:
    numbers = (
        "line loss_line optimizer_line backward_line step_line zero_line forward_line scheduler_line "
        "after_line clip_line train_line eval_line"
    )
    args = {
        **dict.fromkeys(numbers.split(), 2),
        **{"arg": "lr", "value": 1.0, "name": "relu", "how": "unsqueeze", "mode": "train", "function": "softmax"},
        **{"to": "log_softmax", "count": 2, "operand": 0, "names": ["x"], "functions": ["Linear"], "what": "weight"},
        **{"kind": "single", "side": "labels", "factor": 2, "size": 4, "out": 2, "max_norm": 1.0},
        **{"missing": "a.weight", "unexpected": "module.a.weight"},
    }
    assert edit_source("# nothing\nimport os\nx = os.name\n", [Edit(kind, args)]) is None


def test_a_byte_order_mark_is_kept() -> None:
    assert edit_source("\ufeffopt = SGD(p, lr=1)\n", [ALL[1]]) == "\ufeffopt = SGD(p, lr=0.1)\n"


def test_missing_libcst_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libcst", None)
    with pytest.raises(MissingExtra, match=r"writing a source diff needs libcst.*sgd-doctor\[fix\]"):
        edit_source(LOOP, ALL)


def test_importing_the_package_imports_no_libcst() -> None:
    code = "import sys, sgd_doctor.fix; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_diff_of_a_last_line_without_newline(tmp_path: Path) -> None:
    before, after = "a\nb", "a\nc"
    diff = unified_diff("sub/x.py", before, after)
    assert diff.startswith("--- a/sub/x.py\n+++ b/sub/x.py\n")
    assert diff.count("\\ No newline at end of file") == 2
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x.py").write_text(before)
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "sub/x.py").read_text() == after


def test_diff_of_equal_texts_is_empty() -> None:
    assert unified_diff("x.py", "a\n", "a\n") == ""


def test_write_keeps_the_original_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("a = 1\n")
    path.chmod(0o755)
    assert write_fix(path, "a = 2\n") == tmp_path / "train.py.orig"
    assert path.read_text() == "a = 2\n"
    assert path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "train.py.orig").read_text() == "a = 1\n"
    assert sorted(os.listdir(tmp_path)) == ["train.py", "train.py.orig"]


def test_write_never_loses_the_first_original(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("a = 1\n")
    write_fix(path, "a = 2\n")
    assert write_fix(path, "a = 3\n") == tmp_path / "train.py.orig1"
    assert (tmp_path / "train.py.orig").read_text() == "a = 1\n"


def test_writing_the_same_again_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("a = 1\n")
    assert write_fix(path, "a = 1\n") is None
    assert os.listdir(tmp_path) == ["train.py"]


def test_a_file_under_git_needs_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "train[1].py"
    path.write_text("a = 1\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert write_fix(path, "a = 2\n") is not None
    subprocess.run(["git", "add", "--", ":(literal)train[1].py"], cwd=tmp_path, check=True)
    assert write_fix(path, "a = 3\n") is None
    assert path.read_text() == "a = 3\n"


@pytest.mark.parametrize(
    "content",
    ["# -*- coding: latin-1 -*-\nlr = 1  # größe\n".encode("latin-1"), "\ufefflr = 1\r\n# ä\r\n".encode()],
)
def test_encoding_and_newlines_survive(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_bytes(content)
    write_fix(path, read_source(path).replace("lr = 1", "lr = 2"))
    assert path.read_bytes() == content.replace(b"lr = 1", b"lr = 2")


def test_a_text_read_with_universal_newlines_does_not_lose_them(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_bytes(b"a = 1\r\nb = 1\r\n")
    write_fix(path, path.read_text().replace("a = 1", "a = 2"))
    assert path.read_bytes() == b"a = 2\r\nb = 1\r\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_text("a = 1\n")
    link.symlink_to(real)
    write_fix(link, "a = 2\n")
    assert link.is_symlink()
    assert real.read_text() == "a = 2\n"
