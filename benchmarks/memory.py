"""Runs inside a container: prints the resident memory of its processes in bytes, without this process itself.

A page that several processes share counts once. It counts in full even if other containers share it, because otherwise
an image would look smaller beside others on the same base. Anonymous pages are shared only after a fork, so within the
container, and their proportional sizes add up. For the pages of a file, the process that has most of them counts. The
control group's own figure would include cached files that no process maps (Linux, filesystems/proc.rst, "smaps").
"""

from __future__ import annotations

import os
from pathlib import Path

Mapping = tuple[str, str, str]
"""The offset in a file, and the file's device and inode; inode 0 means no file."""


def main() -> None:
    """Add up all processes, and print the sum."""
    anonymous, files = 0, dict[Mapping, int]()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                summary, each = ((folder / name).read_text("utf-8", "replace") for name in ("smaps_rollup", "smaps"))
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile, as a health check does
                continue
            ((_, whole),) = parse_sections(summary)
            anonymous += whole["Pss_Anon"] + whole["Pss_Shmem"]
            for mapping, sizes in parse_sections(each):
                files[mapping] = max(files.get(mapping, 0), sizes["Rss"] - sizes["Anonymous"])
    print((anonymous + sum(files.values())) * 1024)  # noqa: T201 - the output is the point


def parse_sections(text: str) -> list[tuple[Mapping, dict[str, int]]]:
    """Return each mapping of a process with its sizes in KiB."""
    found: list[tuple[Mapping, dict[str, int]]] = []
    for words in map(str.split, text.splitlines()):
        if not words[0].endswith(":"):
            found.append(((words[2], words[3], words[4]), {}))
        elif words[-1] == "kB":
            found[-1][1][words[0].removesuffix(":")] = int(words[1])
    return found


if __name__ == "__main__":
    main()
