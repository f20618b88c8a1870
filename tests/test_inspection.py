"""The engine's JSON as our values, where engines differ, and specs in the SDK's words."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge import inspection
from weighbridge.containers import ContainerSpec

STATE = {"Status": "exited", "ExitCode": 137, "OOMKilled": True}


def test_container_without_a_health_check() -> None:
    """Its health is `none`; what engines leave out is not missed."""
    state = inspection.container({"State": STATE})
    assert (state.health, state.health_output, state.exit_code, state.out_of_memory) == ("none", "", 137, True)


@pytest.mark.parametrize(
    ("log", "output"), [(None, ""), ([], ""), ([{"Output": "a"}, {"Output": "b\n"}], "b"), ([{}], "")]
)
def test_last_run_of_a_health_check(log: list[dict[str, str]] | None, output: str) -> None:
    """What it printed last is told, if it ran at all."""
    state = inspection.container({"State": {**STATE, "Health": {"Status": "unhealthy", "Log": log}}})
    assert (state.health, state.health_output) == ("unhealthy", output)


@pytest.mark.parametrize(
    ("stream", "output"),
    [
        (b"", b""),
        (b"\1\0\0\0\0\0\0\2ab" + b"\2\0\0\0\0\0\0\0" + b"\2\0\0\0\0\0\1\0" + b"c" * 256, b"ab" + b"c" * 256),
        (b"\1\0\0\0\0\0\0\5ab", b"ab"),
        (b"\1\0", b""),
    ],
)
def test_frames_of_an_output(stream: bytes, output: bytes) -> None:
    """Both streams come out in order; one that breaks off gives what there is."""
    assert inspection.output(stream) == output


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
    """Of the given things alone, and by the name that the user gave the container."""
    row = {"Id": "0123456789abcdef", "Names": ["/mine"], **facts}
    assert list(inspection.uses(row, {"n", "v"})) == words


def test_interval_counts_from_the_start() -> None:
    """Whatever start period the image has, engines from 25 on are not to probe at its interval; else all is its own."""
    spec = ContainerSpec(name="n", image="i", network="w", health_interval_seconds=0.5)
    assert inspection.health_check(spec) == {"interval": 5 * 10**8, "start_period": 10**6}
    assert inspection.health_check(ContainerSpec(name="n", image="i", network="w")) == {}
    spec = ContainerSpec(name="n", image="i", network="w", health_command=("CMD", "true"))
    assert inspection.health_check(spec) == {"test": ["CMD", "true"]}


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
    """It is the one that belongs to the name; an image that was built here has none."""
    assert inspection.image(reference, {"Id": "sha256:x", "RepoDigests": known}).digest == expected
