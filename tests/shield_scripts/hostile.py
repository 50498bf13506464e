"""A script that writes, removes and renames in every way it can, in the folder that it is started in.

Every attempt asserts that the script sees what it has done. ``argv[1]`` is where the outcome is written.
"""
# ruff: noqa: SIM115, PT017, PT018  (a script as people write them, not a test)

import csv
import json
import logging
import os
import pathlib
import pickle
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path.cwd()
ATTEMPTS = []


def attempt(function):
    ATTEMPTS.append(function)
    return function


@attempt
def open_w():
    with open("notes.txt", "w") as file:
        file.write("new")
    assert pathlib.Path("notes.txt").read_text() == "new"
    assert os.stat("notes.txt").st_size == 3


@attempt
def open_a():
    with open("log.csv", "a") as file:
        assert file.name == "log.csv"
        file.write("2,0.5\n")
    assert open("log.csv").read() == "step,loss\n1,0.7\n2,0.5\n"


@attempt
def open_r_plus():
    with open("keep/a.bin", "r+b") as file:
        file.seek(2)
        file.write(b"XX")
    assert open("keep/a.bin", "rb").read() == b"01XX456789"


@attempt
def open_x():
    with open("fresh.txt", "x") as file:
        file.write("x")
    assert "fresh.txt" in os.listdir() and (HERE / "fresh.txt").exists()
    try:
        open("fresh.txt", "x")
    except FileExistsError as error:
        assert error.filename == "fresh.txt"
    else:
        raise AssertionError("opened twice with x")


@attempt
def missing_file_has_its_own_name():
    try:
        open("absent/one.txt", "w")
    except FileNotFoundError as error:
        assert error.filename == "absent/one.txt", error.filename
    else:
        raise AssertionError("opened in a folder that is not there")


@attempt
def pathlib_ways():
    (HERE / "made" / "deep").mkdir(parents=True)
    file = HERE / "made" / "deep" / "a.txt"
    file.write_text("a")
    file.rename(HERE / "made" / "b.txt")
    assert [p.name for p in sorted((HERE / "made").iterdir())] == ["b.txt", "deep"]
    assert [p.name for p in HERE.glob("made/*.txt")] == ["b.txt"]
    (HERE / "made" / "b.txt").unlink()
    (HERE / "made" / "deep").rmdir()
    (HERE / "keep" / "c.txt").unlink()
    assert not (HERE / "keep" / "c.txt").exists()


@attempt
def rename_users_file():
    os.rename("rename_me.txt", "renamed.txt")
    assert not os.path.exists("rename_me.txt") and open("renamed.txt").read() == "rename me"


@attempt
def replace_users_file():
    with open("best.tmp", "w") as file:
        file.write("better")
    os.replace("best.tmp", "best.pt")
    assert open("best.pt").read() == "better" and not os.path.exists("best.tmp")


@attempt
def remove_and_make_again():
    os.remove("remove_me.txt")
    assert "remove_me.txt" not in os.listdir(".")
    try:
        os.remove("remove_me.txt")
    except FileNotFoundError:
        pass
    else:
        raise AssertionError("removed twice")
    with open("remove_me.txt", "w") as file:
        file.write("again")
    assert open("remove_me.txt").read() == "again"


@attempt
def folders():
    os.rmdir("empty")
    assert not os.path.isdir("empty")
    os.makedirs("empty/now/full", exist_ok=True)
    assert os.listdir("empty") == ["now"]
    try:
        os.rmdir("keep")
    except OSError:
        pass
    else:
        raise AssertionError("removed a full folder")
    os.rename("old_run", "new_run")
    assert sorted(os.listdir("new_run")) == ["1.txt", "2.txt", "sub"] and not os.path.exists("old_run")
    assert open("new_run/sub/3.txt").read() == "3"


@attempt
def links():
    os.symlink("notes.txt", "soft")
    assert os.readlink("soft") == "notes.txt" and open("soft").read() == open("notes.txt").read()
    os.link("hard_me.txt", "hard")
    with open("hard", "a") as file:
        file.write("+")
    assert open("hard_me.txt").read().endswith("+")
    with open("link_to_target", "a") as file:
        file.write("through a link")
    assert open("target.txt").read() == "target" + "through a link"
    os.unlink("link_to_target")
    assert os.path.exists("target.txt")
    if os.path.exists("/dev/fd"):
        os.mkfifo("pipe")
        assert "pipe" in os.listdir()


@attempt
def truncate_chmod_utime():
    os.truncate("truncate_me.txt", 2)
    assert open("truncate_me.txt").read() == "tr"
    os.chmod("mode_me.txt", 0o600)
    assert os.stat("mode_me.txt").st_mode & 0o777 == 0o600
    os.utime("time_me.txt", (1, 2))
    assert os.stat("time_me.txt").st_mtime == 2
    os.chmod("keep", 0o700)
    number = os.open("fd_me.txt", os.O_RDONLY)
    os.fchmod(number, 0o640)
    os.utime(number, (3, 4))
    os.close(number)
    assert os.stat("fd_me.txt").st_mode & 0o777 == 0o640


