"""Smoke on a real engine: an image that is right passes, and each thing that can be wrong is found and named."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.live.images import TARGETS, Standins, prove
from tests.support.fakes import Told, contents
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.conversation import Conversation
from weighbridge.engine.inspect import parse_time
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.model.container import ContainerSpec, Created
from weighbridge.model.smoke import Check, Proof
from weighbridge.smoke import artifacts, runner
from weighbridge.smoke.stack.cast import use_alone
from weighbridge.smoke.stack.runs import RUN_LABEL
from weighbridge.smoke.suite import build_rules

pytestmark = pytest.mark.engine


class Lenient(DockerEngine):
    """An engine that forgets one kind of hardening."""

    forget: Callable[[ContainerSpec], ContainerSpec]

    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container less hardened than asked for."""
        return super().create_container(self.forget(spec))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests' runs apart from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def failures(proof: Proof) -> dict[str, str]:
    """Return what failed, title -> detail."""
    return {check.title: check.detail for check in proof.checks if check.outcome == "failed"}


def only_failure(proof: Proof) -> tuple[str, str]:
    """Return title and detail of the one rule that failed; the detail is one line."""
    ((title, detail),) = failures(proof).items()
    assert "\n" not in detail
    return title, detail


@dataclass(frozen=True)
class Seen:
    """The results for all images of the stand-in, tested at the same time, and what was reported meanwhile."""

    proofs: Mapping[str, Proof]
    told: Told
    container: Mapping[str, Any]
    """The engine's word on the good image's API while it ran."""
    network: Mapping[str, Any]
    left: frozenset[str]
    """Runs of which the engine has anything afterwards."""


