"""Stacks that others run: the pools of Celery, supervisord, several servers, endless answers, and their usual faults.

Each is one image with the application of `other`, started by other commands. Where a case is about one role, the other
role of the same run is another case.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live import otherapp, shopprobes
from tests.support.fakes import Told
from weighbridge.build import bases, buildkit
from weighbridge.cache import Cache
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError, SmokeFailed
from weighbridge.model.smoke import Proof
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import runner
from weighbridge.smoke.stack.cast import use_alone
from weighbridge.sources.scan import image

pytestmark = pytest.mark.engine

_FOLDER = Path(__file__).with_name("stacks")
_TARGETS = ("prod", "curl", "psycopg2")
_AT_ONCE = 6
_UVICORN = ("--host", "0.0.0.0", "--port", "9000")  # noqa: S104 - a container
_GUNICORN = ("--bind", "0.0.0.0:9000", "--workers", "2", "--worker-class", "uvicorn_worker.UvicornWorker")
_CELERY = ("celery", "--app", "words.jobs", "worker", "--loglevel", "INFO")
_SUPERVISORD = {"command": ("python", "-m", "supervisor.supervisord", "--configuration", "supervisord.conf")}
_ALIVE = "/tmp/words-alive"  # noqa: S108 - in the container
_PING = ("celery", "--app", "words.jobs", "inspect", "ping")


def uvicorn(application: str = "words.service:app", *options: str) -> dict[str, Any]:
    """Return settings of an API that uvicorn serves."""
    return {"command": ("uvicorn", application, *_UVICORN, *options)}


def celery(*options: str) -> dict[str, Any]:
    """Return settings of a worker with further options."""
    return {"command": (*_CELERY, *options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One way to run the application."""

    api: Mapping[str, Any] = field(default_factory=uvicorn)
    worker: Mapping[str, Any] = field(default_factory=celery)
    target: str = "prod"
    accepts: Mapping[str, str] = field(default_factory=dict)
    probes: tuple[Mapping[str, Any], ...] = ()
    stubs: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: int = 60

    def settings(self, repository: str) -> Settings:
        """Return its settings; the probe runs twice, so that each of two workers has a job before the slow one."""
        values = otherapp.settings(repository, self.target)
        values["variants"][self.target] = {"accepts": dict(self.accepts)}
        values["roles"]["api"] |= self.api
        values["roles"]["worker"] |= {"health": ("test", "-e", _ALIVE), **self.worker}
        (probe,) = values["smoke"]["probes"]
        values["smoke"] |= {
            "profile": "hardened",
            "stubs": self.stubs,
            "timeout_seconds": self.timeout_seconds,
            "probes": [*self.probes, probe, {**probe, "rule": "counts-again"}],
        }
        return check(values)


_STACKS = {
    "solo": Stack(api=uvicorn("prefixed:app"), worker={**celery("--pool", "solo"), "health": _PING}),
    "threads": Stack(
        api=uvicorn("streaming:app"),
        worker=celery("--pool", "threads", "--concurrency", "2"),
        stubs={"events.example.com": [{"get": "/v1/first", "json": {"word": "tick"}}]},
    ),
    "gevent": Stack(
        api=uvicorn("words.service:app", "--workers", "2"), worker=celery("--pool", "gevent", "--concurrency", "10")
    ),
    "gunicorn": Stack(
        api={"command": ("python", "-m", "gunicorn", "words.service:app", *_GUNICORN)},
        probes=({"rule": "reads", "role": "api", "steps": [{"get": "/healthz"}]},),
    ),
    "supervised": Stack(
        api=_SUPERVISORD,
        worker={**_SUPERVISORD, "health": ("sh", "-c", f"test -e {_ALIVE} && python -m words health")},
        accepts={"worker listens-where-declared": "the API runs beside it"},
    ),
    "shop": Stack(
        api={**uvicorn("shop:app"), "environment": {"SHOP_KEY": shopprobes.PASSWORD}},
        probes=(*shopprobes.HOLD, *(probe for _, probe in shopprobes.FAIL)),
        stubs=shopprobes.STUBS,
    ),
    "detached": Stack(api=uvicorn("stored:app"), worker=celery("--detach")),
    "curl": Stack(api=uvicorn("words.service:app", "--root-path", "/api"), target="curl", timeout_seconds=20),
    "psycopg2": Stack(api=uvicorn("compiled:app"), target="psycopg2"),
}


