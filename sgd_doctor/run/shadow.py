"""The folder tree as a redirected script sees it: what it has written, on top of what is there.

A layer keeps written files under their full path in ``files`` and, in ``gone``, a mark for every path
that was removed. The state is on disk, so that worker processes see what their parent has written.
This is an overlay file system in small; everything here works on paths, and nothing is patched here.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sgd_doctor.run.kernel import LIVE, SHM, within

MARK = ".sgd-doctor-gone"
SYMLINKS = 40  # as many as Linux follows

# The functions as they were before anything was redirected.
_open, _close, _mkdir = os.open, os.close, os.mkdir
_lstat, _stat, _readlink, _listdir, _access = os.lstat, os.stat, os.readlink, os.listdir, os.access
_unlink, _rmdir, _rename, _symlink, _getcwd = os.unlink, os.rmdir, os.rename, os.symlink, os.getcwd
_chmod, _fchmod, _utime, _link = os.chmod, os.fchmod, os.utime, os.link
_read, _write = os.read, os.write

AnyPath = Any  # what os functions take: str, bytes, os.PathLike or a descriptor


class Layer(NamedTuple):
    """Where one layer keeps its files and its marks; the user's own tree is the layer without marks."""

    files: str
    gone: str


class Node(NamedTuple):
    """What a path leads to: its name for the script, where that really is, and how much is beneath it."""

    path: str
    actual: str
    seen: os.stat_result | None
    layer: int
    floor: int
    free: bool

    @property
    def is_dir(self) -> bool:
        """Whether the path is seen as a folder."""
        return self.seen is not None and stat.S_ISDIR(self.seen.st_mode)


def error(number: int, path: str) -> OSError:
    """The exception that the kernel's answer ``number`` becomes."""
    return OSError(number, os.strerror(number), path)


