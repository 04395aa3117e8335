"""The only code that changes memory files: every change is one rename or link of bytes that are already safe on disk.

Order of a durable write: temporary file, fsync, link or rename into place, fsync of the folder. A crash before the
link leaves a stray temporary file; a crash after it leaves the new file. Nothing in between is visible.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from agent_memory.errors import StorageFailed


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one clear error; an existing file stays a FileExistsError."""
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        hint = {
            errno.ENOSPC: "free some space and try again; nothing was changed",
            errno.EDQUOT: "free some space and try again; nothing was changed",
            errno.EROFS: "the file system is read-only; nothing was changed",
            errno.EACCES: "check the permissions of the folder; nothing was changed",
            errno.EPERM: "check the permissions of the folder; nothing was changed",
        }.get(error.errno or 0, "nothing was changed")
        raise StorageFailed(f"cannot write {path.name}: {error.strerror or error}", hint=hint) from error


def sync_folder(folder: Path) -> None:
    """Make the entries of `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_root(folder: Path) -> None:
    """Create the root of a store and its missing parents, durably; an existing folder stays."""
    folder = folder.absolute()
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def make_folder(folder: Path, *, below: Path) -> None:
    """Create `folder` and its missing parents below `below`, durably."""
    missing = []
    with _storage_errors(folder):
        while folder != below and not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            with contextlib.suppress(FileExistsError):
                path.mkdir()
            sync_folder(path.parent)


def _temporary(scratch: Path, data: bytes) -> Path:
    """Write `data` to a new file in `scratch` and make its content durable."""
    path = scratch / f"{os.getpid()}-{os.urandom(8).hex()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return path


def create(path: Path, data: bytes, *, scratch: Path) -> None:
    """Create `path` with `data`, durably and only if nothing is there.

    Raises:
        FileExistsError: Something has this name already; it was not touched.
        StorageFailed: The disk refused; nothing was changed.
    """
    with _storage_errors(path):
        temporary = _temporary(scratch, data)
        try:
            os.link(temporary, path)
            try:
                sync_folder(path.parent)
            except BaseException:
                os.unlink(path)
                raise
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def take_back(path: Path) -> None:
    """Remove a file, durably: one that nobody was told of, or one whose bytes the caller keeps elsewhere."""
    with _storage_errors(path):
        os.unlink(path)
        sync_folder(path.parent)


def replace(path: Path, data: bytes, *, scratch: Path) -> None:
    """Put `data` in the place of the file at `path`, durably; its permissions stay.

    The caller holds the store's lock and has just checked that the file is the one it expects.
    """
    with _storage_errors(path):
        temporary = _temporary(scratch, data)
        old = Path(f"{temporary}-old")
        try:
            os.chmod(temporary, path.stat().st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # some systems let nobody link a file of somebody else
                os.link(path, old)
            os.rename(temporary, path)
            try:
                sync_folder(path.parent)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):  # as above
                    os.rename(old, path)
                raise
        finally:
            for leftover in (temporary, old):
                with contextlib.suppress(OSError):
                    os.unlink(leftover)


def move(source: Path, target: Path) -> None:
    """Move a file to a free name, durably.

    A crash between the two steps leaves both names on one file; `Folder.recover` then drops the archived one, and
    moving it again finishes the move.

    Raises:
        FileExistsError: `target` is taken by another file; nothing was moved.
    """
    with _storage_errors(source):
        try:
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            if not os.path.samestat(os.lstat(source), os.lstat(target)):
                raise
        try:
            sync_folder(target.parent)
            os.unlink(source)
            sync_folder(source.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                if not os.path.lexists(source):
                    os.link(target, source, follow_symlinks=False)
                os.unlink(target)
            raise