@pytest.fixture(scope="module")
def repository(engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage) -> Iterator[str]:
    """Build the images; return the name that they share."""
    name = f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"
    arguments = {"PYTHON_IMAGE": python_base.reference, "GOOD": f"{name}:good"}
    try:
        for target in ("good", *_TARGETS):
            folder = otherapp.FOLDER if target == "good" else _FOLDER
            wanted = buildkit.Build(
                variant=target,
                reference=f"{name}:{target}",
                context=folder,
                dockerfile=folder / "Dockerfile",
                target=None if target == "good" else target,
                arguments=arguments,
            )
            buildkit.build(client, engine, wanted)
        yield name
    finally:
        for target in ("good", *_TARGETS):
            with suppress(EngineError):
                engine.remove_image(f"{name}:{target}")


@pytest.fixture(scope="module")
def proofs(
    engine: DockerEngine, repository: str, redis_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Proof]]:
    """Prove all stacks at the same time, each by its own settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        held = image.screen(engine, [f"{repository}:{target}" for target in _TARGETS], Cache())

        def prove(stack: Stack) -> Proof:
            services = {"redis": redis_base.reference}
            trial = runner.Trial(engine=engine, settings=stack.settings(repository), services=services, project=_FOLDER)
            alone = use_alone(stack.target, held[f"{repository}:{stack.target}"])
            return runner.prove(trial, {stack.target: alone}, Told())[0]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield dict(zip(_STACKS, pool.map(prove, _STACKS.values()), strict=True))


def failures(proof: Proof) -> dict[str, str]:
    """Return what failed, title -> detail; `invoke smoke` exits with 7 if that is anything, else with 0."""
    found = {each.title: each.detail for each in proof.checks if each.outcome == "failed"}
    code = 0
    try:
        runner.check([proof])
    except SmokeFailed as error:
        code = error.exit_code
    assert code == (7 if found else 0)
    return found


def seen(proof: Proof, title: str) -> str:
    """Return what a rule saw that holds."""
    (detail,) = [each.detail for each in proof.checks if each.title == title and each.outcome == "passed"]
    return detail


@pytest.mark.parametrize("pool", ["solo", "threads", "gevent"])
def test_pool_of_celery(proofs: Mapping[str, Proof], pool: str) -> None:
    """A worker of each pool passes all rules, and finishes the job that runs when SIGTERM comes."""
    proof = proofs[pool]
    assert failures(proof) == {}
    assert {each.outcome for each in proof.checks} == {"passed"}
    assert seen(proof, "worker finishes-running-job-on-sigterm").endswith("and its job gave 3.0")


def test_api_and_worker_under_supervisord(proofs: Mapping[str, Proof]) -> None:
    """A container that runs both roles passes, once its port is accepted for the worker.

    The worker beside the API takes jobs, too, among them the first slow one that the other worker is to finish.
    """
    proof = proofs["supervised"]
    assert failures(proof) == {}
    assert {each.title: each.detail for each in proof.checks if each.outcome != "passed"} == {
        "worker listens-where-declared": "a process listens on tcp 0.0.0.0:9000, and the role has no port; "
        "switch it off, or list it in roles.worker.ports; waived: the API runs beside it"
    }
    assert seen(proof, "worker finishes-running-job-on-sigterm").endswith("and its job gave 3.0")
    assert seen(proof, "api stops-on-sigterm").startswith("exited with 0, ")


def test_several_servers(proofs: Mapping[str, Proof]) -> None:
    """`uvicorn --workers 2` answers the request that is half sent at SIGTERM, and its first process exits with 0."""
    proof = proofs["gevent"]
    assert int(re.findall(r"(\d+) processes", seen(proof, "api uid"))[0]) >= 4  # init, its child, and that one's two
    assert "half sent before SIGTERM, answered 202" in seen(proof, "api finishes-request-in-flight")
    assert seen(proof, "api stops-on-sigterm").startswith("exited with 0, ")


def test_gunicorn(proofs: Mapping[str, Proof]) -> None:
    """Gunicorn with two workers of uvicorn answers it, too; a probe that begins with a GET is not what is in flight."""
    assert failures(proofs["gunicorn"]) == {}
    assert seen(proofs["gunicorn"], "api finishes-request-in-flight").startswith(
        "POST /texts, half sent before SIGTERM, answered 202"
    )


def test_form_in_flight(proofs: Mapping[str, Proof]) -> None:
    """What is in flight is the first request with which a probe begins, here a form with a login."""
    assert (
        seen(proofs["shop"], "api finishes-request-in-flight") == "POST /token, half sent before SIGTERM, answered 200"
    )


def test_server_sent_events(proofs: Mapping[str, Proof]) -> None:
    """A GET whose answer has no end is answered as soon as its head has come, and holds up nothing."""
    assert seen(proofs["threads"], "api answers-every-get") == "4 GETs below 500"
    assert seen(proofs["threads"], "stack stubs-are-called").startswith("GET https://events.example.com/v1/first: 200")
    (took,) = [each.seconds for each in proofs["threads"].checks if each.rule == "serves-openapi"]
    assert took < 4  # then all GETs are sent, of which each may take 5 s


@pytest.mark.parametrize("stack", ["solo", "curl"])
def test_root_path(proofs: Mapping[str, Proof], stack: str) -> None:
    """An API that names /api as its server gets its GETs where it answers: FastAPI below that, uvicorn without it."""
    assert seen(proofs[stack], "api answers-every-get") == "3 GETs below 500"


def test_worker_that_detaches(proofs: Mapping[str, Proof]) -> None:
    """`celery worker --detach` is the cause of the container's end, and the option is what to leave out."""
    found = failures(proofs["detached"])
    assert found.keys() == {"api starts", "worker starts"}
    assert found["worker starts"] == (
        "--detach sent it to the background: the container's main process exited at once, with code 0, and the "
        "container ended with it; leave --detach out of roles.worker.command or the image's CMD, so that it runs in "
        "the foreground"
    )


