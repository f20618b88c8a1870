"""Tells whose the files of the container are in which it runs; a script for the container's own Python.

It asks the file system and the package managers themselves: `dpkg -L`, RECORD, and what the paths really lead to.
"""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

Owner = tuple[str, str, str]
"""Category, name, version."""
File = tuple[int, int]
"""Device and inode: a hard-linked file is one file."""

APPLICATION = "/app/"
_PYC = re.compile(r"(.*/)__pycache__/([^/]+)\.cpython-\d+(?:\.opt-\d)?\.pyc")
_OTHER_FILE_SYSTEMS = {"/proc", "/sys", "/dev"}


def ask(*words: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode(errors="surrogateescape")


def file_at(path: str) -> File | None:
    """Return what is at a path, if no folder; links on the way to it are followed, a link in its place is not."""
    folder, name = os.path.split(path)
    try:
        status = os.lstat(os.path.join(os.path.realpath(folder), name))  # noqa: PTH118
    except OSError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else (status.st_dev, status.st_ino)


def walk() -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and status of every regular file."""
    for folder, folders, names in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if f"/{name}" not in _OTHER_FILE_SYSTEMS]
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                yield path, status


def python(paths: Sequence[str]) -> Iterator[tuple[Owner, str]]:
    """Yield the files of Python's distributions, without bytecode."""
    for record in (path for path in paths if path.endswith(".dist-info/RECORD")):
        folder = os.path.dirname(record)  # noqa: PTH120
        with open(f"{folder}/METADATA", encoding="utf-8") as file:  # noqa: PTH123
            fields = dict(line.rstrip("\n").split(": ", 1) for line in file if re.match("(Name|Version): ", line))
        owner = ("python", re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"])
        with open(record, encoding="utf-8", newline="") as file:  # noqa: PTH123
            for row in csv.reader(file):
                if "__pycache__" not in row[0]:
                    yield owner, os.path.normpath(os.path.join(folder, "..", row[0]))  # noqa: PTH118


def debian() -> Iterator[tuple[Owner, str]]:
    """Yield the files of Debian's packages, where dpkg says that they are."""
    form = "${binary:Package} ${Package} ${Version} ${db:Status-Status}\n"
    rows = [line.split(" ") for line in ask("dpkg-query", "-W", "-f", form).splitlines()]
    installed = [row for row in rows if row[3] == "installed"]
    lists = ask("dpkg-query", "-L", *(row[0] for row in installed)).split("\n\n")
    for (_, name, version, _), listed in sorted(zip(installed, lists, strict=True), key=lambda pair: pair[0][1]):
        lines = [*listed.splitlines(), ""]
        for line, following in pairwise(lines):
            moved = re.match(r"(?:locally diverted|diverted by \S+) to: (.*)", following)
            if line.startswith("/"):
                yield ("debian", name, version), moved[1] if moved else line


def main() -> None:
    """Print a list of category, name, version and bytes."""
    files = list(walk())
    sizes = {(status.st_dev, status.st_ino): status.st_size for _, status in files}
    owners: dict[File, Owner] = {}
    for owner, path in (*python([path for path, _ in files]), *debian()):
        if found := file_at(path):
            owners.setdefault(found, owner)
    claimed = dict(owners)
    for path, status in files:
        if path.startswith(APPLICATION):
            owners.setdefault((status.st_dev, status.st_ino), ("application", APPLICATION.rstrip("/"), ""))
        if match := _PYC.fullmatch(path):
            source = file_at(f"{match[1]}{match[2]}.py")
            name = claimed[source][1] if source in claimed else ""
            owners[status.st_dev, status.st_ino] = ("bytecode", name, "")
    sums = Counter[Owner]()
    for file, owner in owners.items():
        sums[owner] += sizes.get(file, 0)  # what is no regular file has no bytes
    json.dump([(*owner, size) for owner, size in sums.items() if size], sys.stdout)


if __name__ == "__main__":
    main()
