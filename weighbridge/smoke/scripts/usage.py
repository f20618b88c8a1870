"""Runs inside a container, as `python -c … FOLDER`: adds up what the files in a folder take on the disk."""

from __future__ import annotations

import json
import os
import stat
import sys

_BLOCK_BYTES = 512
"""The unit of `st_blocks`, whatever the file system's own blocks are (POSIX, <sys/stat.h>)."""
MOST_ENTRIES = 200_000
"""How many files and folders are looked at."""


def measure(folder: str) -> dict[str, object]:
    """Return the bytes and the number of files below a folder; a file with several names counts once."""
    total = entries = files = 0
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            entries += 1
            if entries > MOST_ENTRIES:
                return {"error": f"{folder} has more than {MOST_ENTRIES} files and folders"}
            try:
                state = os.lstat(os.path.join(place, name))  # noqa: PTH118 - of each file, so it has to be quick
            except OSError:  # it was removed meanwhile
                continue
            if stat.S_ISREG(state.st_mode):
                if state.st_nlink > 1 and (state.st_dev, state.st_ino) in seen:
                    continue
                seen.update({(state.st_dev, state.st_ino)} if state.st_nlink > 1 else ())
                files += 1
            total += state.st_blocks * _BLOCK_BYTES
    return {"bytes": total, "files": files}


def main() -> None:
    """Print what a folder holds."""
    print(json.dumps(measure(sys.argv[1])))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
