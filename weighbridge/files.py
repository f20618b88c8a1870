"""Files that appear whole or not at all: each is written beside its place, and put there in one step."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".draft-"
"""How the name of a file or folder begins that is not yet in its place: only a killed process leaves one behind."""
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


def replace(path: Path, data: bytes, *, private: bool = False) -> None:
    """Put a file where another may be.

    Args:
        path: Where to.
        data: What is in it.
        private: Only its owner may read it. Else it has the mode and the owner of the file that was there, and all may
            read a new one.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    with _draft(path.parent, data) as draft:
        if not private:
            before = path.stat() if path.exists() else None
            if before and before.st_uid != os.getuid():
                os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode) if before else _FILE_MODE)
        draft.replace(path)


def create(folder: Path, names: Iterable[str], data: bytes) -> Path:
    """Write a new file, which all may read, to the disk; return its path. Nothing is ever overwritten.

    Args:
        folder: Where to.
        names: The file takes the first that nothing there has yet.
        data: What is in it.

    Raises:
        FileExistsError: Something has each of the names.
        OSError: It cannot be written.
    """
    with _draft(folder, data, lasting=True) as draft:
        draft.chmod(_FILE_MODE)
        return _named(folder, names, lambda path: path.hardlink_to(draft))  # which fails where anything is


def create_folder(folder: Path, names: Iterable[str], contents: Mapping[str, bytes]) -> Path:
    """Write a new folder of files, which all may read; return its path. Nothing is ever overwritten.

    Args:
        folder: Where to.
        names: The new folder takes the first that nothing there has yet.
        contents: The name of each file -> what is in it.

    Raises:
        FileExistsError: Something has each of the names.
        OSError: It cannot be written.
    """
    draft = Path(tempfile.mkdtemp(dir=folder, prefix=DRAFT))
    try:
        for name, data in contents.items():
            (draft / name).write_bytes(data)
        draft.chmod(_FOLDER_MODE)
        return draft.rename(_named(folder, names, Path.mkdir))  # over the empty folder, in one step
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def numbered(stem: str, suffix: str = "") -> Iterator[str]:
    """Yield names without end: `STEM`, `STEM-1`, `STEM-2`, each with the suffix."""
    yield f"{stem}{suffix}"
    yield from (f"{stem}-{number}{suffix}" for number in itertools.count(1))


@contextmanager
def _draft(folder: Path, data: bytes, *, lasting: bool = False) -> Iterator[Path]:
    """Write a file that only its owner may read; at the end of the block nothing has its name any more.

    `lasting`: it is on the disk before it gets a name, so that not even a crash of the machine leaves half of it.
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


def _named(folder: Path, names: Iterable[str], take: Callable[[Path], None]) -> Path:
    """Return the path of the first name that could be taken."""
    for name in names:
        path = folder / name
        with suppress(FileExistsError):
            take(path)
            return path
    raise FileExistsError(errno.EEXIST, "each of the names is taken", str(folder))
