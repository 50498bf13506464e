"""The write shield, each way forced in turn, against scripts that write in every way they can."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgd_doctor.run.shield import discard
from tests.shield_scripts.place import OTHER_USER, SCRIPTS, Place, a_place, a_users_place, as_user

WAYS = pytest.mark.parametrize("how", ["overlay", "redirect"])


@pytest.fixture
def place() -> Iterator[Place]:
    # Sockets of workers are made in the scratch folder, and the path of one has 107 characters at most.
    with tempfile.TemporaryDirectory() as folder:
        yield from a_place(Path(folder))


@pytest.fixture
def users_place() -> Iterator[Place]:
    yield from a_users_place()


@pytest.mark.parametrize("how", ["overlay", "redirect", "redirect without landlock"])
def test_hostile_script_sees_its_writes_and_changes_nothing(place: Place, how: str) -> None:
    said = place.run(how, SCRIPTS / "hostile.py")
    assert said["kind"] == how.split()[0]
    assert not said["failures"], "\n".join(said["failures"].values())
    assert said["tried"] > 20


@pytest.mark.long
@pytest.mark.parametrize("workers", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", ["overlay", "redirect", "redirect without landlock"])
def test_training_script_sees_its_checkpoints_and_changes_nothing(place: Place, how: str, workers: str) -> None:
    said = place.run(how, SCRIPTS / "torch_writes.py", workers)
    assert not said["failures"], "\n".join(said["failures"].values())


@WAYS
def test_ordinary_user_is_shielded_as_well(users_place: Place, how: str) -> None:
    said = users_place.run(how, SCRIPTS / "hostile.py", command=as_user())
    assert said["kind"] == how
    assert not said["failures"], "\n".join(said["failures"].values())


def test_ordinary_user_keeps_identity_and_gains_no_rights(users_place: Place) -> None:
    said = users_place.run(
        "overlay",
        """
        import os
        print(os.getuid(), os.getgid(), os.stat("notes.txt").st_uid, os.stat("notes.txt").st_gid)
        print([line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")])
        try:
            open("/etc/made-by-hostile", "w")
        except OSError:
            print("denied")
        """,
        command=as_user(),
    )
    assert said["stdout"].split("\n")[:3] == [
        " ".join([str(OTHER_USER)] * 4),
        "['0000000000000000']",
        "denied",
    ]


def test_file_of_another_group_is_left_to_the_redirection(users_place: Place) -> None:
    users_place.run("redirect", "pass", command=as_user())  # skips where no user's interpreter is to be had
    discard(users_place.scratch)
    users_place.scratch.mkdir()
    os.chown(users_place.scratch, OTHER_USER, OTHER_USER)
    shared = users_place.project / "shared.txt"
    times = (shared.parent.stat().st_atime_ns, shared.parent.stat().st_mtime_ns)
    shared.write_text("the group's")
    os.chown(shared, OTHER_USER, 4242)
    script = """
        with open("shared.txt", "a") as file:
            file.write("+")
        print(open("shared.txt").read())
    """
    try:
        said = users_place.run("best", script, command=as_user())
        assert said["kind"] == "redirect"
        assert "shared.txt" in said["notes"][0]
        assert said["stdout"] == "the group's+\n"
        assert shared.read_text() == "the group's"
    finally:
        shared.unlink()
        os.utime(users_place.project, ns=times)


HOSTILE_SHELL = """
    import os, subprocess
    subprocess.run("rm -rf keep notes.txt; echo new > log.csv; mv old_run x; chmod 600 best.pt; touch t",
                   shell=True)
    print(sorted(os.listdir(".")), open("log.csv").read())
"""


def test_programs_are_shielded_by_the_overlay(place: Place) -> None:
    said = place.run("overlay", HOSTILE_SHELL)
    assert "'keep'" not in said["stdout"]
    assert "'x'" in said["stdout"]
    assert "new" in said["stdout"]


def test_programs_are_denied_writing_by_the_redirection(place: Place) -> None:
    script = HOSTILE_SHELL.replace("chmod 600 best.pt; ", "")  # which Landlock knows no right for
    said = place.run("redirect", script + "\n    open('/proc/self/comm').read()")
    if "denied" not in said["notes"][1]:
        pytest.skip("no Landlock: " + said["notes"][1])
    assert "ermission denied" in said["stderr"]


def test_kept_folder_is_really_written_to(place: Place) -> None:
    for how in ("overlay", "redirect"):
        place.run(
            how,
            """
            import os, subprocess, sys
            folder = os.path.dirname(sys.argv[1])
            with open(folder + "/open", "w") as file:
                file.write("a")
            subprocess.run(["sh", "-c", f"echo b > {folder}/shell"], check=True)
            os.rename(folder + "/open", folder + "/renamed")
            """,
        )
        assert (place.results / "renamed").read_text() == "a"
        assert (place.results / "shell").read_text() == "b\n"
        discard(place.scratch)
        place.scratch.mkdir()
