"""Files written whole or not at all: whatever stops the writer, the name holds its old content or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
import time

from .._runtime.check import describe

# A kill leaves at most one file of ours; the next write to the same path removes those older than this, in seconds.
STALE = 3600.0


def write(path, data: bytes, *, devices: bool = False) -> None:
    """Write data beside path, flush it to the disk and rename it; links are followed, permissions kept.

    Parameters
    ----------
    path : str, bytes or path-like
    data : bytes
    devices : bool, default False
        Write to what is no regular file (/dev/stdout, a pipe), which cannot be replaced, instead of refusing it.

    Raises
    ------
    TypeError
        If path is no path.
    OSError
        If the file cannot be written (with the errno of the cause); nothing is left behind.
    """
    try:
        name = os.fsdecode(os.fspath(path))
    except TypeError:
        raise TypeError(f"path must be a string or a path, got {describe(path)}") from None
    # Through a link, so that the link stays.
    target = os.path.realpath(name)
    if os.path.isdir(target):
        raise IsADirectoryError(f"cannot write {name}: it is a folder; give the name of a file")
    special = os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode)
    if special and not devices:
        raise OSError(f"cannot write {name}: it is not a regular file")
    try:
        if special:
            with open(target, "wb") as file:
                file.write(data)
        else:
            _replace(target, data)
    except OSError as error:
        after = "" if special else "; what was there before is unchanged"
        message = f"cannot write {name}: {error.strerror or error}{after}"
        raise type(error)(error.errno, message) from error


def _replace(target: str, data: bytes) -> None:
    folder, name = os.path.split(target)
    _sweep(folder, name)
    temporary = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            with contextlib.suppress(FileNotFoundError, PermissionError):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    # Without it, a power cut could undo the renaming. Windows cannot open a folder.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: str, name: str) -> None:
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            middle = entry.name.removeprefix(f".{name}.").removesuffix(".tmp")
            ours = entry.name == f".{name}.{middle}.tmp" and len(middle) == 12
            if ours and time.time() - entry.stat().st_mtime > STALE:
                os.unlink(entry.path)
