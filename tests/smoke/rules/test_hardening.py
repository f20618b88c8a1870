"""What a running container may do, for what the probe sees in it: a rule holds, or names process and remedy."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.fakes import PROCESS, SERVES, WRITES, FakeEngine, probed, refused, seen_by_probe, stack_on
from weighbridge.model.smoke import RoleName
from weighbridge.smoke.rules import hardening


def test_confined() -> None:
    """The rules hold without privileges, and if only the two folders take files."""
    assert hardening.uid(stack_on(probed()), "api") == "uid 10001, 1 processes; the engine sees 10001"
    assert hardening.holds_no_privileges(stack_on(probed()), "api").startswith("1 processes without")
    told = hardening.root_filesystem_is_read_only(stack_on(probed()), "api")
    assert told == "writing to / fails with EROFS; /tmp and /data take files"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root_is_read_only": False}, "the root filesystem is writable"),
        ({"writes": {**WRITES, "/": "written"}}, "the root filesystem is writable"),
        ({"writes": {**WRITES, "/srv": "written"}}, "files can be created in /srv; remove that VOLUME"),
        (
            {"writes": {**WRITES, "/data": "EACCES"}},
            "no file can be created in /data: EACCES; let the image's user own it",
        ),
        ({"writes": {"/": "EROFS", "/data": "written"}}, "no file can be created in /tmp: not mounted"),
    ],
)
def test_not_confined(changes: dict[str, object], words: str) -> None:
    """A permission that happens to be missing is not enough: the mount itself must be read-only."""
    assert words in refused(lambda: hardening.root_filesystem_is_read_only(stack_on(probed(**changes)), "api"))


@pytest.mark.parametrize("uids", [[0] * 4, [10001, 0, 10001, 10001], [10001, 10001, 10001, 0]])
def test_process_of_another_user(uids: list[int]) -> None:
    """A second process that runs, or could run again, as another user is named, with that user."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", "uids": uids}])
    reason = refused(lambda: hardening.uid(stack_on(engine), "api"))
    assert reason == "`cron` runs as uid 0, not 10001; correct the Dockerfile's USER"


def test_root_outside() -> None:
    """A process that is root on the engine's machine fails the rule, whoever it is inside."""
    engine = probed()
    engine.outside = frozenset({0, 10001})
    assert "a process of api runs as root" in refused(lambda: hardening.uid(stack_on(engine), "api"))


@pytest.mark.parametrize(
    ("role", "others", "words"),
    [
        ("api", [{"protocol": "tcp", "address": "::", "port": 9}], "listens on tcp :::9 besides 8000"),
        ("api", [{**SERVES, "protocol": "udp"}], "listens on udp 0.0.0.0:8000 besides"),
        ("worker", [], "listens on tcp 0.0.0.0:8000, where a worker needs no port"),
    ],
)
def test_another_listener(role: RoleName, others: list[dict[str, object]], words: str) -> None:
    """Every other listening socket is named; for a worker, every socket."""
    engine = probed(listening=[SERVES, *others])
    assert words in refused(lambda: hardening.listens_where_declared(stack_on(engine), role))


def test_listening_where_declared() -> None:
    """The rule holds if the API listens only on its port, and the worker nowhere."""
    assert hardening.listens_where_declared(stack_on(probed()), "api") == "only on 8000"
    assert hardening.listens_where_declared(stack_on(probed(listening=[])), "worker") == "nowhere"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"has_capabilities": True}, "has capabilities"),
        ({"no_new_privileges": False}, "runs without no-new-privileges"),
    ],
)
def test_privileged_process(change: dict[str, bool], words: str) -> None:
    """One privileged process among several fails the rule, and is named."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", **change}])
    assert refused(lambda: hardening.holds_no_privileges(stack_on(engine), "api")).startswith(f"`cron` {words}")


def test_health_check_that_is_just_started() -> None:
    """A process that the engine is just starting has lost its privileges, or has ended, at the next look."""
    starting_up = [{**PROCESS, "pid": pid, "name": "runc", "uids": [0] * 4, "has_capabilities": True} for pid in (8, 9)]
    looks = [seen_by_probe(processes=[PROCESS, each]) for each in starting_up]
    for rule in (hardening.uid, hardening.holds_no_privileges):
        assert rule(stack_on(FakeEngine(outputs=looks)), "api")


def test_probe_that_fails() -> None:
    """The error has the script, its exit code and the last line of its traceback."""
    reason = refused(lambda: hardening.uid(stack_on(FakeEngine(outputs=["1 a\nMemoryError\n"])), "api"))
    assert reason == "probe.py failed with code 1 inside: MemoryError"


def test_nothing_to_see() -> None:
    """Without a process to look at, the rules on processes do not hold; without a socket, none is claimed."""
    for rule in (hardening.uid, hardening.holds_no_privileges):
        reason = refused(partial(rule, stack_on(probed(processes=[])), "api"))
        assert reason == "the kernel shows no process of the container to its user, so nothing was checked"
    assert hardening.listens_where_declared(stack_on(probed(listening=[])), "api") == "nowhere"
    engine = probed()
    engine.outside = frozenset()
    told = hardening.uid(stack_on(engine), "api")
    assert told == "uid 10001, 1 processes; the engine does not say as which users"
