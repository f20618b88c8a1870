"""Runs inside a container, as `python -c`: prints what its processes may do, what listens, and where files fit."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

_KERNELS_OWN = frozenset({"proc", "sys", "dev"})
"""Mounts at or below these are no place for files or, like /dev/shm, writable by design."""
_WAITING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""The state of a socket that waits for peers: TCP's LISTEN, or CLOSE, which a UDP socket has until it is connected."""
_ENGINES_DNS = "127.0.0.11"
"""Docker's resolver listens at this address in each container's network, on a random port."""
_CLIENTS_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The range of clients' ports: a UDP socket on such a port does not listen, but has sent something, as loggers do."""
_STARTED = 19
"""Index of the start time in /proc/PID/stat, field 22, counted from the field after the name."""

Mapping = tuple[str, str, str]
"""The offset in a file, and the file's device and inode; inode 0 is no file."""


def list_others() -> Iterator[Path]:
    """Yield the folder in /proc of each process except this one."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            yield folder


def read_facts(folder: Path) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def list_processes() -> list[dict[str, object]]:
    """Return what the kernel says about each process except this one: users, capabilities, no-new-privileges, start."""
    found: list[dict[str, object]] = []
    for folder in list_others():
        try:
            facts, stat = read_facts(folder), (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended in the meantime
        found.append(
            {
                "pid": int(folder.name),
                "name": facts["Name"],
                "command": read_command(folder),
                "started": read_start(stat),
                "uids": [int(uid) for uid in facts["Uid"].split()],
                "has_capabilities": any(int(value, 16) for key, value in facts.items() if key.startswith("Cap")),
                "no_new_privileges": facts.get("NoNewPrivs") == "1",
            }
        )
    return found


def read_command(folder: Path) -> list[str]:
    """Return the program and the arguments of a process; empty if it has ended, or is another user's."""
    try:
        text = (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rstrip("\0").split("\0")


def read_start(stat: str) -> int:
    """Return when a process started, in clock ticks since boot; start and id together identify a process."""
    return int(stat.rpartition(")")[2].split()[_STARTED])  # the name may hold spaces and parentheses


def measure_memory() -> int:
    """Return the resident memory of all processes except this one.

    A page that several processes share counts once. It counts in full even if this script or another container shares
    it, too; otherwise, images with a common base would look smaller when they are tried side by side. Anonymous pages
    are shared only by fork, so only within the container, and their proportional sizes add up. For each mapped file,
    the process with the most resident pages counts. A process that hides its mappings from this user counts with all
    its pages.
    """
    kibibytes, files = 0, dict[Mapping, int]()
    for folder in list_others():
        try:
            whole = parse_sections((folder / "smaps_rollup").read_text(encoding="utf-8", errors="replace"))
            each = parse_sections((folder / "smaps").read_text(encoding="utf-8", errors="replace"))
            kibibytes += sum(sizes["Pss_Anon"] + sizes["Pss_Shmem"] for _, sizes in whole)
        except (OSError, KeyError):  # a process of another user, or a kernel before 5.4
            kibibytes += read_resident(folder)
            continue
        for mapping, sizes in each:
            files[mapping] = max(files.get(mapping, 0), sizes["Rss"] - sizes["Anonymous"])
    return (kibibytes + sum(files.values())) * 1024


def read_resident(folder: Path) -> int:
    """Return the resident memory of a process in KiB, with shared pages; 0 if it has ended."""
    try:
        return int(read_facts(folder).get("VmRSS", "0").split()[0])
    except OSError:
        return 0


def parse_sections(text: str) -> list[tuple[Mapping, dict[str, int]]]:
    """Return each mapping of a process with its sizes in KiB."""
    found: list[tuple[Mapping, dict[str, int]]] = []
    for words in map(str.split, text.splitlines()):
        if not words[0].endswith(":"):
            found.append(((words[2], words[3], words[4]), {}))
        elif words[-1] == "kB":
            found[-1][1][words[0][:-1]] = int(words[1])
    return found


def list_listening() -> list[dict[str, object]]:
    """Return all listening sockets of the container's network, except the engine's DNS."""
    found: list[dict[str, object]] = []
    for table in _WAITING:
        path = Path("/proc/self/net", table)
        if path.exists():  # IPv6 may be switched off
            found += parse_waiting(table, path.read_text(encoding="ascii"))
    first, last = (int(port) for port in _CLIENTS_PORTS.read_text(encoding="ascii").split())
    return [each for each in found if each["protocol"] == "tcp" or not first <= int(str(each["port"])) <= last]


def parse_waiting(table: str, text: str) -> list[dict[str, object]]:
    """Return the listening sockets in one of the kernel's tables."""
    found: list[dict[str, object]] = []
    for line in text.splitlines()[1:]:
        local, _, state = line.split()[1:4]
        host, port = local.split(":")
        if state == _WAITING[table] and decode_address(host) != _ENGINES_DNS:
            found.append({"protocol": table[:3], "address": decode_address(host), "port": int(port, 16)})
    return found


def decode_address(text: str) -> str:
    """Decode an address of the kernel's tables: words of 32 bits, each in the byte order of the machine."""
    words = (int(text[start : start + 8], 16) for start in range(0, len(text), 8))
    found = ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def list_mounts() -> dict[str, bool]:
    """Return mounted folder -> whether it is read-only, for each mount where files may belong."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        folder, options = line.split()[4:6]
        if folder.split("/")[1] not in _KERNELS_OWN and Path(folder).is_dir():
            found[folder] = "ro" in options.split(",")
    return found


def try_to_write(folder: str) -> str:
    """Create a file and remove it; return `written`, or the name of the error, such as EROFS."""
    path = Path(folder, f".weighbridge-{os.getpid()}")
    try:
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "written"


def main() -> None:
    """Print what this script finds out."""
    found = list_mounts()
    seen = {
        "processes": list_processes(),
        "memory_bytes": measure_memory(),
        "listening": list_listening(),
        "root_is_read_only": found.get("/", False),
        "writes": {folder: try_to_write(folder) for folder in ["/", *found]},
    }
    print(json.dumps(seen))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
