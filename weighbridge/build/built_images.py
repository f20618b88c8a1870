"""Records which images our builds made, by name and id, because a label proves nothing: derived images inherit it.

The record is one file for each engine in the user's cache folder, a line for each image. Lines are appended under a
lock. A line that is damaged is passed over, and the oldest lines are dropped when the file is too long. Writing
never fails: `invoke clean` names an image that is not recorded, and does not remove it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weighbridge import files
from weighbridge.cache import locate_user_folder

MOST_BYTES = 2**20
"""How long a file may be: some thousand images. When it is longer, the older half of its lines is dropped."""
_LINE = re.compile(
    rb'^\["(?P<reference>[a-z0-9][a-z0-9_./:-]{0,299}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})", '
    rb'"(?P<id>sha256:[0-9a-f]{64})"\]$',
    re.MULTILINE,
)
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that a build of ours made."""

    reference: str
    """The name that the build gave it, `REPOSITORY:TAG`; a later build may have moved the name to another image."""
    id: str
    """The engine's id, `sha256:…`."""

    @property
    def repository(self) -> str:
        """The name without the tag."""
        return self.reference.rpartition(":")[0]


def record(engine_key: str, image: BuiltImage) -> None:
    """Record an image, unless it is recorded already.

    Args:
        engine_key: The key of the engine that has it, see `Engine.key`.
        image: The image.
    """
    path = _locate(engine_key)
    with suppress(OSError), _lock(path.parent):
        data = _read_end(path)
        if image in _parse(data):
            return
        line = f'["{image.reference}", "{image.id}"]\n'.encode()
        if len(data) + len(line) > MOST_BYTES:
            files.replace(path, data[-MOST_BYTES // 2 :].partition(b"\n")[2] + line, private=True)
            return
        # A process that was killed, or a full disk, may have left half a line at the end.
        _append(path, line if not data or data.endswith(b"\n") else b"\n" + line)


def read(engine_key: str) -> tuple[BuiltImage, ...]:
    """Return the recorded images of an engine, each once, the oldest first; none if the file cannot be read."""
    try:
        return tuple(dict.fromkeys(_parse(_read_end(_locate(engine_key)))))
    except OSError:
        return ()


def _locate(engine_key: str) -> Path:
    """Return the file of an engine, whose key may be any text."""
    name = hashlib.sha256(engine_key.encode(errors="surrogateescape")).hexdigest()[:32]
    return locate_user_folder() / "built-images" / f"{name}.jsonl"


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock on the records, which the kernel frees however this process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read_end(path: Path) -> bytes:
    """Return the last `MOST_BYTES` of a file, which need not exist; something that is not a file counts as empty."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # the opening of a pipe would wait
    except FileNotFoundError:
        return b""
    with open(handle, "rb") as file:  # noqa: PTH123 - it is open already
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            return b""
        file.seek(max(0, state.st_size - MOST_BYTES))
        return file.read(MOST_BYTES)


def _append(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def _parse(data: bytes) -> Iterator[BuiltImage]:
    yield from (BuiltImage(match["reference"].decode(), match["id"].decode()) for match in _LINE.finditer(data))
