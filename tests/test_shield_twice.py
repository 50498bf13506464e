"""The write shield put up again after a fork, late, in odd places and where the kernel refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sgd_doctor.run.shield import discard
from tests.shield_scripts.place import ROOT, Place, a_place, a_users_place, as_user, fingerprint

WAYS = pytest.mark.parametrize("how", ["overlay", "redirect"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from a_place(tmp_path)


@pytest.fixture
def users_place() -> Iterator[Place]:
    yield from a_users_place()


NESTED = """
    import os, sys
    from pathlib import Path
    from sgd_doctor.run import shield
    results = Path(sys.argv[1]).parent
    file = open("log.csv", "a")
    file.write("before the fork,\\n")
    file.flush()
    for number in range(3):
        if os.fork() == 0:
            scratch = results / f"scratch-{number}"
            scratch.mkdir()
            force = None if sys.argv[2] == "best" else sys.argv[2]
            info = shield.activate(scratch, keep=[results], force=force)
            file.write(f"replay {number}\\n")
            file.close()
            with open("notes.txt", "w") as notes:
                notes.write(str(number))
            os.remove("best.pt")
            os.rename("old_run", f"run_{number}")
            os.rename(f"run_{number}", "old_run")
            names = sorted(name for name in os.listdir(".") if name.startswith("made"))
            open(f"made_{number}", "w").close()
            said = [names, open("log.csv").read(), open("notes.txt").read(), sorted(os.listdir("old_run"))]
            (results / f"said-{number}").write_text(repr(said))
            os._exit(0)
        os.wait()
    file.write("after")
    file.close()
    print(open("log.csv").read(), open("notes.txt").read(), os.path.exists("best.pt"))
"""


TWICE = pytest.mark.parametrize(
    ("how", "again"),
    [("overlay", "overlay"), ("redirect", "redirect"), ("redirect", "best"), ("best", "best")],
)


@TWICE
def test_forked_replays_do_not_see_each_other(place: Place, how: str, again: str) -> None:
    _holds_nested(place, place.run(how, NESTED, again))


@TWICE
def test_forked_replays_of_an_ordinary_user_do_not_see_each_other(users_place: Place, how: str, again: str) -> None:
    _holds_nested(users_place, users_place.run(how, NESTED, again, command=as_user()))


def _holds_nested(place: Place, said: dict[str, Any]) -> None:
    log = "step,loss\n1,0.7\nbefore the fork,\n"
    for number in range(3):
        seen = (place.results / f"said-{number}").read_text()
        assert seen == repr([[], f"{log}replay {number}\n", str(number), ["1.txt", "2.txt", "sub"]])
        discard(place.results / f"scratch-{number}")
    assert said["stdout"] == f"{log}after last week's notes True\n"


@WAYS
def test_file_that_was_open_before_is_shielded(place: Place, how: str) -> None:
    script = f"""
    import os, sys
    sys.path.insert(0, {str(ROOT)!r})
    from pathlib import Path
    from sgd_doctor.run import shield
    file = open("log.csv", "r+")
    file.seek(0, 2)
    shield.activate(Path({str(place.scratch)!r}), force={how!r})
    file.write("2,0.1")
    file.close()
    print(open("log.csv").read())
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with open(place.base / "out.txt", "w") as out:  # what the user sends to a file arrives there
        subprocess.run(command, cwd=place.project, check=True, stdout=out)
    assert (place.base / "out.txt").read_text() == "step,loss\n1,0.7\n2,0.1\n"


def test_upper_layers_are_in_memory_where_the_disk_cannot_hold_them(place: Place) -> None:
    said = place.run(
        "overlay",
        """
        import os
        from pathlib import Path
        from sgd_doctor.run import layers, shield
        layers.memory_limit = lambda: 2**23
        inner = Path("inner")  # lies in an overlay, which cannot be the upper layer of another
        inner.mkdir()
        info = shield.activate(inner, force="overlay")
        print(info.notes)
        with open("notes.txt", "w") as file:
            file.write("inner")
        try:
            with open("big.bin", "wb") as file:
                for _ in range(16):
                    file.write(bytes(2**20))
        except OSError as error:
            print(error)
        """,
    )
    assert "No space left on device" in said["stdout"].splitlines()[0]
    assert said["stdout"].splitlines()[1] == "[Errno 28] No space left on device"


def test_refused_namespace_leaves_the_process_as_it_was(users_place: Place) -> None:
    said = users_place.run(
        "none",
        f"""
        import os
        from pathlib import Path
        from sgd_doctor.run import kernel, shield
        def refuse(*_, **__):
            raise PermissionError(1, "no mounts here")
        kernel.mount = refuse
        before = os.readlink("/proc/self/ns/user")
        info = shield.activate(Path({str(users_place.scratch)!r}))
        print(info.kind, info.notes[0], before == os.readlink("/proc/self/ns/user"))
        open("notes.txt", "w").close()
        """,
        command=as_user(),
    )
    assert said["stdout"] == "redirect no kernel overlay here ([Errno 1] no mounts here) True\n"


def test_threads_are_left_to_the_redirection(place: Place) -> None:
    said = place.run(
        "none",
        f"""
        import threading
        from pathlib import Path
        from sgd_doctor.run import shield
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        info = shield.activate(Path({str(place.scratch)!r}))
        print(info.kind, info.notes[0])
        open("notes.txt", "w").close()
        """,
    )
    assert said["stdout"].startswith("redirect no kernel overlay here (the process has more than one thread)")


@WAYS
def test_users_data_in_shared_memory_stays(place: Place, how: str) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        (folder / "data.bin").write_text("data")
        before = fingerprint(folder)
        script = f"""
            import os, shutil
            from multiprocessing import shared_memory
            shutil.rmtree({str(folder)!r}, ignore_errors=True)
            print(os.path.exists({str(folder / "data.bin")!r}))
            with open("/dev/shm/sgd-doctor-left-behind", "w") as file:
                file.write("x")
            block = shared_memory.SharedMemory(create=True, size=100)
            block.close()
            block.unlink()
        """
        assert place.run(how, script)["stdout"] == "False\n"
        assert fingerprint(folder) == before
        assert not os.path.exists("/dev/shm/sgd-doctor-left-behind")
    finally:
        shutil.rmtree(folder)


def test_socket_of_another_program_can_be_connected_to(place: Place) -> None:
    import socket

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(folder + "/s")
        server.listen()
        place.run("overlay", f"import socket; socket.socket(socket.AF_UNIX).connect({folder + '/s'!r})")


@WAYS
def test_file_that_is_mapped_already_is_named(place: Place, how: str) -> None:
    script = f"""
        import mmap
        from pathlib import Path
        from sgd_doctor.run import shield
        with open("notes.txt", "r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0)
        info = shield.activate(Path({str(place.scratch)!r}), force={how!r})
        print(info.notes[-1])
    """
    assert "notes.txt was mapped into memory" in place.run("none", script)["stdout"]
