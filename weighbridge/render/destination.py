"""Writes a document to the place that a user names: a file is written whole or not at all, all else is written through.

A link leads to its target, and a name of an open descriptor, such as `/dev/stdout` or `/dev/fd/63`, to that descriptor.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weighbridge import files
from weighbridge.errors import SettingsError

READER_SECONDS = 10.0
"""How long we wait for somebody to open a FIFO for reading."""
_POLL_SECONDS = 0.05
_LINKS = 40
"""As many links as Linux follows (path_resolution(7))."""
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?P<process>\d+)(?:/task/\d+)?)/fd/(?P<number>\d{1,6})")
_NO_DRAFT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}
"""Errors of a folder that takes no draft, and of a file that cannot be replaced, such as a mount point."""
_NO_RESERVATION = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


def find_descriptor(path: Path) -> int | None:
    """Return the number of the open descriptor that a path names, also through links; None if it names none."""
    for _ in range(_LINKS):
        path = _resolve(path.parent) / path.name
        found = _DESCRIPTOR.fullmatch(str(path))
        if found and found["process"] in {None, str(os.getpid())}:
            return int(found["number"])
        try:
            path = path.parent / path.readlink()
        except (OSError, ValueError):  # it is no link, or does not exist
            break
    return None


def check(path: Path) -> None:
    """Check that a place can be written, without changing, creating or opening it for a reader.

    Raises:
        SettingsError: It cannot be written.
    """
    with _translate_errors(path):
        descriptor = find_descriptor(path)
        if descriptor is not None:
            if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise OSError(errno.EBADF, "it is open for reading only")
            return
        kind = _read_kind(path)
        if kind is None:
            tempfile.TemporaryFile(dir=_resolve(path).parent).close()
        elif kind in {stat.S_IFREG, stat.S_IFDIR}:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        elif not os.access(path, os.W_OK):  # a FIFO's reader would take an open and a close for the end
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write(path: Path, data: bytes) -> None:
    """Write a document to a place.

    A file keeps its mode and owner. It has the old or the new content whole, unless its folder takes no new files: then
    it is overwritten, after the space for it is reserved.

    Raises:
        SettingsError: The place cannot be written, or it is a FIFO that nobody reads.
    """
    with _translate_errors(path):
        descriptor = find_descriptor(path)
        if descriptor is not None:
            _write_to_descriptor(os.dup(descriptor), data)
        elif _read_kind(path) in {None, stat.S_IFREG}:
            _write_file(_resolve(path), data)
        else:
            _write_to_descriptor(_open_for_reader(path), data)


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _read_kind(path: Path) -> int | None:
    """Return the kind of what is at the end of a path's links, as in `st_mode`; None if nothing is there."""
    with suppress(FileNotFoundError):
        return stat.S_IFMT(path.stat().st_mode)
    return None


def _write_file(path: Path, data: bytes) -> None:
    try:
        files.replace(path, data)
    except OSError as error:
        if error.errno not in _NO_DRAFT or not path.exists():
            raise
        _overwrite(path, data)


def _overwrite(path: Path, data: bytes) -> None:
    """Overwrite a file in place; if there is no space for the new content, the old one stays."""
    with path.open("r+b") as file:
        before = os.fstat(file.fileno()).st_size
        try:
            os.posix_fallocate(file.fileno(), 0, max(1, len(data)))
        except OSError as error:
            if error.errno not in _NO_RESERVATION:
                file.truncate(before)
                raise
        file.write(data)
        file.truncate(len(data))


def _open_for_reader(path: Path) -> int:
    """Open a FIFO or a device; a FIFO's reader may come a little later."""
    deadline = time.monotonic() + READER_SECONDS
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or _read_kind(path) != stat.S_IFIFO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, "it is a FIFO that nobody reads") from error
            time.sleep(_POLL_SECONDS)
        else:
            os.set_blocking(handle, True)
            return handle


def _write_to_descriptor(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", advice="Name another file.") from error
    except ValueError as error:  # Python's, for a path that no system call can take
        raise SettingsError(f"{path} cannot be written: {error}", advice="Name another file.") from error
