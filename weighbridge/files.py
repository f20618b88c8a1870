"""Lists files, reads them without waiting, and writes files that appear whole or not at all.

Each is written as a draft and moved to its place in one step.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".draft-"
"""Prefix of the name of a file or folder that is not in its place yet. Only a killed process leaves one behind."""
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755
_NEW_MODE = 0o666


def read(path: Path, longest: int) -> bytes:
    """Return the content of a regular file of at most `longest` bytes; never waits for the writer of a FIFO.

    Raises:
        OSError: There is no such file, it cannot be read, is not regular, or is too long.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # Python's, for a path that no system call can take
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        with os.fdopen(os.dup(handle), "rb") as file:
            data = file.read(longest + 1)
    finally:
        os.close(handle)
    if len(data) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest} bytes", str(path))
    return data


def find_home() -> Path:
    """Return the user's home; of a user without one, such as any number in a container, a path where nothing can be."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def is_file(path: Path) -> bool:
    """Tell whether a path leads to a regular file; False also for a text that can be no path."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name of more than 255 bytes
        return False


def is_folder(path: Path) -> bool:
    """Tell whether a path leads to a folder; False also for a text that can be no path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def replace(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file, and replace the one of that name if there is one.

    Args:
        path: The file's path.
        data: The file's content.
        private: Whether only its owner may read it. Otherwise the file keeps the mode and the owner of the one that it
            replaces; a new file gets what the process's umask leaves.

    Raises:
        OSError: The file cannot be written; an existing file is unchanged.
    """
    with _write_draft(path.parent, data) as draft:
        if not private:
            before = path.stat() if path.exists() else None
            made = draft.stat()
            if before and (before.st_uid, before.st_gid) != (made.st_uid, made.st_gid):
                os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode) if before else _NEW_MODE & ~_read_umask())
        draft.replace(path)


def create(folder: Path, names: Iterable[str], data: bytes) -> Path:
    """Write a new file, readable by everyone, through to the disk; return its path. Never overwrites anything.

    Args:
        folder: The folder to write to.
        names: Candidates for the name; the file gets the first that is free.
        data: The file's content.

    Raises:
        FileExistsError: All of the names are taken.
        OSError: The file cannot be written.
    """
    with _write_draft(folder, data, lasting=True) as draft:
        draft.chmod(_FILE_MODE)
        return _take_name(folder, names, lambda path: path.hardlink_to(draft))  # fails if the name is taken


def create_folder(folder: Path, names: Iterable[str], contents: Mapping[str, bytes]) -> Path:
    """Write a new folder of files, readable by everyone; return its path. Never overwrites anything.

    Args:
        folder: The folder to write to.
        names: Candidates for the name; the new folder gets the first that is free.
        contents: Name of each file -> its content.

    Raises:
        FileExistsError: All of the names are taken.
        OSError: The folder cannot be written.
    """
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=DRAFT))
    try:
        for name, data in contents.items():
            (draft / name).write_bytes(data)
        draft.chmod(_FOLDER_MODE)
        return draft.rename(_take_name(folder, names, Path.mkdir))  # over the empty folder, in one step
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def generate_names(stem: str, suffix: str = "") -> Iterator[str]:
    """Yield names without end: `STEM`, `STEM-1`, `STEM-2` and so on, each with the suffix."""
    yield f"{stem}{suffix}"
    yield from (f"{stem}-{number}{suffix}" for number in itertools.count(1))


def _read_umask() -> int:
    mask = os.umask(0o077)  # it can only be read by setting it
    os.umask(mask)
    return mask


@contextmanager
def _write_draft(folder: Path, data: bytes, *, lasting: bool = False) -> Iterator[Path]:
    """Write a draft that only its owner may read; at the end of the block its name is gone.

    With `lasting`, the data is on the disk before the block begins, so that not even a crash of the machine leaves half
    a file under the final name.
    """
    handle, name = tempfile.mkstemp(dir=folder, prefix=DRAFT)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _take_name(folder: Path, names: Iterable[str], take: Callable[[Path], None]) -> Path:
    """Take the first name that is free, and return its path."""
    for name in names:
        path = folder / name
        with suppress(FileExistsError):
            take(path)
            return path
    raise FileExistsError(errno.EEXIST, "all of the names are taken", str(folder))


def walk(folder: Path, *, passed_over: Collection[str], deepest: int, most_folders: int) -> Iterator[str]:
    """Yield the files of a folder and of those below it, by their paths from there: the nearest first, and sorted.

    Virtual environments, folders whose names begin with a dot, and what cannot be read are passed over; links to
    folders count as files.

    Args:
        folder: Where to begin.
        passed_over: Names of further folders to pass over.
        deepest: How many folders deep to look.
        most_folders: How many folders to look into.
    """
    waiting, looked_at = [("", 0)], 0
    while waiting and looked_at < most_folders:
        current, depth = waiting.pop(0)
        looked_at += 1
        try:
            entries = sorted(os.scandir(folder / current), key=lambda entry: entry.name)
            folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            place = f"{current}{entry.name}"
            if entry.name not in folders:
                yield place
            elif depth < deepest and entry.name not in passed_over and not entry.name.startswith("."):
                waiting.append((f"{place}/", depth + 1))
