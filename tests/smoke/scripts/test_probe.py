"""The probe's script, run on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scripts import run
from weighbridge.smoke.scripts import probe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CHILD = """
import sys
open('/proc/self/comm', 'w').write('a) (b')
held = bytearray(b'x' * 32 * 1024 * 1024)
print('here', flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def child() -> Iterator[Path]:
    """Return the folder of a process with 32 MiB in memory, and a name that is hard to parse."""
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Path("/proc", str(process.pid))
        process.communicate()


def test_written(tmp_path: Path) -> None:
    """A folder where a file can be created is reported, and the file is removed."""
    assert probe.try_to_write(str(tmp_path)) == "written"
    assert not list(tmp_path.iterdir())


def test_error_is_named(tmp_path: Path) -> None:
    """A folder where no file can be created is reported with the name of the error."""
    assert probe.try_to_write(str(tmp_path / "missing")) == "ENOENT"


def test_mounts_where_files_may_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own folders are left out, but not folders whose names only begin like theirs."""
    folders = ("/", "/proc", "/proc/acpi", "/sys/fs", "/dev/shm", "/developer", "/sysdata", "/a/dev")  # noqa: S108
    lines = "".join(f"1 2 0:3 / {folder} {'ro' if folder == '/' else 'rw'},noatime - x y z\n" for folder in folders)
    monkeypatch.setattr(Path, "read_text", lambda _, encoding: lines if encoding else "")
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    assert probe.list_mounts() == {"/": True, "/developer": False, "/sysdata": False, "/a/dev": False}


def test_whole_output() -> None:
    """Run as `python -c` without site-packages, the script prints one JSON object."""
    seen = run(probe)
    assert set(seen) == {"processes", "memory_bytes", "listening", "root_is_read_only", "writes"}
    (own,) = (each for each in seen["processes"] if each["pid"] == os.getpid())
    assert set(own) == {"pid", "name", "command", "started", "uids", "has_capabilities", "no_new_privileges"}
    assert own["uids"] == [os.getuid()] * 4
    assert seen["memory_bytes"] > 10 * 1024 * 1024
    assert "/" in seen["writes"]


def test_start(child: Path) -> None:
    """The start of a process, in ticks since boot, is read correctly whatever its name contains."""
    (seen,) = (each for each in probe.list_processes() if each["pid"] == int(child.name))
    assert seen["name"] == "a) (b"
    ago = time.clock_gettime(time.CLOCK_BOOTTIME) - int(str(seen["started"])) / os.sysconf("SC_CLK_TCK")
    assert 0 <= ago < 60


def test_memory(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a process counts, with its mapped parts of the interpreter's files."""
    monkeypatch.setattr(probe, "list_others", lambda: [child])
    assert 32 * 1024**2 < probe.measure_memory() < 64 * 1024**2


def test_memory_counts_shared_pages_once(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that two processes map count once; private memory counts for each process."""
    monkeypatch.setattr(probe, "list_others", lambda: [child])
    alone = probe.measure_memory()
    monkeypatch.setattr(probe, "list_others", lambda: [child, Path("/proc/self")])
    assert alone < probe.measure_memory() < alone + probe.read_resident(Path("/proc/self")) * 1024


def test_memory_of_a_hidden_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that shows only its status counts with all its pages, and one that has ended with none."""
    (tmp_path / "status").write_text("Name:\tx\nVmRSS:\t    1234 kB\n", encoding="utf-8")
    monkeypatch.setattr(probe, "list_others", lambda: [tmp_path, tmp_path / "ended"])
    assert probe.measure_memory() == 1234 * 1024


def test_listening() -> None:
    """Listening sockets are reported with protocol, address and port; connected sockets are not."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        socket.socket(type=socket.SOCK_DGRAM) as bound,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
        socket.socket(type=socket.SOCK_DGRAM) as connected,
    ):
        bound.bind(("0.0.0.0", free_udp_port()))  # noqa: S104 - nobody sends to it
        sender.sendto(b"x", ("127.0.0.1", 9))
        connected.connect(("127.0.0.1", 9))
        seen = probe.list_listening()
        assert {"protocol": "tcp", "address": "127.0.0.1", "port": server.getsockname()[1]} in seen
        assert {"protocol": "udp", "address": "0.0.0.0", "port": bound.getsockname()[1]} in seen  # noqa: S104 - as above
        ports = {(each["protocol"], each["port"]) for each in seen}
        asking = {("udp", each.getsockname()[1]) for each in (connected, sender)}
        assert not {("tcp", client.getsockname()[1]), *asking} & ports


def free_udp_port() -> int:
    """Return a port below the range that the kernel gives to clients."""
    for port in range(20000, 30000):
        with socket.socket(type=socket.SOCK_DGRAM) as trial, suppress(OSError):
            trial.bind(("0.0.0.0", port))  # noqa: S104 - as above
            return port
    raise AssertionError("no port is free")


@pytest.mark.skipif(not socket.has_ipv6, reason="IPv6 is switched off")
@pytest.mark.parametrize("host", ["::1", "::", "::ffff:127.0.0.1"])
def test_listening_on_ipv6(host: str) -> None:
    """IPv6 sockets are reported, too, with the address in its usual form, and a mapped IPv4 address as IPv4."""
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            server.bind((host, 0))
        except OSError:
            pytest.skip("IPv6 is switched off")
        server.listen()
        told = {"protocol": "tcp", "address": host.removeprefix("::ffff:"), "port": server.getsockname()[1]}
        assert told in probe.list_listening()


def as_kernel(packed: bytes) -> str:
    """Write an address as the kernel's tables do."""
    return "".join(f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}" for at in range(0, len(packed), 4))


ADDRESSES = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
MAPPED = st.binary(min_size=4, max_size=4).map(lambda last: bytes(10) + b"\xff\xff" + last)


@given(ADDRESSES | MAPPED)
def test_address(packed: bytes) -> None:
    """Every address in the kernel's form is decoded to what the C library prints."""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    expected = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    told = socket.inet_ntop(family, packed).removeprefix("::ffff:")
    assert probe.decode_address(as_kernel(packed)) in {told, str(expected)}


@given(
    st.sampled_from(["tcp", "tcp6", "udp", "udp6"]),
    st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 65535), st.integers(1, 12)), max_size=5),
)
def test_table(table: str, rows: list[tuple[bytes, int, int]]) -> None:
    """From each of the kernel's tables, exactly the sockets in the listening state are reported, in order."""
    size, state = (16 if "6" in table else 4), (10 if "tcp" in table else 7)
    lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    for number, (packed, port, has) in enumerate(rows):
        none = "0" * size * 2
        lines.append(f"{number:4}: {as_kernel(packed[:size])}:{port:04X} {none}:0000 {has:02X} 00000000:00000000 00:0")
    seen = probe.parse_waiting(table, "\n".join(lines) + "\n")
    assert [each["port"] for each in seen] == [port for _, port, has in rows if has == state]
    assert {each["protocol"] for each in seen} <= {table[:3]}


def test_engines_dns_is_left_out() -> None:
    """The resolver that Docker puts into each network is not reported."""
    lines = [f"0: {as_kernel(bytes((127, 0, 0, last)))}:9C40 00000000:0000 07 rest" for last in (11, 12)]
    seen = probe.parse_waiting("udp", "\n".join(["header", *lines]))
    assert seen == [{"protocol": "udp", "address": "127.0.0.12", "port": 40000}]
