"""The upper layers of overlays: where they are kept, what they look like and how they are taken off again."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from sgd_doctor.run import kernel


class Store:
    """Where upper layers live: the scratch folder if its file system can hold them, else memory."""

    def __init__(self, scratch: str, options: str, notes: list[str]) -> None:
        self.options = options
        self.notes = notes
        self.mounted: list[str] = []
        self._count = 0
        self.path = os.path.join(scratch, "layers")
        os.mkdir(self.path, 0o755)
        self._open()
        try:
            self._probe()
        except OSError as error:
            limit = memory_limit()
            self.mount("tmpfs", self.path, "tmpfs", data=f"size={limit},mode=0755")
            self.close()
            self._open()
            why = f"the file system of {scratch} cannot hold an upper layer ({error.strerror or error})"
            notes.append(f"{why}: {_in_memory(limit)}")
            self._probe()
            return
        space = os.statvfs(self.path)
        if _filesystem(self.path) in ("tmpfs", "ramfs"):
            notes.append(f"{scratch} is in memory: {_in_memory(space.f_bavail * space.f_frsize)}")

    def _open(self) -> None:
        # By descriptor, because an overlay over the folder that holds the scratch folder hides the real one.
        self._held = os.open(self.path, os.O_PATH | os.O_CLOEXEC)
        self.base = f"/proc/self/fd/{self._held}"

    def close(self) -> None:
        """Let go of the folder; the layers that are mounted stay."""
        os.close(self._held)

    def mount(self, source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
        """Mount and remember it, so that a failure later on can be undone."""
        kernel.mount(source, target, fstype, flags, data)
        self.mounted.append(target)

    def undo(self) -> None:
        """Take off everything that was mounted, last first."""
        while self.mounted:
            kernel.unmount(self.mounted.pop())

    def _probe(self) -> None:
        probe, target = self.path + "/probe", self.path + "/mount"
        os.mkdir(probe)
        os.mkdir(target)
        try:
            self.cover(probe, target)
            kernel.unmount(self.mounted.pop())
        finally:
            os.rmdir(target)
            os.rmdir(probe)

    def cover(self, lower: str, target: str) -> None:
        """Mount an overlay of ``lower`` on ``target`` with an upper layer of its own."""
        self._count += 1
        layer = f"{self.base}/{self._count}"
        upper, work = layer + "/upper", layer + "/work"
        for folder in (layer, upper, work):
            os.mkdir(folder)
        _look_like(upper, lower)
        places = f"lowerdir={_escaped(lower)},upperdir={upper},workdir={work}{self.options}"
        try:
            # Volatile: what is written is thrown away anyhow, so nothing waits for the disk.
            self.mount("overlay", target, "overlay", data=places + ",volatile")
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.mount("overlay", target, "overlay", data=places)


def _in_memory(size: int) -> str:
    return (
        f"what the script writes takes up memory, and beyond {size / 2**30:.1f} GiB it is told "
        "'No space left on device'"
    )


def _filesystem(path: str) -> str:
    real = os.path.realpath(path)
    return [mount.fstype for mount in kernel.mounts() if kernel.within(real, mount.path)][-1]


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


def memory_limit() -> int:
    """How many bytes of memory layers may take: half of what is free now."""
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(pages // 2, 64 * 2**20)


def _look_like(upper: str, lower: str) -> None:
    # The upper folder is what stat() shows for the folder itself.
    seen = os.stat(lower)
    with suppress(OSError):  # an owner that does not exist in a user namespace cannot be given
        os.chown(upper, seen.st_uid, seen.st_gid)
    os.chmod(upper, stat.S_IMODE(seen.st_mode))
    with suppress(OSError):  # a file system without access lists
        for name in os.listxattr(lower):
            if name.startswith("system.posix_acl"):
                os.setxattr(upper, name, os.getxattr(lower, name))
    os.utime(upper, ns=(seen.st_atime_ns, seen.st_mtime_ns))
