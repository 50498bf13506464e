"""Redirected reading: ``open``, ``os.stat``, ``os.listdir`` and their like look at the shadow first."""

from __future__ import annotations

import errno
import functools
import io
import os
import stat
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from sgd_doctor.run.patching import Function, find, originals, patch, shadow
from sgd_doctor.run.shadow import AnyPath, Node, error

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC
_io_open = io.open


def redirected_open(
    file: AnyPath,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Function | None = None,
) -> Any:
    """Open a file where it leads to now; in the place of the built-in ``open``."""
    if not isinstance(file, int) and opener is None:

        def opener(path: str, flags: int) -> int:
            number: int = os.open(path, flags, 0o666)
            return number

    # An opener keeps the script's own path as the file's name.
    return _io_open(file, mode, buffering, encoding, errors, newline, closefd, opener)


functools.update_wrapper(redirected_open, _io_open)


@patch("open")
def _os_open(original: Function, path: AnyPath, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    node = find(path, dir_fd, follow=not flags & os.O_NOFOLLOW)
    creates = flags & os.O_CREAT and node.seen is None
    number: int
    if not (flags & _WRITING or creates) or flags & getattr(os, "O_PATH", 0):
        number = original(node.actual, flags, mode)
        return number
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        return int(original(shadow().own(node), flags, mode))
    if flags & os.O_CREAT and flags & os.O_EXCL and node.seen is not None:
        raise error(errno.EEXIST, node.path)
    if node.is_dir:
        raise error(errno.EISDIR, node.path)
    if node.seen is None and not creates:
        raise error(errno.ENOENT, node.path)
    if node.seen is not None and not originals["access"](node.actual, os.W_OK):
        raise error(errno.EACCES, node.path)
    number = original(shadow().own(node, empty=bool(flags & os.O_TRUNC)), flags, mode)
    return number


@patch("stat")
def _os_stat(
    original: Function, path: AnyPath, *, dir_fd: int | None = None, follow_symlinks: bool = True
) -> os.stat_result:
    if isinstance(path, int):
        return original(path)  # type: ignore[no-any-return]
    return original(find(path, dir_fd, follow_symlinks).actual, follow_symlinks=follow_symlinks)  # type: ignore[no-any-return]


@patch("lstat")
def _os_lstat(original: Function, path: AnyPath, *, dir_fd: int | None = None) -> os.stat_result:
    return original(find(path, dir_fd, follow=False).actual)  # type: ignore[no-any-return]


@patch("access")
def _os_access(
    original: Function,
    path: AnyPath,
    mode: int,
    *,
    dir_fd: int | None = None,
    effective_ids: bool = False,
    follow_symlinks: bool = True,
) -> bool:
    try:
        node = find(path, dir_fd, follow_symlinks)
    except OSError:
        return False
    return bool(original(node.actual, mode, effective_ids=effective_ids, follow_symlinks=follow_symlinks))


@patch("readlink")
def _os_readlink(original: Function, path: AnyPath, *, dir_fd: int | None = None) -> Any:
    target = original(find(path, dir_fd, follow=False).actual)
    return os.fsencode(target) if isinstance(path, bytes) else target


@patch("statvfs", "pathconf", "getxattr", "listxattr")
def _os_read_only(original: Function, path: AnyPath, *args: Any, follow_symlinks: bool = True) -> Any:
    if isinstance(path, int):
        return original(path, *args)
    actual = find(path, follow=follow_symlinks).actual
    return original(actual, *args) if follow_symlinks else original(actual, *args, follow_symlinks=False)


@patch("listdir")
def _os_listdir(_: Function, path: AnyPath = None) -> list[Any]:
    node = find("." if path is None else path)
    names = shadow().names(node)
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names


class Entry:
    """What ``os.scandir`` yields, for a folder whose files lie in several places."""

    def __init__(self, folder: AnyPath, node: Node, name: str) -> None:
        self._node = shadow().find(f"{node.path}/{name}", follow=False)
        as_given: Function = os.fsencode if isinstance(folder, bytes) else str
        self.name: Any = as_given(name)
        # By descriptor, scandir gives the name alone.
        self.path: Any = self.name if isinstance(folder, int) else os.path.join(os.fspath(folder), self.name)

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As ``os.DirEntry.stat``."""
        node = shadow().find(self._node.path) if follow_symlinks else self._node
        if node.seen is None:
            raise error(errno.ENOENT, self.path)
        return node.seen

    def inode(self) -> int:
        """As ``os.DirEntry.inode``."""
        return self.stat(follow_symlinks=False).st_ino

    def is_symlink(self) -> bool:
        """As ``os.DirEntry.is_symlink``."""
        return self._is(stat.S_ISLNK, False)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """As ``os.DirEntry.is_dir``."""
        return self._is(stat.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """As ``os.DirEntry.is_file``."""
        return self._is(stat.S_ISREG, follow_symlinks)

    def is_junction(self) -> bool:
        """As ``os.DirEntry.is_junction``: there are none here."""
        return False

    def _is(self, kind: Callable[[int], bool], follow: bool) -> bool:
        try:
            return kind(self.stat(follow_symlinks=follow).st_mode)
        except OSError:
            return False


class _Scan:
    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> _Scan:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


@patch("scandir")
def _os_scandir(_: Function, path: AnyPath = None) -> _Scan:
    folder = "." if path is None else path
    node = find(folder)
    names = shadow().names(node)
    return _Scan(iter([Entry(folder, node, name) for name in names]))