@pytest.fixture(scope="module")
def seen(engine: DockerEngine, images: Standins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Prove them all once. Two use up their time, which is short only as far as a busy machine allows."""
    found: list[Mapping[str, Any]] = []

    class Looking(Told):
        def end_rule(self, variant: str, check: Check) -> None:
            super().end_rule(variant, check)
            if (variant, check.role, check.rule) == ("good", "api", "starts"):
                network = check.detail.removesuffix("-api")
                found.extend([engine._api.inspect_container(check.detail), engine._api.inspect_network(network)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        told = Looking()
        proofs = prove(engine, images.settings(timeout=12), images.redis, *TARGETS, watcher=told, at_once=4)
        own = Path(os.environ["XDG_CACHE_HOME"], "weighbridge", "runs", "name").read_text(encoding="ascii")
        left = frozenset(run for run in engine.list_label_values(RUN_LABEL) if run.startswith(own))
        yield Seen({proof.variant: proof for proof in proofs}, told, found[0], found[1], left)


def test_good_image_passes(seen: Seen, images: Standins) -> None:
    """Every rule is tried in order, told as it begins and as it is done, and figures are taken."""
    proof = seen.proofs["good"]
    assert failures(proof) == {}
    expected = [rule.title for rule in build_rules(images.settings(), use_alone("good", contents()))]
    assert [check.title for check in proof.checks] == expected
    for event in ("began", "checked"):
        assert [title for kind, variant, title in seen.told.events if (kind, variant) == (event, "good")] == expected
    assert ("ended", "good", "passed") in seen.told.events
    assert (proof.log, proof.logs) == ("", {})
    figures = proof.figures
    assert 0 < (figures.api_live_seconds or 0) <= (figures.api_ready_seconds or 0) < 20
    assert 0 < (figures.worker_ready_seconds or 0) < 20
    assert 10**6 < (figures.api_memory_bytes or 0) < 10**8
    assert 10**6 < (figures.worker_memory_bytes or 0) < 10**8


@pytest.mark.parametrize(
    ("variant", "rule", "words"),
    [
        ("dies", "api starts", "exited with code 1 before it was healthy: the standin gives up"),
        ("unready", "api ready", "GET /readyz answered 503"),
        ("forgets", "api keeps-things", "POST /things answered 201, not 200"),
        ("miscounts", "stack sum-travels", "answered sum = 6, not 5"),
        ("root", "image runs-as-non-root", "names no user, so it runs as root; end its Dockerfile with `USER 10001"),
    ],
)
def test_misbehaviour_is_named(seen: Seen, variant: str, rule: str, words: str) -> None:
    """The rule that does not hold says why in one line, and the logs are kept."""
    proof = seen.proofs[variant]
    failed, detail = only_failure(proof)
    assert failed == rule
    assert words in detail
    assert proof.logs.keys() >= {"redis", "worker"}
    assert not proof.ok


@pytest.mark.parametrize(
    ("variant", "rule", "words"),
    [
        ("sick", "becomes-healthy", "not healthy after 12 s, its health check says: the standin feels sick"),
        ("volume", "root-filesystem-is-read-only", "files can be created in /srv/mine; remove that VOLUME"),
    ],
)
def test_image_that_fails_in_both_roles(seen: Seen, variant: str, rule: str, words: str) -> None:
    """What is wrong with the image is said in the words of its Dockerfile, for each role that it concerns."""
    found = failures(seen.proofs[variant])
    assert found.keys() == {f"api {rule}", f"worker {rule}"}
    assert all(words in detail for detail in found.values())


def test_variants_side_by_side(seen: Seen) -> None:
    """Each has its own stack and its own verdict, in the order that was asked for; some begin before the first ends."""
    assert tuple(seen.proofs) == TARGETS
    first_end = next(place for place, event in enumerate(seen.told.events) if event[0] == "ended")
    assert len({variant for kind, variant, _ in seen.told.events[:first_end] if kind == "began"}) == 4


def test_nothing_gets_in_or_out(seen: Seen) -> None:
    """No port is published on the engine's host, and the network leads nowhere."""
    assert not seen.container["HostConfig"]["PortBindings"]
    assert not any((seen.container["NetworkSettings"]["Ports"] or {}).values())
    assert seen.network["Internal"]


def test_nothing_is_left(seen: Seen) -> None:
    """Whatever became of them, no run has anything in the engine."""
    assert seen.left == frozenset()


@pytest.mark.parametrize(
    ("forget", "expected"),
    [
        (
            lambda spec: replace(spec, read_only=False, drop_capabilities=()),
            {
                "root-filesystem-is-read-only": "the root filesystem is writable",
                "holds-no-privileges": "has capabilities",
            },
        ),
        (
            lambda spec: replace(spec, security_options=()),
            {"holds-no-privileges": "runs without no-new-privileges"},
        ),
    ],
)
def test_missing_hardening_is_found(
    engine: DockerEngine,
    images: Standins,
    forget: Callable[[ContainerSpec], ContainerSpec],
    expected: Mapping[str, str],
) -> None:
    """The rules see what the kernel does, not what the engine was asked for."""
    with Lenient(docker.DockerClient(engine.host, version="auto"), engine.host) as lenient:
        lenient.forget = forget
        (proof,) = prove(lenient, images.settings(), images.redis, "good")
    found = failures(proof)
    assert found.keys() == {f"{role} {rule}" for role in ("api", "worker") for rule in expected}
    for title, detail in found.items():
        assert expected[title.split()[1]] in detail


def test_other_uid_and_accepted_rule(engine: DockerEngine, images: Standins) -> None:
    """A process of the wrong user is reported with its uid; an accepted rule is waived, with the reason for that."""
    settings = images.settings(user=4242)
    accepting = settings.variants["root"].model_copy(update={"accepts": {"runs-as-non-root": "for the test"}})
    changed = settings.model_copy(update={"variants": {"good": settings.variants["good"], "root": accepting}})
    good, root = prove(engine, changed, images.redis, "good", "root")
    assert failures(good).keys() == {"api uid", "worker uid"}
    assert "runs as uid 10001, not 4242" in failures(good)["api uid"]
    (waived,) = [check for check in root.checks if check.outcome == "waived"]
    assert (waived.rule, waived.ok) == ("runs-as-non-root", True)
    assert waived.detail.endswith("; waived: for the test")
    # What needs the rule is tried all the same.
    assert failures(root).keys() == {"api uid", "worker uid"}


def test_guarded_api_is_asked_with_its_token(engine: DockerEngine, images: Standins) -> None:
    """Headers that the settings give opens the API's writes to smoke too."""
    settings = images.settings("guarded", api={"headers": {"Authorization": "Bearer s3cret"}})
    (proof,) = prove(engine, settings, images.redis, "good")
    # What is sent while it ends goes without: the stand-in says 401, which is an answer.
    assert failures(proof) == {}


def test_secrets_are_not_told(engine: DockerEngine, images: Standins, tmp_path: Path) -> None:
    """What a role prints of the secrets that it was given stands in no reason, in no log that is kept, in no report."""
    # The interpreter writes the buffered standard output last, so it is the end of the log.
    told = "print(*os.environ.items(), sep='\\n'); sys.exit('no way to ' + os.environ['DATABASE_URL'])"
    settings = images.settings(
        api={
            "command": ("python3", "-c", f"import os, sys; {told}"),
            "environment": {
                "PYTHONUNBUFFERED": "",
                "DB_PASSWORD": "battery",
                "DATABASE_URL": "postgresql://app:sta%40ple@db/app",
            },
        }
    )
    (proof,) = prove(engine, settings, images.redis, "good")
    failed, detail = only_failure(proof)
    assert failed == "api starts"
    assert "exited with code 1 before it was healthy: no way to postgresql://app:***@db/app; see its log" in detail
    assert "('DB_PASSWORD', '***')" in proof.logs["api"]
    kept = {file.name: file.read_text(encoding="utf-8") for file in artifacts.keep([proof], tmp_path)}
    assert kept.keys() >= {"good.json", "good-api.log"}
    for text in (proof.log, *kept.values(), *(check.detail for check in proof.checks)):
        assert "battery" not in text
        assert "sta%40ple" not in text


def test_memory_of_a_role_is_limited(engine: DockerEngine, images: Standins) -> None:
    """If the kernel kills a role for its use of memory, the reason has the limit and the key that raises it."""
    command = ("python3", "-c", "held = bytearray(400 * 2**20); print(sum(held))")
    (proof,) = prove(engine, images.settings(api={"command": command, "memory": "32 MiB"}), images.redis, "good")
    failed, detail = only_failure(proof)
    assert failed == "api starts"
    assert "reached its limit of 32 MiB of memory; let it take less, or raise roles.api.memory" in detail


_GUNICORN = """
import signal, subprocess, sys
child = subprocess.Popen(["python3", "/app/standin.py", "api"])
def stop(*_):
    print("[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:8) was sent SIGTERM!", file=sys.stderr, flush=True)
    child.terminate()
signal.signal(signal.SIGTERM, stop)
print("api", file=sys.stderr, flush=True)
sys.exit(child.wait())
"""


def test_words_about_our_own_signal_are_no_error(engine: DockerEngine, images: Standins) -> None:
    """A server that logs as an error that it got SIGTERM, as gunicorn does, has done nothing wrong."""
    (proof,) = prove(engine, images.settings(api={"command": ("python3", "-c", _GUNICORN)}), images.redis, "good")
    assert failures(proof) == {}


def test_streams_are_read_each_by_itself(engine: DockerEngine, images: Standins) -> None:
    """Standard output and standard error of a command and of a container are read separately, whatever their order."""
    source = "import sys; print('out'); print('err', file=sys.stderr, flush=True); sys.stdin.read()"
    spec = ContainerSpec(
        name=f"{images.repository}-streams",
        image=images.settings().name_image("good"),
        network="none",
        entrypoint=("python3", "-u", "-c", f"{source}; import time; time.sleep(60)"),
    )
    created = engine.create_container(spec)
    try:
        engine.start(created.id)
        result = engine.execute(created.id, ("python3", "-c", source), 10)
        assert (result.code, result.streams.output, result.streams.errors) == (0, "out\n", "err\n")
        deadline = time.monotonic() + 10
        while engine.read_streams(created.id) != ("out\n", "err\n"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        engine.remove_container(created.id)


def test_program_reads_and_writes_lines(engine: DockerEngine, images: Standins) -> None:
    """A program in a container answers line by line, and ends when the other side is closed, or with the container."""
    source = "import os, sys\nfor line in sys.stdin: print(os.getpid(), line.strip(), flush=True)"
    spec = ContainerSpec(
        name=f"{images.repository}-stays",
        image=images.settings().name_image("good"),
        network="none",
        entrypoint=("python3", "-c", "import time; time.sleep(60)"),
    )
    created = engine.create_container(spec)

    def ask(conversation: Conversation, text: str) -> list[str]:
        conversation.send(text)
        return (conversation.receive(10) or "").split()

    try:
        engine.start(created.id)
        first, second = (engine.converse(created.id, ("python3", "-c", source)) for _ in range(2))
        (one, said), (same, more) = ask(first, "a"), ask(first, "b")
        assert (said, more, one) == ("a", "b", same)
        assert ask(second, "x" * 300_000)[1] == "x" * 300_000
        first.close()
        count = ("python3", "-c", f"import os; print(os.path.exists('/proc/{one}'))")
        deadline = time.monotonic() + 10
        while engine.execute(created.id, count, 10).streams.output != "False\n":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        engine.send_signal(created.id, "SIGKILL")
        with pytest.raises(EngineFault):
            ask(second, "c")
        second.close()
    finally:
        engine.remove_container(created.id)


def test_role_that_ends_in_its_work(engine: DockerEngine, images: Standins) -> None:
    """If a role that had served ends by itself, its rule fails at once, with the exception; nothing waits for it."""
    names, late = list[str](), list[float]()

    class Looking(Told):
        def end_rule(self, variant: str, check: Check) -> None:
            super().end_rule(variant, check)
            if check.title == "worker starts":
                names.append(check.detail)
            if check.title == "worker keeps-running":
                state = engine._api.inspect_container(names[0])["State"]
                late.append(time.time() - parse_time(state["FinishedAt"]))

    (proof,) = prove(engine, images.settings("ends"), images.redis, "good", watcher=Looking())
    assert failures(proof) == {
        "worker keeps-running": "exited with code 1: LookupError: the standin is lost; see its log"
    }
    assert max(late) < 3
    skipped = {check.title: check.detail for check in proof.checks if check.outcome == "skipped"}
    assert skipped["stack sum-travels"] == "not tried, because `worker keeps-running` does not hold"


def test_missing_program_is_named(engine: DockerEngine, images: Standins) -> None:
    """A command that the image does not hold, as in a multi-stage build that forgot the scripts, is named."""
    settings = images.settings(api={"command": ("uvicorn", "backend.main:app")})
    (proof,) = prove(engine, settings, images.redis, "good")
    failed, detail = only_failure(proof)
    assert failed == "api starts"
    assert "uvicorn" in detail
    assert "the image's CMD" in detail


def test_missing_image(engine: DockerEngine, images: Standins) -> None:
    """An image that was never built, or no Redis, is an error of its own, before anything is made."""
    with pytest.raises(NoSuchImage, match="weighbridge-test-nowhere:good"):
        runner.check_images(engine, ["weighbridge-test-nowhere:good"])
    with pytest.raises(NoSuchImage, match=r"no image weighbridge-test-nowhere:redis[.] Run `invoke engine`"):
        prove(engine, images.settings(), "weighbridge-test-nowhere:redis", "good")
