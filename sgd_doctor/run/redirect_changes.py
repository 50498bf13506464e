"""Redirected changes: what ``os`` would remove, rename or make is removed, renamed or made in the shadow."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any

from sgd_doctor.run.patching import Function, find, patch, shadow
from sgd_doctor.run.shadow import AnyPath, error


def _new(path: AnyPath, dir_fd: int | None) -> str:
    node = find(path, dir_fd, follow=False)
    if node.seen is not None:
        raise error(errno.EEXIST, node.path)
    return shadow().prepare(node)


@patch("mkdir")
def _mkdir(original: Function, path: AnyPath, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    original(_new(path, dir_fd), mode)


@patch("mkfifo", "mknod")
def _make(original: Function, path: AnyPath, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> None:
    original(_new(path, dir_fd), *args, **kwargs)


@patch("symlink")
def _symlink(
    original: Function,
    src: AnyPath,
    dst: AnyPath,
    target_is_directory: bool = False,
    *,
    dir_fd: int | None = None,
) -> None:
    original(os.fsdecode(src), _new(dst, dir_fd), target_is_directory)


@patch("link")
def _link(
    original: Function,
    src: AnyPath,
    dst: AnyPath,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    # A second name of the user's own file would be a way to write to it.
    node = find(src, src_dir_fd, follow_symlinks)
    if node.seen is None:
        raise error(errno.ENOENT, node.path)
    if node.is_dir:
        raise error(errno.EPERM, node.path)
    original(shadow().own(node), _new(dst, dst_dir_fd), follow_symlinks=False)


@patch("remove", "unlink")
def _remove(_: Function, path: AnyPath, *, dir_fd: int | None = None) -> None:
    shadow().remove(find(path, dir_fd, follow=False))


@patch("rmdir")
def _rmdir(_: Function, path: AnyPath, *, dir_fd: int | None = None) -> None:
    shadow().remove_folder(find(path, dir_fd, follow=False))


@patch("rename", "replace")
def _rename(
    _: Function,
    src: AnyPath,
    dst: AnyPath,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
) -> None:
    shadow().move(find(src, src_dir_fd, follow=False), find(dst, dst_dir_fd, follow=False))


def _owned(path: AnyPath, dir_fd: int | None = None, follow: bool = True) -> Any:
    """What to change in the place of ``path``; a descriptor stays one where it leads to our own copy."""
    node = find(path, dir_fd, follow)
    if isinstance(path, int):
        # Sockets, pipes and unnamed files have no path, but may be changed.
        if node.free or node.seen is None or shadow().is_own(path):
            return path
    elif node.seen is None:
        raise error(errno.ENOENT, node.path)
    return shadow().own(node)


@patch("chmod", "chown", "utime")
def _change(
    original: Function,
    path: AnyPath,
    *args: Any,
    dir_fd: int | None = None,
    follow_symlinks: bool = True,
    **kwargs: Any,
) -> None:
    target = _owned(path, dir_fd, follow_symlinks)
    if not follow_symlinks:
        kwargs["follow_symlinks"] = False
    original(target, *args, **kwargs)


@patch("setxattr", "removexattr")
def _attribute(original: Function, path: AnyPath, *args: Any, follow_symlinks: bool = True) -> None:
    target = _owned(path, follow=follow_symlinks)
    if follow_symlinks:
        original(target, *args)
    else:
        original(target, *args, follow_symlinks=False)


@patch("truncate")
def _truncate(original: Function, path: AnyPath, length: int) -> None:
    # A descriptor that may be truncated was opened for writing, so it is our own already.
    original(path if isinstance(path, int) else _owned(path), length)


@patch("lchown")
def _lchown(_: Function, path: AnyPath, uid: int, gid: int) -> None:
    os.chown(path, uid, gid, follow_symlinks=False)


@patch("fchmod")
def _fchmod(_: Function, fd: int, mode: int) -> None:
    os.chmod(fd, mode)


@patch("fchown")
def _fchown(_: Function, fd: int, uid: int, gid: int) -> None:
    os.chown(fd, uid, gid)


@patch("chdir")
def _chdir(original: Function, path: AnyPath) -> None:
    node = find(path)
    if node.floor == len(shadow().layers) + 1:
        # The user's own folder is still to be seen, and is the better place: programs that the script
        # starts, and native code, find the user's files there.
        with suppress(FileNotFoundError):
            original(node.path)
            return
    original(node.actual)


@patch("fchdir")
def _fchdir(_: Function, fd: int) -> None:
    os.chdir(fd)


@patch("getcwd")
def _getcwd(original: Function) -> str:
    return shadow().logical(original())


@patch("getcwdb")
def _getcwdb(original: Function) -> bytes:
    return os.fsencode(shadow().logical(os.fsdecode(original())))