@attempt
def by_descriptor():
    number = os.open("fd_write.txt", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(number, b" more")
    with os.fdopen(number, "a") as file:
        file.write(" text")
    assert open("fd_write.txt").read() == "fd more text"


@attempt
def by_folder_descriptor():
    folder = os.open("tree", os.O_RDONLY)
    try:
        os.unlink("gone.txt", dir_fd=folder)
        os.mkdir("made", dir_fd=folder)
        os.rename("move.txt", "made/moved.txt", src_dir_fd=folder, dst_dir_fd=folder)
        number = os.open("written.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
        os.write(number, b"w")
        os.close(number)
    finally:
        os.close(folder)
    assert sorted(os.listdir("tree")) == ["made", "written.txt"], os.listdir("tree")
    assert os.listdir("tree/made") == ["moved.txt"]


@attempt
def shutil_ways():
    shutil.copy("copy_me.txt", "copied.txt")
    shutil.copytree("shelf", "shelf_2")
    assert sorted(os.listdir("shelf_2")) == ["a.txt", "b"]
    shutil.move("shelf_2", "shelf_3")
    shutil.move("move_me.txt", "shelf/moved.txt")
    assert open("shelf/moved.txt").read() == "move me" and not os.path.exists("move_me.txt")
    shutil.rmtree("shelf")
    assert not os.path.exists("shelf")
    os.mkdir("shelf")
    assert os.listdir("shelf") == []


@attempt
def walking():
    found = {os.path.relpath(os.path.join(parent, name)) for parent, _, names in os.walk(".") for name in names}
    assert "keep/a.bin" in found and "shelf/a.txt" not in found and "old_run/1.txt" not in found, found
    assert "copied.txt" in found and "tree/made/moved.txt" in found
    entries = {entry.name: entry for entry in os.scandir(HERE)}
    assert entries["copied.txt"].is_file() and entries["keep"].is_dir() and entries["soft"].is_symlink()


@attempt
def text_formats():
    with open("rows.csv", "w", newline="") as file:
        csv.writer(file).writerow([1, 2])
    with open("rows.csv", newline="") as file:
        assert list(csv.reader(file)) == [["1", "2"]]
    with open("state.pkl", "wb") as file:
        pickle.dump({"a": 1}, file)
    with open("state.pkl", "rb") as file:
        assert pickle.load(file) == {"a": 1}
    with open("users.json", "w") as file:
        json.dump([1], file)
    assert json.loads((HERE / "users.json").read_text()) == [1]
    handler = logging.FileHandler("users.log")
    logger = logging.getLogger("hostile")
    logger.addHandler(handler)
    logger.warning("logged")
    handler.close()
    assert (HERE / "users.log").read_text() == "before\nlogged\n"


@attempt
def databases():
    with sqlite3.connect("runs.sqlite") as connection:
        connection.execute("insert into runs values (2)")
    assert sorted(connection.execute("select * from runs")) == [(1,), (2,)]
    connection.close()
    connection = sqlite3.connect("file:runs.sqlite?mode=rw", uri=True)
    assert sorted(connection.execute("select * from runs")) == [(1,), (2,)]
    connection.execute("delete from runs")
    connection.commit()
    connection.close()
    with sqlite3.connect("fresh.sqlite") as connection:
        connection.execute("create table t (a)")
    connection.close()
    assert os.path.getsize("fresh.sqlite") > 0


@attempt
def temporary_files():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "a").write_text("a")
        assert os.listdir(folder) == ["a"]
    assert not os.path.exists(folder)
    with tempfile.NamedTemporaryFile("w", dir=".", suffix=".ckpt") as file:
        file.write("t")
        file.flush()
        assert open(file.name).read() == "t"
        name = file.name
    assert not os.path.exists(name)
    number, name = tempfile.mkstemp(dir=HERE)
    os.close(number)
    os.replace(name, "from_temp.txt")
    assert os.path.exists("from_temp.txt")
    tempfile.TemporaryFile().write(b"t")


@attempt
def sockets():
    folder = tempfile.mkdtemp()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(folder + "/s")
        server.listen()
        client.connect(folder + "/s")
    shutil.rmtree(folder)


@attempt
def working_folder():
    os.mkdir("cwd")
    os.chdir("cwd")
    assert os.getcwd() == str(HERE / "cwd"), os.getcwd()
    with open("a.txt", "w") as file:
        file.write("a")
    assert os.path.abspath("a.txt") == str(HERE / "cwd" / "a.txt")
    with open("../up.txt", "w") as file:
        file.write("up")
    os.chdir(HERE / "keep")
    with open("from_keep.txt", "w") as file:
        file.write("k")
    assert os.path.exists("a.bin")
    os.chdir("..")
    assert os.getcwd() == str(HERE)
    assert open("up.txt").read() == "up" and open("cwd/a.txt").read() == "a"
    assert os.path.realpath("cwd/../keep/from_keep.txt") == str(HERE / "keep" / "from_keep.txt")
    subprocess.run(["true"], cwd="cwd", check=True)


@attempt
def elsewhere():
    outside = HERE.parent / "outside.txt"
    outside.write_text("changed")
    assert outside.read_text() == "changed"


@attempt
def odd_names():
    for name in ("with blank", "ünï", "new\nline", b"bytes\xff"):
        with open(name, "wb") as file:
            file.write(b"1")
        assert name in os.listdir(b"." if isinstance(name, bytes) else ".")
        os.remove(name)


@attempt
def devices():
    with open(os.devnull, "w") as file:
        file.write("x")
    with open("/dev/urandom", "rb") as file:
        assert len(file.read(4)) == 4
    with open("/proc/self/comm") as file:
        assert file.read()
    if os.path.isdir("/dev/shm"):
        with open(f"/dev/shm/hostile-{os.getpid()}", "w") as file:
            file.write("x")
        os.remove(f"/dev/shm/hostile-{os.getpid()}")


def main():
    failures = {}
    for function in ATTEMPTS:
        try:
            function()
        except BaseException:
            failures[function.__name__] = traceback.format_exc()
            os.chdir(HERE)
    pathlib.Path(sys.argv[1]).write_text(json.dumps({"tried": len(ATTEMPTS), "failures": failures}))


if __name__ == "__main__":
    main()
