"""Opens files below a folder, read-only, and follows no symbolic link on the way.

The names come from a layer's archive, and whoever built the image chose them and the links among them. So each part of
a path is opened by itself, in the folder before it.
"""

from __future__ import annotations

import os
import stat
from typing import Self

from weighbridge.sources.tar.layer import normalise_path

_OPENING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unavailable(Exception):
    """What an engine keeps cannot be used from here; the message says why, as the second half of a sentence."""


class Beneath:
    """The files below a folder. Use it as a context manager.

    The folders that lead to the last file stay open, because an archive's members lie side by side.
    """

    def __init__(self, descriptor: int) -> None:
        """Begin at a folder that is open; this object closes it."""
        self._descriptors, self._names = [descriptor], list[bytes]()
        self._folder: bytes | None = b""  # the path of the last descriptor; None while that changes

    @classmethod
    def open_root(cls, path: str) -> Self:
        """Return the files below the folder at a path, which may be reached through links.

        Raises:
            OSError: There is no such folder, or this user may not read it.
        """
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(-1)

    def enter(self, path: str) -> Beneath:
        """Return the files below one of the folders; it is closed by itself.

        Raises:
            OSError: There is no such folder without links, or this user may not read it.
        """
        folder, name = _split(path)
        return Beneath(self._open_folder(name, self._go_to(folder)))

    def open(self, path: str) -> tuple[int, int]:
        """Return the descriptor of a regular file, which the caller closes, and the file's length in bytes.

        The path is like an archive's, `..` included.

        Raises:
            OSError: There is no such file without links, or this user may not read it.
            Unavailable: It is not a regular file; then it was not opened either.
        """
        place, name = _split(path)
        folder = self._go_to(place)
        # Before it is opened: some devices act as soon as they are, and an image may have one in place of a file. What
        # takes its place in between, where only the engine and root may write, a checksum finds out.
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
            raise Unavailable("something that is not a regular file lies where a file should be")
        return os.open(name, _OPENING, dir_fd=folder), found.st_size  # of a link the system says what is wrong

    def read(self, path: str, longest: int) -> bytes:
        """Return the content of a regular file of at most `longest` bytes.

        Raises:
            OSError: It cannot be read.
            Unavailable: It is not a regular file, or is longer.
        """
        with os.fdopen(self.open(path)[0], "rb") as file:
            data = file.read(longest + 1)
        if len(data) > longest:
            raise Unavailable(f"{os.path.basename(path)} is longer than {longest} bytes")  # noqa: PTH119 - a text
        return data

    def _go_to(self, path: bytes) -> int:
        """Return the descriptor of a folder, by its path from the root; keep those on the way."""
        if path != self._folder:
            self._folder = None
            self._change_to(path.split(b"/") if path else [])
            self._folder = path
        return self._descriptors[-1]

    def _change_to(self, folders: list[bytes]) -> None:
        shared = 0
        for before, now in zip(self._names, folders, strict=False):
            if before != now:
                break
            shared += 1
        self._leave(shared)
        for name in folders[shared:]:
            self._descriptors.append(self._open_folder(name, self._descriptors[-1]))
            self._names.append(name)

    @staticmethod
    def _open_folder(name: bytes, folder: int) -> int:
        return os.open(name, _OPENING | os.O_DIRECTORY, dir_fd=folder)

    def _leave(self, depth: int) -> None:
        """Close the folders that are deeper; with -1, the root, too."""
        while len(self._descriptors) > depth + 1:
            os.close(self._descriptors.pop())
        del self._names[max(depth, 0) :]


def _split(path: str) -> tuple[bytes, bytes]:
    """Return the folder and the name of what lies at a path.

    `..` is resolved by its text, as engines do it, and never leads above the root.
    """
    whole = normalise_path(path).encode(errors="surrogateescape")
    if not whole or b"\0" in whole:
        raise Unavailable("a path names no file")
    folder, _, name = whole.rpartition(b"/")
    return folder, name
