"""Runs inside a container, as `python -c`: prints as JSON what the processes there may do and where files can be made.

The standard library alone, and no shell: the image may hold little else.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

_KERNELS_OWN = frozenset({"proc", "sys", "dev"})
"""What is mounted at or below these is no place for files, or, as /dev/shm, writable by design."""


def processes() -> list[dict[str, object]]:
    """Return what the kernel holds of each process but this one: users, any capability, and no-new-privileges."""
    found: list[dict[str, object]] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue  # it ended meanwhile
        facts = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        found.append(
            {
                "pid": int(folder.name),
                "name": facts["Name"],
                "uids": [int(uid) for uid in facts["Uid"].split()],
                "has_capabilities": any(int(value, 16) for key, value in facts.items() if key.startswith("Cap")),
                "no_new_privileges": facts.get("NoNewPrivs") == "1",
            }
        )
    return found


def mounts() -> dict[str, bool]:
    """Return each mounted folder where files may belong, and whether it is mounted read-only."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        folder, options = line.split()[4:6]
        if folder.split("/")[1] not in _KERNELS_OWN and Path(folder).is_dir():
            found[folder] = "ro" in options.split(",")
    return found


def try_to_write(folder: str) -> str:
    """Make a file and remove it; return `written`, or the name of the error, such as EROFS."""
    path = Path(folder, f".weighbridge-{os.getpid()}")
    try:
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "written"


def main() -> None:
    """Print what was seen."""
    found = mounts()
    seen = {
        "processes": processes(),
        "root_is_read_only": found.get("/", False),
        "writes": {folder: try_to_write(folder) for folder in ["/", *found]},
    }
    print(json.dumps(seen))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