class Shadow:
    """Where paths lead while writes are redirected, and the operations that change it."""

    def __init__(self, layers: Sequence[tuple[str, str]], keep: Sequence[str]) -> None:
        self.layers = [Layer(*layer) for layer in layers]
        self.keep = tuple(keep)
        self._stack = [*self.layers, Layer("", "")]

    def absolute(self, path: AnyPath, dir_fd: int | None = None) -> str:
        """The path from the root on, with ``dir_fd`` or the working directory as the script knows them."""
        if isinstance(path, int):
            return self.of_descriptor(path)
        text = os.fsdecode(path)
        if not text:
            raise error(errno.ENOENT, text)
        if "\0" in text:
            raise ValueError("embedded null byte")
        if text.startswith("/"):
            return self.logical(text)
        base = self.of_descriptor(dir_fd) if dir_fd is not None and dir_fd >= 0 else self.logical(_getcwd())
        return f"{base}/{text}"

    def of_descriptor(self, number: int) -> str:
        """The script's name for what is open as ``number``."""
        return self.logical(_readlink(f"/proc/self/fd/{number}"))

    def is_own(self, number: int) -> bool:
        """Say whether what is open as ``number`` lies in the top layer, and may be changed there."""
        return within(_readlink(f"/proc/self/fd/{number}"), self.layers[0].files)

    def logical(self, path: str) -> str:
        """The script's name for a path that may lie in a layer."""
        for layer in self.layers:
            if within(path, layer.files):
                return path[len(layer.files) :] or "/"
        return path

    def find(self, path: str, follow: bool = True) -> Node:
        """Walk down an absolute path through the layers and the symbolic links that are seen there."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        root = Node("/", "/", _lstat("/"), len(self.layers), len(self._stack), False)
        trail, links = [root], 0
        while todo:
            part = todo.pop()
            if part == "..":
                trail = trail[:-1] or [root]
                continue
            node = self._step(trail[-1], trail[-1].path.rstrip("/") + "/" + part)
            if node.path in LIVE and not (node.path == "/dev" and todo[-1:] == ["shm"]):
                return self._live(os.path.normpath("/".join([node.path, *reversed(todo)])), follow)
            if node.seen is not None and stat.S_ISLNK(node.seen.st_mode) and (todo or follow):
                links += 1
                if links > SYMLINKS:
                    raise error(errno.ELOOP, path)
                target = _readlink(node.actual)
                if target.startswith("/"):
                    trail = [root]
                todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
                continue
            trail.append(node)
        return trail[-1]

    def _live(self, path: str, follow: bool) -> Node:
        seen = None
        with suppress(OSError):
            seen = _stat(path, follow_symlinks=follow)
        return Node(path, path, seen, len(self.layers), len(self._stack), True)

    def _step(self, parent: Node, path: str) -> Node:
        if self._is_free(path):
            return self._live(path, follow=False)
        actual, seen, found = self.layers[0].files + path, None, 0
        floor = parent.floor
        for index, layer in enumerate(self._stack[: parent.floor]):
            if seen is None:
                with suppress(OSError):
                    seen = _lstat(layer.files + path)
                    actual, found = layer.files + path, index
                    if not stat.S_ISDIR(seen.st_mode):
                        floor = index + 1
                        break
            if layer.gone and self._marked(layer, path):
                floor = index + 1
                break
        return Node(path, actual, seen, found, floor, False)

    def _is_free(self, path: str) -> bool:
        if any(within(path, place) for place in self.keep):
            return True
        # Native code shares memory there under names of its own; files with names are the user's.
        return not within(path, SHM) and any(within(path, place) for place in LIVE)

    def _marked(self, layer: Layer, path: str) -> bool:
        return _access(f"{layer.gone}{path}/{MARK}", os.F_OK)

    def names(self, node: Node) -> list[str]:
        """What a folder is seen to contain, in no particular order."""
        if node.free or not node.is_dir:
            return _listdir(node.actual)
        names: dict[str, None] = {}
        hidden: set[str] = set()
        for layer in self._stack[: node.floor]:
            with suppress(NotADirectoryError, FileNotFoundError):
                names.update(dict.fromkeys(set(_listdir(layer.files + node.path)) - hidden))
            if layer.gone:
                with suppress(OSError):
                    marks = _listdir(layer.gone + node.path)
                    hidden.update(name for name in marks if self._marked(layer, f"{node.path}/{name}"))
        return list(names)

    def prepare(self, node: Node) -> str:
        """Make room in the top layer for something at ``node``; return where it goes."""
        if node.free:
            return node.actual
        folder = self.find(os.path.dirname(node.path))
        if folder.seen is None:
            raise error(errno.ENOENT, node.path)
        if not folder.is_dir:
            raise error(errno.ENOTDIR, node.path)
        if not _access(folder.actual, os.W_OK | os.X_OK):
            raise error(errno.EACCES, node.path)
        self._copy_folder(folder)
        return self.layers[0].files + node.path

    def _copy_folder(self, folder: Node) -> None:
        target = self.layers[0].files + folder.path
        if folder.free or folder.layer == 0 or _access(target, os.F_OK):
            return
        if folder.path != "/":
            self._copy_folder(self.find(os.path.dirname(folder.path)))
        assert folder.seen is not None
        _make_folders(os.path.dirname(target))
        with suppress(FileExistsError):
            _mkdir(target, 0o700)
            _chmod(target, stat.S_IMODE(folder.seen.st_mode) | 0o700)

    def own(self, node: Node, *, empty: bool = False) -> str:
        """Copy what is at ``node`` to the top layer, if it is not there, so that it can be changed.

        ``empty`` saves the copying where the contents are about to be dropped.
        """
        if node.free or node.seen is None:
            return self.prepare(node)
        if node.layer == 0:
            return node.actual
        target = self.layers[0].files + node.path
        if node.is_dir:
            self._copy_folder(node)
            return target
        self._copy_folder(self.find(os.path.dirname(node.path)))
        if stat.S_ISLNK(node.seen.st_mode):
            _symlink(_readlink(node.actual), target)
        elif stat.S_ISREG(node.seen.st_mode):
            self._copy_file(node, target, empty)
        else:
            return node.actual  # sockets, pipes and devices are not files to be kept from change
        return target

    def _copy_file(self, node: Node, target: str, empty: bool) -> None:
        assert node.seen is not None
        part = f"{self.layers[0].gone}/.part-{os.getpid()}-{threading.get_ident()}"
        source = _open(node.actual, os.O_RDONLY | os.O_CLOEXEC)
        try:
            goal = _open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                if not empty:
                    _copy_bytes(source, goal)
                _fchmod(goal, stat.S_IMODE(node.seen.st_mode))
                _utime(goal, ns=(node.seen.st_atime_ns, node.seen.st_mtime_ns))
            finally:
                _close(goal)
            # In one step, for workers that change the same file at the same time: the first copy counts.
            with suppress(FileExistsError):
                _link(part, target)
        finally:
            _close(source)
            with suppress(FileNotFoundError):
                _unlink(part)

    def own_tree(self, node: Node) -> str:
        """Copy a folder and all that is seen in it to the top layer."""
        target = self.own(node)
        if node.is_dir and not node.free and node.floor > 1:
            for name in self.names(node):
                self.own_tree(self.find(f"{node.path}/{name}", follow=False))
        return target

    def hide(self, node: Node) -> None:
        """Mark what the layers below the top one have at ``node`` as gone."""
        if node.floor > 1:
            folder = self.layers[0].gone + node.path
            _make_folders(folder)
            _close(_open(f"{folder}/{MARK}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _removable(self, node: Node) -> None:
        if node.seen is None:
            raise error(errno.ENOENT, node.path)
        folder = self.find(os.path.dirname(node.path))
        if not _access(folder.actual, os.W_OK | os.X_OK):
            raise error(errno.EACCES, node.path)

    def remove(self, node: Node) -> None:
        """Take a file away from the script's eyes."""
        if node.free:
            _unlink(node.actual)
            return
        self._removable(node)
        if node.is_dir:
            raise error(errno.EISDIR, node.path)
        # A file hides those beneath it, so its floor does not tell whether there are any.
        beneath = node._replace(floor=len(self._stack))
        if node.layer == 0:
            _unlink(node.actual)
        self.hide(beneath)

    def remove_folder(self, node: Node) -> None:
        """Take an empty folder away from the script's eyes."""
        if node.free:
            _rmdir(node.actual)
            return
        self._removable(node)
        if not node.is_dir:
            raise error(errno.ENOTDIR, node.path)
        if self.names(node):
            raise error(errno.ENOTEMPTY, node.path)
        if node.layer == 0:
            _rmdir(node.actual)
        self.hide(node)

    def move(self, source: Node, target: Node) -> None:
        """Rename, replacing a file or an empty folder as ``rename(2)`` does."""
        if source.seen is None:
            raise error(errno.ENOENT, source.path)
        if source.path == target.path:
            return
        if not source.free:
            self._removable(source)
        if target.seen is not None and target.is_dir != source.is_dir:
            raise error(errno.EISDIR if target.is_dir else errno.ENOTDIR, target.path)
        if source.is_dir and within(target.path, source.path):
            raise error(errno.EINVAL, source.path)
        origin, goal = self.own_tree(source), self.prepare(target)
        if target.seen is not None and not target.free:
            if target.is_dir:
                self.remove_folder(target)
            else:
                self.hide(target._replace(floor=len(self._stack)))
        _rename(origin, goal)
        if not source.free:
            self.hide(source._replace(floor=len(self._stack)))


def _make_folders(path: str) -> None:
    # os.makedirs would call the functions of os that have been replaced.
    try:
        _mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_folders(os.path.dirname(path))
        with suppress(FileExistsError):
            _mkdir(path, 0o700)


def _copy_bytes(source: int, goal: int) -> None:
    try:
        # On file systems that can, this shares the blocks instead of copying them.
        while os.copy_file_range(source, goal, 1 << 30):
            pass
    except (OSError, AttributeError):
        while block := _read(source, 1 << 20):
            while block:
                block = block[_write(goal, block) :]
