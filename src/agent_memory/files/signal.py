"""Whether anything below a folder may have changed, asked of the Linux kernel in microseconds.

A long-lived store reads often and changes seldom; walking ten thousand files before every search costs more than the
search. inotify puts an event into a queue before the system call that made the change returns, so an empty queue proves
that no file was changed on this machine since the last walk. It does not see what other hosts write to a network file
system (such file systems are left out) nor writes through a memory map before the file is closed (so the proof expires
after `TRUST` seconds).
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path

TRUST = 5.0
"""Seconds after which the folder is walked again even though no event came."""

_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "overlay", "zfs", "f2fs", "bcachefs"}
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED, _CREATED, _SELF = 0x2, 0x4, 0x8, 0xC0, 0x300, 0xC00
_MASK = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATED | _SELF
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, bytes of the name that follows
_FOLDER_EVENTS = _SELF | 0x2000 | 0x4000 | 0x8000 | 0x40000000  # unmounted, queue overflow, watch gone, about a folder
_ONLY_FOLDERS, _NO_LINKS = 0x1000000, 0x2000000


def is_local(root: Path, mounts: str) -> bool:
    """Whether `root` lies on a file system whose every change this kernel sees.

    Args:
        mounts: Text in the form of `/proc/mounts`.
    """
    kind, longest = "", -1
    for line in mounts.splitlines():
        _, point, type_, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")
        if (root == Path(point) or Path(point) in root.parents) and len(point) >= longest:
            kind, longest = type_, len(point)
    return kind in _LOCAL


class ChangeSignal:
    """Watches the folders of a store.

    Args:
        root: The store root, resolved.

    Raises:
        OSError: The system has no inotify, no watch is left, or the file system is not local.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._armed_at: float | None = None
        self._walk_began = time.monotonic()
        self._watched: set[str] = set()
        try:
            local = is_local(root, Path("/proc/mounts").read_text(encoding="utf-8"))
            self._libc = ctypes.CDLL(None, use_errno=True)
            init = self._libc.inotify_init1
        except AttributeError as error:
            raise OSError("this system has no inotify") from error
        if not local:
            raise OSError("not a local file system")
        self._fd = init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def quiet(self) -> bool:
        """Whether it is certain that nothing changed since the walk that `watch` was told of."""
        if self._armed_at is None or time.monotonic() - self._armed_at > TRUST:
            return False
        return not self._drain()

    def expect(self) -> None:
        """Forget events so far; to be called right before a walk."""
        self._armed_at = None
        while self._drain():
            pass
        self._walk_began = time.monotonic()

    def watch(self, folders: Iterable[str]) -> None:
        """Tell which folders the walk found; the proof holds from that walk on if all of them were watched before."""
        new = set(folders) - self._watched
        for folder in new:
            path = os.fsencode(self._root / folder)
            if self._libc.inotify_add_watch(self._fd, path, _MASK | _ONLY_FOLDERS | _NO_LINKS) < 0:
                return
            self._watched.add(folder)
        if not new:
            self._armed_at = self._walk_began

    def close(self) -> None:
        """Give the watches back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _drain(self) -> bool:
        """Read the queue; whether there was anything in it."""
        try:
            events = os.read(self._fd, 65536)
        except BlockingIOError:
            return False
        self._armed_at = None
        at = 0
        while at < len(events):
            _, mask, _, length = _EVENT.unpack_from(events, at)
            at += _EVENT.size + length
            if mask & _FOLDER_EVENTS:  # a watch may be gone with its folder, or events were lost: watch all anew
                self._watched.clear()
        return True