def test_health_check_without_its_program(proofs: Mapping[str, Proof]) -> None:
    """A health check that runs curl in an image without it is told so, with a check that works there."""
    assert failures(proofs["curl"]) == {
        "api becomes-healthy": "its health check runs curl, which the image does not have; install that in the final "
        'stage, or check with a program that the image has, such as `python -c "import urllib.request; '
        "urllib.request.urlopen('http://127.0.0.1:9000/healthz')\"`"
    }


def test_driver_that_looks_for_libpq(proofs: Mapping[str, Proof]) -> None:
    """The pure psycopg finds no libpq when it is imported: the reason has its error and the library."""
    assert failures(proofs["detached"])["api starts"] == (
        "exited with code 1 before it was healthy: ImportError: no pq wrapper available.; its log ends: - couldn't "
        "import psycopg 'python' implementation: libpq library not found; "
        "install the package that has libpq in the final stage"
    )


def test_driver_that_is_linked_against_libpq(proofs: Mapping[str, Proof]) -> None:
    """What psycopg2 lacks is named by the rule on libraries, which does not keep back why the API did not start."""
    found = failures(proofs["psycopg2"])
    assert found.keys() == {"image libraries-resolve", "api starts"}
    assert re.match(
        r"not in the image: (libpq\S*\.so\.5\S*) for /\S+/psycopg2/_psycopg\.", found["image libraries-resolve"]
    )
    assert "; install the package that has it in the final stage" in found["image libraries-resolve"]
    assert re.fullmatch(
        r"exited with code 1 before it was healthy: ImportError: (libpq\S*): cannot open shared object file: .*; "
        r"install the package that has \1 in the final stage",
        found["api starts"],
    )


def test_probes_of_a_shop(proofs: Mapping[str, Proof]) -> None:
    """Login, form, upload, PUT, PATCH, DELETE, texts and headers work against a real FastAPI, as the page says."""
    for probe in shopprobes.HOLD:
        told = seen(proofs["shop"], f"{probe.get('role', 'stack')} {probe['rule']}")
        assert told.startswith(f"{len(probe['steps'])} requests, in ")


def test_probes_that_a_shop_disappoints(proofs: Mapping[str, Proof]) -> None:
    """Each probe that must fail does, for its own reason, long before the time is up."""
    proof = proofs["shop"]
    found = failures(proof)
    assert found.keys() == {f"api {probe['rule']}" for _, probe in shopprobes.FAIL} | {"stack stubs-are-called"}
    for why, probe in shopprobes.FAIL:
        assert re.fullmatch(why, found[f"api {probe['rule']}"]), found
    assert max(each.seconds for each in proof.checks if each.title in found) < 20


def test_stubs_that_a_shop_does_not_call(proofs: Mapping[str, Proof]) -> None:
    """The rule tells a client that trusts neither variable from a third party that nobody asks."""
    assert re.fullmatch(shopprobes.UNCALLED, failures(proofs["shop"])["stack stubs-are-called"])
    log = [json.loads(line) for line in proofs["shop"].logs["stubs"].splitlines()]
    told = [(each["scheme"], each["path"], each["status"]) for each in log if "method" in each]
    assert told == [
        ("http", "/v1/rate?of=EUR", 200),
        ("https", "/v1/rate", 200),
        ("https", "/v1/missing", 404),
    ]


def test_secrets_of_probes_are_hidden(proofs: Mapping[str, Proof]) -> None:
    """The kept log of an API that logs passwords and tokens shows neither, whoever sent or got them."""
    log = proofs["shop"].logs["api"]
    assert "login of eve with ***" in log
    assert {*re.findall(r"issued (.*)", log)} == {"***"}
    assert log.count("issued ***") > sum(each["steps"][0].get("post") == "/token" for _, each in shopprobes.FAIL)
    assert shopprobes.PASSWORD not in str(proofs["shop"])
