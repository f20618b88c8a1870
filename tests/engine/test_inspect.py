"""The engine's JSON as our values, where engines differ, and specs in the SDK's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import docker.types
import pytest

from weighbridge.engine import inspect
from weighbridge.model.container import ContainerSpec

STATE = {"Status": "exited", "ExitCode": 137, "OOMKilled": True}


def test_container_without_a_health_check() -> None:
    """Without a health check, health is `none`; fields that engines omit have defaults."""
    state = inspect.read_container({"State": STATE})
    assert (state.health, state.health_output, state.exit_code, state.out_of_memory) == ("none", "", 137, True)


@pytest.mark.parametrize(
    ("log", "output"), [(None, ""), ([], ""), ([{"Output": "a"}, {"Output": "b\n"}], "b"), ([{}], "")]
)
def test_last_run_of_a_health_check(log: list[dict[str, str]] | None, output: str) -> None:
    """The output is that of the last run of the check, if there was one."""
    state = inspect.read_container({"State": {**STATE, "Health": {"Status": "unhealthy", "Log": log}}})
    assert (state.health, state.health_output) == ("unhealthy", output)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2026-01-01T01:00:00.25+01:00", 1767225600.25),
        ("2026-01-01T00:00:00.123456789Z", 1767225600.123456),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("soon", 0),
    ],
)
def test_times(time: str, seconds: float) -> None:
    """Times of an engine have nanoseconds; the year 1 means never."""
    assert inspect.parse_time(time) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("word", ["", "stopped", "Running", "none "])
def test_words_that_docker_does_not_have(word: str) -> None:
    """An engine with other words than Docker's has an unknown state, which counts neither as running nor as healthy."""
    state = inspect.read_container({"State": {**STATE, "Status": word, "Health": {"Status": word}}})
    assert (state.status, state.health, state.running) == ("unknown", "unknown", False)


@pytest.mark.parametrize("titles", [["PID", "UID"], ["UID", "PID", "CMD"]])
def test_users_of_processes(titles: list[str]) -> None:
    """The column is found by its name."""
    rows = [[{"PID": "1", "UID": uid, "CMD": "x"}[title] for title in titles] for uid in ("0", "10001", "0")]
    assert inspect.read_users({"Titles": titles, "Processes": rows}) == {0, 10001}
    assert inspect.read_users({"Titles": titles, "Processes": None}) == set()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, []),
        ({"NetworkSettings": {"Networks": {"n": {}, "bridge": {}}}}, ["network n: container mine uses it"]),
        ({"Mounts": [{"Type": "bind"}, {"Name": "v"}, {"Name": "w"}]}, ["volume v: container mine uses it"]),
        ({"Names": None, "Mounts": [{"Name": "v"}]}, ["volume v: container 0123456789ab uses it"]),
        ({"NetworkSettings": None, "Mounts": None}, []),
    ],
)
def test_what_a_container_uses(facts: dict[str, Any], words: list[str]) -> None:
    """Only the given networks and volumes count, and containers are named as the user named them."""
    row = {"Id": "0123456789abcdef", "Names": ["/mine"], **facts}
    assert list(inspect.list_uses(row, {"n", "v"})) == words


def test_interval_counts_from_the_start() -> None:
    """An interval also shortens the start period, for engines from 25 on; without one, the image's values hold."""
    spec = ContainerSpec(name="n", image="i", network="w", health_interval_seconds=0.5)
    assert inspect.build_health_check(spec) == {"interval": 5 * 10**8, "start_period": 10**6}
    assert inspect.build_health_check(ContainerSpec(name="n", image="i", network="w")) == {}
    spec = ContainerSpec(name="n", image="i", network="w", health_command=("CMD", "true"))
    assert inspect.build_health_check(spec) == {"test": ["CMD", "true"]}


@pytest.mark.parametrize(
    ("tags", "digests", "expected"),
    [
        (["a:1", "b:2"], ["a@sha256:1"], ("a:1", "b:2")),
        ([], ["a@sha256:1"], ("a@sha256:1",)),
        (None, None, ()),
        (["<none>:<none>"], ["<none>@<none>"], ()),
        ([], ["moby-dangling@sha256:1"], ()),
    ],
)
def test_names_of_an_image(tags: list[str] | None, digests: list[str] | None, expected: tuple[str, ...]) -> None:
    """An image is called by its tags; if it has none, by the digest by which it was pulled."""
    row = {"Id": "sha256:x", "RepoTags": tags, "RepoDigests": digests}
    assert inspect.read_image("x", row).names == expected
    described = inspect.describe_named([row], lambda reference: inspect.read_image(reference, row))
    assert [each.names for each in described] == [expected] * bool(expected)


