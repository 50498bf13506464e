"""The Linux calls the write shield is built on: namespaces, mounts, capabilities, Landlock.

Everything goes through ``ctypes`` on the running C library, so that nothing has to be installed and
nothing but the standard library is imported before the user's script.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import NamedTuple

NEWNS = 0x00020000
NEWUSER = 0x10000000

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

# What statvfs-like option words in mountinfo mean as flags: a remount that drops one of them is refused
# inside a user namespace, so they are all handed back.
MOUNT_FLAGS = {
    "ro": MS_RDONLY,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "nosymfollow": 256,
    "noatime": 1024,
    "nodiratime": 2048,
    "relatime": 1 << 21,
}

# Kernel file systems: there is nothing of the user's in them, and a shadow of them would not work.
LIVE = ("/dev", "/proc", "/sys")
# Except for this one: people keep data in it.
SHM = "/dev/shm"

LISTENING = 0x10000  # among the flags of /proc/net/unix

SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "ppc64le": 203, "riscv64": 41, "s390x": 217}
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class Mount(NamedTuple):
    """One line of ``/proc/self/mountinfo``."""

    path: str
    fstype: str
    flags: int


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # Python 3.14 wants the layout that _pack_ has always implied to be spelled out
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def within(path: str, folder: str) -> bool:
    """Say whether ``path`` is ``folder`` or lies in it; both absolute and normalised."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def single_threaded() -> bool:
    """Say whether this process has one thread only; a namespace change reaches no other thread."""
    return len(os.listdir("/proc/self/task")) == 1


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags`` for fresh ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def enter_user_namespace() -> None:
    """Start a user and a mount namespace in which the caller keeps its own user and group id."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEWUSER | NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def in_user_namespace() -> bool:
    """Say whether user ids are those of a user namespace, in which some rights of root's do not exist."""
    with open("/proc/self/uid_map") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def use_capabilities(wanted: bool) -> None:
    """Put the capabilities that this process may have into effect, or out of it.

    Entering a user namespace grants all of them there. Out of effect they change nothing for the script,
    and are still at hand when a fork of it is to be shielded from its siblings.
    """
    header = _CapHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    _checked(_libc.capget(ctypes.byref(header), ctypes.byref(data)), "capget")
    for half in data:
        half.effective = half.permitted if wanted else 0
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Call ``mount(2)``; raises OSError with the target in its text."""
    done = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        fstype.encode() or None,
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
    )
    _checked(done, f"mount {fstype or 'bind'} on {target}")


def unmount(target: str) -> None:
    """Take a mount out of the tree; what is still open in it stays usable."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def switch_root(new_root: str) -> None:
    """Make ``new_root``, a mount point, the root of this mount namespace and let go of the old one."""
    os.chdir(new_root)
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    try:
        if number is None:
            raise OSError("pivot_root is not known on this machine")
        # Old and new root in the same place: the old one ends up on top and is taken off.
        _checked(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
        unmount(".")
    except OSError:
        # The initial ramdisk cannot be pivoted away from; moving the new root over it is the documented way.
        mount(".", "/", flags=MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def _unescape(text: str) -> str:
    # Blanks, tabs, newlines and backslashes in a path are written as three octal digits.
    first, *rest = text.split("\\")
    plain = first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
    return os.fsdecode(plain.encode("latin-1"))


def mounts() -> list[Mount]:
    """All mounts of this namespace by path, parents first; of several on one path the topmost."""
    found: dict[str, Mount] = {}
    with open("/proc/self/mountinfo", encoding="latin-1") as file:
        for line in file:
            left, right = line.split(" - ", 1)
            fields = left.split()
            path = _unescape(fields[4])
            flags = 0
            for option in fields[5].split(","):
                flags |= MOUNT_FLAGS.get(option, 0)
            found[path] = Mount(path, right.split()[0], flags)
    return [found[path] for path in sorted(found)]


def listening_sockets() -> list[str]:
    """The paths of the sockets on which some process waits for connections."""
    with open("/proc/net/unix", "rb") as file:
        rows = [line.split(None, 7) for line in file.read().splitlines()[1:]]
    paths = {os.fsdecode(row[7]) for row in rows if len(row) == 8 and int(row[3], 16) & LISTENING}
    return sorted(path for path in paths if path.startswith("/"))


def landlock_version() -> int:
    """The version of Landlock that the kernel offers, 0 without it."""
    return max(0, int(_libc.syscall(ctypes.c_long(SYS_LANDLOCK_CREATE), None, ctypes.c_size_t(0), 1)))


def _write_rights(version: int) -> int:
    rights = 1 << 1  # write to a file
    for bit in range(4, 13):  # remove and make files, directories, links, sockets, devices
        rights |= 1 << bit
    if version >= 2:
        rights |= 1 << 13  # link or rename into another directory
    if version >= 3:
        rights |= 1 << 14  # truncate
    return rights


def forbid_writes(except_in: Iterable[str]) -> None:
    """Deny this process and its descendants, for good, every write outside the named places."""
    version = landlock_version()
    if not version:
        raise OSError("this kernel has no Landlock")
    rights = _write_rights(version)
    ruleset = _Ruleset(rights)
    rules = _checked(
        _libc.syscall(ctypes.c_long(SYS_LANDLOCK_CREATE), ctypes.byref(ruleset), ctypes.c_size_t(8), 0),
        "landlock_create_ruleset",
    )
    try:
        for path in except_in:
            _allow_writes(rules, path, rights)
        _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
        _checked(_libc.syscall(ctypes.c_long(SYS_LANDLOCK_RESTRICT), rules, 0), "landlock_restrict_self")
    finally:
        os.close(rules)


def _allow_writes(rules: int, path: str, rights: int) -> None:
    if not os.path.exists(path):
        return
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= (1 << 1) | (1 << 14)
        beneath = _PathBeneath(rights, folder)
        _checked(
            _libc.syscall(ctypes.c_long(SYS_LANDLOCK_ADD), rules, 1, ctypes.byref(beneath), 0),
            "landlock_add_rule",
        )
    finally:
        os.close(folder)
