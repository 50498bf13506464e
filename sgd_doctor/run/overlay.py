"""The write shield by the kernel: a private mount namespace in which folders are overlays.

An overlay shows the user's folder, and everything that is written, removed or renamed in it goes to an
upper layer in our scratch folder. It covers the process and all its descendants, whatever language they
are written in. There are two ways, by what the process is allowed to do:

- *whole*: a process that may write in ``/`` (root, as in most containers) gets a new root folder that
  is an overlay of everything;
- *in place*: an ordinary user gets overlays over the folders that it can write to, and all the rest of
  the tree becomes read-only. One overlay of everything would not do: before a file can be copied to the
  upper layer its folders are, and the kernel refuses to copy a folder whose owner does not exist in the
  user namespace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress

from sgd_doctor.run import kernel, renaming
from sgd_doctor.run.kernel import LIVE, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, SHM, Mount, within
from sgd_doctor.run.layers import Store

# More than this many of the user's things in /dev/shm are left out of the private one.
SHM_ENTRIES = 64
# More than this many sockets of other programs are not made reachable.
SOCKETS = 64
# File systems of the desktop and the kernel that hold none of the user's files.
UNTOUCHED = ("nsfs", "fuse.portal", "fuse.gvfsd-fuse")
# How many of the files around the script are looked at for owners that an overlay cannot take over.
SCANNED = 3000


class Refused(Exception):
    """The kernel or the folders at hand do not allow the overlay; the text says what stands in the way."""


def enter(scratch: str, keep: Sequence[str]) -> list[str]:
    """Put the process behind overlays and return notes on what they do not cover; Refused if that cannot be.

    After a refusal the tree looks as before, though the process may be in a namespace of its own.
    """
    if not kernel.single_threaded():
        raise Refused("the process has more than one thread")
    cwd = os.getcwd()
    whole = os.access("/", os.W_OK)
    table = [m for m in kernel.mounts() if not _skipped(m, keep)]
    if any(mount.fstype == "autofs" for mount in table):
        # What would be mounted later, when somebody looks, would not show up in a namespace of its own.
        raise Refused("some folders are mounted when they are first looked at (autofs)")
    folders = None if whole else writable_folders(table, cwd)
    try:
        _enter_namespace(scratch, cwd)
        # Root's own attributes are not to be had in a user namespace.
        options = ",userxattr" if kernel.in_user_namespace() else ",redirect_dir=on"
        sockets = [s for s in _sockets() if not any(within(s, place) for place in (*LIVE, *keep))]
        held = _hold([*(m.path for m in table), *(folders or ()), *keep, SHM, *sockets])
        try:
            sockets = [s for s in sockets if s in held and stat.S_ISSOCK(os.fstat(held[s]).st_mode)]
            notes = _cover(scratch, options, table, folders, [*keep, *sockets], held)
        finally:
            for number in held.values():
                os.close(number)
        os.chdir(cwd)
        if "userxattr" in options:
            renaming.install()
    except OSError as error:
        raise Refused(str(error)) from error
    finally:
        _use_capabilities(False)
    return notes


def _cover(
    scratch: str,
    options: str,
    table: Sequence[Mount],
    folders: Sequence[str] | None,
    keep: Sequence[str],
    held: dict[str, int],
) -> list[str]:
    notes: list[str] = []
    store = Store(scratch, options, notes)
    try:
        if folders is None:
            _cover_whole(scratch, store, table, keep, held)
        else:
            _cover_in_place(store, table, folders, keep, held)
    except OSError:
        store.undo()
        raise
    finally:
        store.close()
    return notes


def _sockets() -> list[str]:
    # A socket cannot be connected to through an overlay, so the real one is put on top of it.
    with suppress(OSError):
        return [os.path.realpath(path) for path in kernel.listening_sockets()[:SOCKETS]]
    return []


def _skipped(mount: Mount, keep: Sequence[str]) -> bool:
    if mount.path == "/" or mount.fstype in UNTOUCHED:
        return True
    return any(within(mount.path, place) for place in (*LIVE, *keep))


def _hold(paths: Iterable[str]) -> dict[str, int]:
    # Held open, because an overlay over a folder hides what is mounted below it. Mounts can be cloned only
    # by the namespace they are in, so this comes after entering it.
    held: dict[str, int] = {}
    for path in paths:
        try:
            if path not in held:
                held[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # A dead network mount, or one we may not look at: out of the script's reach as well.
    return held


def _enter_namespace(scratch: str, cwd: str) -> None:
    _use_capabilities(True)
    try:
        kernel.unshare(kernel.NEWNS)
    except OSError:
        foreign = foreign_file(cwd)
        if foreign:
            raise Refused(f"{foreign} has an owner or group that an overlay could not keep") from None
        # There is no way back out of a user namespace, and where it turns out to be of no use the
        # process would not even know its own user id: a child goes first.
        _try_in_child(scratch)
        kernel.enter_user_namespace()
    kernel.mount("none", "/", flags=MS_REC | MS_PRIVATE)


def _use_capabilities(wanted: bool) -> None:
    if os.geteuid() != 0 and kernel.in_user_namespace():
        kernel.use_capabilities(wanted)


def _try_in_child(scratch: str) -> None:
    place = os.path.join(scratch, "trial")
    os.mkdir(place)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"the trial ended early"
        try:
            kernel.enter_user_namespace()
            kernel.mount("none", "/", flags=MS_REC | MS_PRIVATE)
            Store(place, ",userxattr", [])
            said = b""
        except BaseException as error:
            said = str(error).encode()
        finally:
            os.write(writing, said)
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        refusal = answer.read().decode(errors="replace")
    with suppress(ChildProcessError):  # a process that ignores its children's end has none to wait for
        os.waitpid(child, 0)
    if refusal:
        raise Refused(refusal)


def foreign_file(folder: str) -> str | None:
    """The first file under ``folder`` that we may write but that has an owner or group other than ours.

    Such a file cannot be copied to an upper layer inside a user namespace: writing it would fail there
    though it works natively, so the overlay is then no faithful stand-in.
    """
    own, left = (os.geteuid(), os.getegid()), SCANNED
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            with suppress(OSError):
                seen = os.lstat(path)
                shared = stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX
                if (seen.st_uid, seen.st_gid) == own or shared or stat.S_ISLNK(seen.st_mode):
                    continue
                if os.access(path, os.W_OK):
                    return path
        left -= len(folders) + len(files)
        if left < 0:
            break
    return None


def writable_folders(table: Sequence[Mount], cwd: str) -> list[str]:
    """The folders that need an overlay of their own so that everything we may write to is under one."""
    anchors = {cwd, os.path.expanduser("~"), os.environ.get("TMPDIR", "/tmp"), "/tmp", "/var/tmp"}
    anchors.update(mount.path for mount in table)
    for top in _subfolders("/"):
        anchors.add(top)
        anchors.update(_subfolders(top))
    roots: set[str] = set()
    points = {mount.path for mount in table}
    for anchor in anchors:
        roots.update(_roots_on_the_way(os.path.realpath(anchor), points))
    return sorted(roots)


def _subfolders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [e.path for e in entries if e.path not in LIVE and e.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _roots_on_the_way(path: str, points: set[str]) -> list[str]:
    if any(within(path, live) for live in LIVE):
        return []
    roots, covered, parts = [], False, path.split("/")
    for end in range(2, len(parts) + 1):
        folder = "/".join(parts[:end])
        try:
            owned = os.stat(folder).st_uid == os.geteuid()
            writable = os.access(folder, os.W_OK | os.X_OK)
        except OSError:
            break
        if folder in points:
            covered = False
        # Below a folder of somebody else's nothing can be copied up, unless the overlay starts anew there.
        if writable and not (owned and covered):
            roots.append(folder)
        covered = writable or (owned and covered)
    return roots


def _held_path(held: dict[str, int], path: str) -> str:
    return f"/proc/self/fd/{held[path]}"


def _cover_whole(scratch: str, store: Store, table: Sequence[Mount], keep: Sequence[str], held: dict[str, int]) -> None:
    root = os.path.join(scratch, "root")
    os.mkdir(root)
    store.cover("/", root)
    for mount in table:
        if mount.path in held:
            _shadow_mount(store, mount, _held_path(held, mount.path), root + mount.path)
    for live in LIVE:
        store.mount(live, root + live, flags=MS_BIND | MS_REC)
    _private_shm(store, keep, held, root)
    for path in keep:
        with suppress(FileNotFoundError):  # a socket of another program that has just closed it
            store.mount(_held_path(held, path), root + path, flags=MS_BIND | MS_REC)
    kernel.switch_root(root)


def _shadow_mount(store: Store, mount: Mount, source: str, target: str) -> None:
    if stat.S_ISDIR(os.stat(source).st_mode) and not mount.flags & MS_RDONLY:
        try:
            store.cover(source, target)
            return
        except OSError as error:
            if within(os.getcwd(), mount.path):
                raise
            store.notes.append(f"{mount.path} ({mount.fstype}) is read-only for the script: {error.strerror}")
    store.mount(source, target, flags=MS_BIND | MS_REC)
    kernel.mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | mount.flags)


def _cover_in_place(
    store: Store,
    table: Sequence[Mount],
    folders: Sequence[str],
    keep: Sequence[str],
    held: dict[str, int],
) -> None:
    covered: list[str] = []
    cwd = os.getcwd()
    for path in sorted({*folders, *(m.path for m in table)} & held.keys()):
        source = _held_path(held, path)
        if path in folders:
            try:
                store.cover(source, path)
                covered.append(path)
                continue
            except OSError as error:
                if within(cwd, path):
                    raise  # a script that cannot write in its own folder would not run as it does natively
                store.notes.append(f"{path} is read-only for the script: {error.strerror}")
        if any(within(path, above) for above in covered):
            store.mount(source, path, flags=MS_BIND | MS_REC)
    _private_shm(store, keep, held, "")
    for path in keep:
        with suppress(FileNotFoundError):  # a socket of another program that has just closed it
            store.mount(_held_path(held, path), path, flags=MS_BIND | MS_REC)
    _lock_the_rest(store, {*covered, *keep})


def _lock_the_rest(store: Store, free: set[str]) -> None:
    for mount in kernel.mounts():
        if mount.path in free or mount.flags & MS_RDONLY or mount.fstype in UNTOUCHED:
            continue
        if any(within(mount.path, live) for live in LIVE):
            continue
        try:
            kernel.mount("none", mount.path, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | mount.flags)
        except OSError as error:
            store.notes.append(f"{mount.path} is not covered: {error.strerror}")


def _private_shm(store: Store, keep: Sequence[str], held: dict[str, int], root: str) -> None:
    """Give the script a /dev/shm of its own: empty but for the user's things, which it can only read.

    An overlay would not do there: older C libraries look for a tmpfs under that name.
    """
    if SHM not in held or any(within(SHM, place) for place in keep):
        return
    real = _held_path(held, SHM)
    store.mount("tmpfs", root + SHM, "tmpfs", data="mode=1777")
    for name in sorted(os.listdir(real))[:SHM_ENTRIES]:
        source, target = f"{real}/{name}", f"{root}{SHM}/{name}"
        try:
            mode = os.lstat(source).st_mode
            if stat.S_ISDIR(mode):
                os.mkdir(target)
                store.cover(source, target)
            elif stat.S_ISREG(mode):
                os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
                store.mount(source, target, flags=MS_BIND)
                kernel.mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)
        except OSError as error:
            store.notes.append(f"{SHM}/{name} is not shown to the script: {error.strerror}")
