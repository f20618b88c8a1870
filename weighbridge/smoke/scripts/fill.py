"""Runs inside a container, as `python -c … FOLDER`: fills its file system to the last byte; `--free` undoes it."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

_NAME = ".weighbridge-fill"
_MOST_BYTES = 64 * 1024 * 1024
"""What a volume made for this may have free. More is a real disk, and other people's."""
_BLOCKS = (1024 * 1024, 4096, 1)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def fill(folder: str) -> dict[str, object]:
    """Write until not one byte goes in; return how many went in, or why it was not done."""
    try:
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
        if free > _MOST_BYTES:
            mebibytes = free // 1024**2
            return {"error": f"{folder} has {mebibytes} MiB free: no file system of above 64 MiB is filled"}
        with Path(folder, _NAME).open("ab", buffering=0) as file:
            for size in _BLOCKS:
                write_until_full(file.fileno(), os.urandom(size))  # zeros could be compressed to nothing
            return {"bytes": os.fstat(file.fileno()).st_size}
    except OSError as error:
        return {"error": str(error)}


def write_until_full(descriptor: int, block: bytes) -> None:
    """Write the block again and again until it does not go in, or more has gone in than should."""
    try:
        while os.fstat(descriptor).st_size <= 2 * _MOST_BYTES:
            os.write(descriptor, block)
    except OSError as error:
        if error.errno not in _FULL:
            raise


def free(folder: str) -> dict[str, object]:
    """Remove the file; return how many bytes it had."""
    path = Path(folder, _NAME)
    try:
        size = path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
    except OSError as error:
        return {"error": str(error)}
    return {"bytes": size}


def main() -> None:
    """Fill or free."""
    *option, folder = sys.argv[1:]
    print(json.dumps(free(folder) if option == ["--free"] else fill(folder)))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