@pytest.mark.parametrize(
    ("reference", "known", "expected"),
    [
        ("python:3.13", ["python@sha256:a"], "sha256:a"),
        ("docker.io/library/python:3.13", ["other@sha256:b", "python@sha256:a"], "sha256:a"),
        ("docker.io/team/python", ["team/python@sha256:a"], "sha256:a"),
        ("host:5000/python", ["python@sha256:b", "host:5000/python@sha256:a"], "sha256:a"),
        ("python@sha256:c", ["python@sha256:a"], "sha256:c"),
        ("weighbridge/python:3.13", ["python@sha256:a"], ""),
        ("python:3.13", None, ""),
    ],
)
def test_digest_of_an_image(reference: str, known: list[str] | None, expected: str) -> None:
    """The digest is that of the image's name; an image that was built here has none."""
    assert inspect.read_image(reference, {"Id": "sha256:x", "RepoDigests": known}).digest == expected


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("armv7l", "linux/arm/v7")]
)
def test_platform_of_an_engine(machine: str, name: str) -> None:
    """The engine's platform has Go's name of the architecture, whatever the kernel calls it."""
    assert inspect.read_identity({"Architecture": machine, "OSType": "linux"}).platform == name


def test_platform_of_an_image() -> None:
    """An image's platform includes the variant, if the engine names one."""
    facts = {"Id": "sha256:a", "Os": "linux", "Architecture": "arm"}
    assert inspect.read_image("x", facts).platform == "linux/arm"
    assert inspect.read_image("x", {**facts, "Variant": "v7"}).platform == "linux/arm/v7"


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ({"ID": "7TRN:IPZB"}, {"ID": "7TRN:IPZB"}, "7TRN:IPZB"),
        ({"ID": "one"}, {"ID": "other"}, "unix:///e"),
        ({"ID": ""}, {"ID": ""}, "unix:///e"),
        ({}, {}, "unix:///e"),
    ],
)
def test_key_of_an_engine(first: dict[str, str], second: dict[str, str], key: str) -> None:
    """An engine's own id tells it from others; where it has none, or another one each time, its URL does."""
    assert inspect.read_key(first, second, "unix:///e") == key


@pytest.mark.parametrize(
    ("cpus", "file_bytes", "quota", "limits"),
    [
        (2, 0, 200_000, None),
        (0.1, 1, 10_000, [{"Name": "fsize", "Soft": 1, "Hard": 1}]),
        (1.5, 2**40, 150_000, [{"Name": "fsize", "Soft": 2**40, "Hard": 2**40}]),
    ],
)
def test_processors_and_size_of_files(
    cpus: float, file_bytes: int, quota: int, limits: list[dict[str, object]] | None
) -> None:
    """The SDK makes of the limits what Docker's API calls CpuPeriod, CpuQuota and Ulimits."""
    spec = ContainerSpec(name="x", image="y", network="z", cpus=cpus, file_bytes=file_bytes)
    made = docker.types.HostConfig(version="1.41", **inspect.build_confinement(spec))
    assert (made["CpuPeriod"], made["CpuQuota"]) == (100_000, quota)
    assert made.get("Ulimits") == limits


def test_descriptors() -> None:
    """A limit on descriptors is one more of Docker's Ulimits."""
    spec = ContainerSpec(name="x", image="y", network="z", file_bytes=1, open_files=256)
    made = docker.types.HostConfig(version="1.41", **inspect.build_confinement(spec))
    assert made["Ulimits"][1:] == [{"Name": "nofile", "Soft": 256, "Hard": 256}]


def test_mounts_and_the_kernels_settings() -> None:
    """A volume may be mounted to be read alone, and the container's network may have settings of its own."""
    ports = {"net.ipv4.ip_unprivileged_port_start": "0"}
    spec = ContainerSpec(name="x", image="y", network="z", volumes={"a": "/a"}, read_only_mounts={"b": "/b"})
    made = docker.types.HostConfig(version="1.41", **inspect.build_confinement(replace(spec, sysctls=ports)))
    assert made["Binds"] == ["a:/a:rw", "b:/b:ro"]
    assert made["Sysctls"] == ports


@pytest.mark.parametrize(
    ("host", "info", "obstacle"),
    [
        ("unix:///var/run/docker.sock", {}, ""),
        ("http+unix:///var/run/docker.sock", {"SecurityOptions": None}, ""),
        ("unix:///x", {"SecurityOptions": ["name=seccomp,profile=default"]}, ""),
        ("unix:///x", {"SecurityOptions": ["name=seccomp", "name=rootless"]}, "the engine is rootless"),
        ("tcp://build:2376", {}, "the engine does not answer at a socket of this machine"),
        ("npipe:////./pipe/docker_engine", {}, "the engine does not answer at a socket of this machine"),
    ],
)
def test_data_root(host: str, info: dict[str, Any], obstacle: str) -> None:
    """The engine names its folder; an engine elsewhere, or a rootless one, is an obstacle with its reason."""
    found = inspect.read_data_root({"DockerRootDir": "/d", "Driver": "overlay2", **info}, host)
    assert (found.path, found.store, found.obstacle) == ("/d", "overlay2", obstacle)


def test_data_root_of_an_engine_that_does_not_tell() -> None:
    """An engine without such a folder has none."""
    assert inspect.read_data_root({}, "unix:///x").path == ""
