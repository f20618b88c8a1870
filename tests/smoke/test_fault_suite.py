"""The rules on faults: which can be tried, whose log explains each, and that everything starts before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import contents, with_roles
from weighbridge.smoke.fault_suite import build_rules
from weighbridge.smoke.stack.cast import use_alone

CAST = use_alone("good", contents())
JOB = {"slow_job": ["send"], "job_result": ["wait"]}
WRITE = {"write": {"post": "/x", "body": "{unique}", "keep": {"id": "id"}}, "read": "/x/{id}"}


def faults(roles: dict[str, Any], **smoke: Any) -> dict[str, str]:
    """Return the name of each rule -> whose log explains it."""
    rules = [*build_rules(with_roles(roles, **smoke), CAST)]
    assert (rules[0].name, rules[0].needs) == ("stack-starts", ())
    assert all(rule.role == "fault" for rule in rules)
    assert all(rule.needs == ("fault stack-starts",) for rule in rules[1:])
    return {rule.name: rule.log_of for rule in rules[1:]}


@pytest.mark.parametrize(
    ("roles", "killed"),
    [
        ({"worker": JOB}, {"killed-worker-loses-no-job": "worker"}),
        ({"worker": None, "mails": {"kind": "worker", **JOB}}, {"killed-worker-loses-no-job": "mails"}),
        (
            {"worker": JOB, "mails": {"kind": "worker", **JOB}, "texts": {"kind": "worker"}},
            {"killed-worker-loses-no-job-of-worker": "worker", "killed-worker-loses-no-job-of-mails": "mails"},
        ),
        ({"worker": {"slow_job": ["send"]}}, {}),
        ({"worker": None}, {}),
    ],
)
def test_workers_that_are_killed(roles: dict[str, Any], killed: dict[str, str]) -> None:
    """Each worker that can be given a job to lose is killed; its rule names it only if there are several."""
    found = faults({"api": None, **roles}, services={})
    assert found == killed


def test_services_without_an_api() -> None:
    """Without an API nobody says that a service is away, but the roles still have to survive its restart."""
    found = faults({"api": None}, services={"db": {"image": "postgres:17"}, "cache": {"image": "redis:8"}})
    assert [*found] == [
        "survives-undecodable-message",
        "survives-flush-of-cache",
        "survives-restart-of-db-with-its-data",
        "survives-restart-of-cache",
        "survives-restart-of-db",
    ]
    assert {*found.values()} == {"worker"}


def test_first_api_is_the_one_that_is_killed() -> None:
    """Writes go to the first API; without a data folder there is none to be full."""
    roles = {"web": {"kind": "api"}, "admin": {"kind": "api"}}
    found = faults(roles, services={}, faults=WRITE)
    slow = ("survives-clients-that-do-not-read", "survives-heads-that-never-end")
    assert found == dict.fromkeys(
        (*slow, "killed-api-loses-nothing", "says-when-data-is-read-only", "says-when-data-is-full"), "web"
    )
    assert [*faults(roles, services={}, faults=WRITE, data=None)] == [*slow, "killed-api-loses-nothing"]


WAITS = {"rule": "done", "role": "stack", "steps": [{"post": "/x"}, {"get": "/x", "until": {"done": True}}]}
ASKS = {"rule": "asks", "role": "stack", "steps": [{"get": "/x", "until": {"done": True}}]}


@pytest.mark.parametrize(
    ("services", "probes", "wanted"),
    [
        ({"q": {"image": "valkey/valkey:8"}}, [ASKS, WAITS], ["survives-flush-of-q", "flush-of-q-loses-no-job"]),
        ({"q": {"image": "redis:8"}}, [ASKS], ["survives-flush-of-q"]),
        ({"q": {"image": "redis:8"}, "r": {"image": "redis:8"}}, [], ["survives-flush-of-q", "survives-flush-of-r"]),
        ({"q": {"image": "redis:8"}, "r": {"image": "rabbitmq:4"}}, [WAITS], []),
        ({"q": {"image": "nats:2"}}, [WAITS], []),
    ],
)
def test_brokers_that_are_emptied(services: dict[str, Any], probes: list[Any], wanted: list[str]) -> None:
    """Redis and Valkey are emptied where they are the broker; a job can be lost only if a probe waits for it."""
    found = faults({"api": {}, "worker": {}}, services=services, probes=probes)
    assert [name for name in found if "flush" in name] == wanted
    assert ("survives-undecodable-message" in found) == bool(wanted)
