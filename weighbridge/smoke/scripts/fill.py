"""Runs inside a container, as `python -c … FOLDER`: fills the folder's file system; `--free` undoes that."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

_NAME = ".weighbridge-fill"
_MOST_BYTES = 64 * 1024 * 1024
"""The largest free space that we fill: a file system with more is a real disk, which others use, too."""
_BLOCKS = (1024 * 1024, 4096, 1)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def fill(folder: str) -> dict[str, object]:
    """Write until not one more byte fits; return how many were written, or why nothing was."""
    try:
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
        if free > _MOST_BYTES:
            mebibytes = free // 1024**2
            return {"error": f"{folder} has {mebibytes} MiB free: only a file system with up to 64 MiB free is filled"}
        with Path(folder, _NAME).open("ab", buffering=0) as file:
            for size in _BLOCKS:
                write_until_full(file.fileno(), os.urandom(size))  # zeros could be compressed to nothing
            return {"bytes": os.fstat(file.fileno()).st_size}
    except OSError as error:
        return {"error": str(error)}


def write_until_full(descriptor: int, block: bytes) -> None:
    """Write the block again and again until it does not fit, or the file is larger than a full one could be."""
    try:
        while os.fstat(descriptor).st_size <= 2 * _MOST_BYTES:
            os.write(descriptor, block)
    except OSError as error:
        if error.errno not in _FULL:
            raise


def free(folder: str) -> dict[str, object]:
    """Remove the file that fills the folder; return its size."""
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
