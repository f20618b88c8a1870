"""Runs inside a container, as `python -c`: prints what its processes may do and hold, what listens, where files fit."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

_KERNELS_OWN = frozenset({"proc", "sys", "dev"})
"""What is mounted at or below these is no place for files, or, as /dev/shm, writable by design."""
_WAITING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""The state of a socket that waits for anybody: TCP's LISTEN, and CLOSE, which UDP has until it is connected."""
_ENGINES_DNS = "127.0.0.11"
"""Docker's resolver listens in each container's network, on a port that is new each time."""
_CLIENTS_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""From these the kernel takes ports for who asks: a UDP socket on one of them has sent something, as a logger does."""
_STARTED = 19
"""Where /proc/PID/stat has the start, field 22, counted from the one after the name."""

Mapping = tuple[str, str, str]
"""The offset in a file, and the file's device and inode; inode 0 is no file."""


def others() -> Iterator[Path]:
    """Yield the folder of each process but this one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            yield folder


def facts_of(folder: Path) -> dict[str, str]:
    """Return the fields of a process's status."""
    lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def processes() -> list[dict[str, object]]:
    """Return what the kernel holds of each process but this one: users, capabilities, no-new-privileges, start."""
    found: list[dict[str, object]] = []
    for folder in others():
        try:
            facts, stat = facts_of(folder), (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended meanwhile
        found.append(
            {
                "pid": int(folder.name),
                "name": facts["Name"],
                "started": start_in(stat),
                "uids": [int(uid) for uid in facts["Uid"].split()],
                "has_capabilities": any(int(value, 16) for key, value in facts.items() if key.startswith("Cap")),
                "no_new_privileges": facts.get("NoNewPrivs") == "1",
            }
        )
    return found


def start_in(stat: str) -> int:
    """Return when a process started, in clock ticks since boot: with its id, it tells a restart from survival."""
    return int(stat.rpartition(")")[2].split()[_STARTED])  # the name may hold spaces and parentheses


def memory_bytes() -> int:
    """Return the resident memory of all processes but this one.

    A page that several of them share counts once, and as if neither this script nor another container had it too:
    images on a common base that are tried side by side would else look smaller. Anonymous pages are shared by fork
    alone, so within the container, and their proportional sizes add up. Of the pages of a file, those of the process
    that has most of them are taken. A process that hides its mappings from this user counts with all that it has.
    """
    kibibytes, files = 0, dict[Mapping, int]()
    for folder in others():
        try:
            whole = sections((folder / "smaps_rollup").read_text(encoding="utf-8", errors="replace"))
            each = sections((folder / "smaps").read_text(encoding="utf-8", errors="replace"))
            kibibytes += sum(sizes["Pss_Anon"] + sizes["Pss_Shmem"] for _, sizes in whole)
        except (OSError, KeyError):  # another user's, or a kernel before 5.4
            kibibytes += resident(folder)
            continue
        for mapping, sizes in each:
            files[mapping] = max(files.get(mapping, 0), sizes["Rss"] - sizes["Anonymous"])
    return (kibibytes + sum(files.values())) * 1024


def resident(folder: Path) -> int:
    """Return what a process has in memory in KiB, shared pages included; nothing where it ended."""
    try:
        return int(facts_of(folder).get("VmRSS", "0").split()[0])
    except OSError:
        return 0


def sections(text: str) -> list[tuple[Mapping, dict[str, int]]]:
    """Return each mapping of a process with its sizes in KiB."""
    found: list[tuple[Mapping, dict[str, int]]] = []
    for words in map(str.split, text.splitlines()):
        if not words[0].endswith(":"):
            found.append(((words[2], words[3], words[4]), {}))
        elif words[-1] == "kB":
            found[-1][1][words[0][:-1]] = int(words[1])
    return found


def listening() -> list[dict[str, object]]:
    """Return all sockets of the container's network that wait for somebody, the engine's DNS left out."""
    found: list[dict[str, object]] = []
    for table in _WAITING:
        path = Path("/proc/self/net", table)
        if path.exists():  # IPv6 may be switched off
            found += waiting(table, path.read_text(encoding="ascii"))
    first, last = (int(port) for port in _CLIENTS_PORTS.read_text(encoding="ascii").split())
    return [each for each in found if each["protocol"] == "tcp" or not first <= int(str(each["port"])) <= last]


def waiting(table: str, text: str) -> list[dict[str, object]]:
    """Return the sockets that wait for somebody, of one of the kernel's tables."""
    found: list[dict[str, object]] = []
    for line in text.splitlines()[1:]:
        local, _, state = line.split()[1:4]
        host, port = local.split(":")
        if state == _WAITING[table] and address(host) != _ENGINES_DNS:
            found.append({"protocol": table[:3], "address": address(host), "port": int(port, 16)})
    return found


def address(text: str) -> str:
    """Decode an address of the kernel's tables: words of 32 bits, each in the machine's own byte order."""
    words = (int(text[start : start + 8], 16) for start in range(0, len(text), 8))
    found = ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    return str(getattr(found, "ipv4_mapped", None) or found)


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
        "memory_bytes": memory_bytes(),
        "listening": listening(),
        "root_is_read_only": found.get("/", False),
        "writes": {folder: try_to_write(folder) for folder in ["/", *found]},
    }
    print(json.dumps(seen))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
