"""What a running container may do, for what the probe sees in it: a rule holds, or names process and remedy."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.fakes import PROCESS, SERVES, WRITES, FakeEngine, probed, refused, seen_by_probe, stack_on
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
        ("worker", [], "a process listens on tcp 0.0.0.0:8000, and the role has no port; switch it off, or list it"),
    ],
)
def test_another_listener(role: str, others: list[dict[str, object]], words: str) -> None:
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
    assert hardening.listens_where_declared(stack_on(probed(listening=[])), "worker") == "nowhere"
    reason = refused(lambda: hardening.listens_where_declared(stack_on(probed(listening=[])), "api"))
    assert reason == "nothing listens on 8000; correct roles.api.port, or let the role listen there"
    engine = probed()
    engine.outside = frozenset()
    told = hardening.uid(stack_on(engine), "api")
    assert told == "uid 10001, 1 processes; the engine does not say as which users"


@pytest.mark.parametrize(
    ("user", "wanted", "cure"),
    [
        (None, 10001, "the Dockerfile's USER"),
        ("10002:10002", 10002, "roles.api.user"),
        ("app", 10001, "roles.api.user"),
        ("0", 10001, "roles.api.user"),
    ],
)
def test_user_of_a_role(user: str | None, wanted: int, cure: str) -> None:
    """A role that has a user by number runs as that one; a name says no number, and root is never what is wanted."""
    right = probed(processes=[{**PROCESS, "uids": [wanted] * 4}])
    assert hardening.uid(stack_on(right, {"user": user}), "api").startswith(f"uid {wanted}, ")
    wrong = probed(processes=[{**PROCESS, "uids": [7] * 4}])
    reason = refused(lambda: hardening.uid(stack_on(wrong, {"user": user}), "api"))
    assert reason == f"`python` runs as uid 7, not {wanted}; correct {cure}"


def test_further_ports() -> None:
    """A role may listen where its settings say so, whatever its kind."""
    engine, metrics = [SERVES, {**SERVES, "port": 9100}], {"ports": [9100]}
    assert hardening.listens_where_declared(stack_on(probed(listening=engine), metrics), "api") == "only on 8000, 9100"
    told = stack_on(probed(listening=engine[1:]), worker=metrics)
    assert hardening.listens_where_declared(told, "worker") == "only on 9100"
    assert hardening.listens_where_declared(stack_on(probed(listening=engine[:1]), metrics), "api") == "only on 8000"


def test_further_folders() -> None:
    """A folder that the settings make writable takes files, and has to."""
    own = {"writable": ["files:/files", "/cache"]}
    seen = {**WRITES, "/files": "written", "/cache": "written"}
    told = hardening.root_filesystem_is_read_only(stack_on(probed(writes=seen), own), "api")
    assert told == "writing to / fails with EROFS; /tmp and /files and /data and /cache take files"
    lacking = stack_on(probed(writes={**seen, "/cache": "EACCES"}), own)
    reason = refused(lambda: hardening.root_filesystem_is_read_only(lacking, "api"))
    assert reason == "no file can be created in /cache: EACCES; let the image's user own it"


@pytest.mark.parametrize(
    "changed",
    [
        (),
        ("/tmp/x", "/data/db", "/cache/a/b", "/files"),  # noqa: S108 - in a container
        ("/app/__pycache__/x.pyc", "/run/weighbridge/ca.pem", "/etc/hosts", "/run"),
    ],
)
def test_writes_that_a_read_only_root_allows(changed: tuple[str, ...]) -> None:
    """Folders that take files anyway, bytecode, and what engines make themselves do not count."""
    engine = FakeEngine()
    engine.changed = changed
    stack = stack_on(engine, {"writable": ["files:/files", "/cache"]}, profile="works")
    assert hardening.writes_where_allowed(stack, "api") == "it wrote only where a read-only root lets it"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (("/app/log.txt",), "/app/log.txt"),
        (("/tmpx", "/data", "/database/x"), "/tmpx, /database/x"),  # noqa: S108 - in a container
        (("/a", "/b", "/c", "/d", "/e"), "/a, /b, /c and 2 more"),
        (("/run/app.pid",), "/run/app.pid"),
    ],
)
def test_writes_that_a_read_only_root_would_not_let(changed: tuple[str, ...], shown: str) -> None:
    """The first three places are named, with the setting that would allow them."""
    engine = FakeEngine()
    engine.changed = changed
    reason = refused(lambda: hardening.writes_where_allowed(stack_on(engine, profile="works"), "api"))
    assert reason == (
        f"it wrote {shown}, which a read-only root would not let it; write to /tmp, or list the folder in "
        "roles.api.writable"
    )
