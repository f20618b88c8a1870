"""The order of the rules and what each needs: names are stable, needs come first, and settings can leave rules out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from tests.support.fakes import contents, settings, with_roles
from weighbridge.model.rules import Profile
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import suite
from weighbridge.smoke.stack.cast import Cast, use_alone

OURS = check(yaml.safe_load((Path(__file__).parents[2] / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])


CAST = use_alone("good", contents())
"""One image, from which both roles run."""
STUBBED = OURS.model_copy(update={"smoke": settings(stubs={"a.example.com": [{"get": "/"}]}).smoke})


SEVERAL = Cast(images={"good": contents(), "front:1": contents()}, tested="good")
JOB = {"slow_job": ["send"], "jobs": ["x.y"], "command": ["celery", "-A", "x", "worker", "-Q", "mail"]}
WEB: dict[str, Any] = {
    "web": {"kind": "api"},
    "admin": {"kind": "api", "openapi": None},
    "mails": {"kind": "worker", **JOB},
    "texts": {"kind": "worker"},
    "beat": {},
    "front": {"kind": "other", "image": "front:1"},
}
PROBES = [
    {"rule": "works", "role": role, "steps": [{"post": "/x"}]} for role in ("web", "admin", "mails", "front", "stack")
]


def many(profile: Profile) -> Settings:
    """Return settings with roles of all kinds, several of some, under names of their own."""
    return with_roles(WEB, profile=profile, probes=PROBES, before={"migrate": {}})


@pytest.mark.parametrize(
    ("chosen", "cast"),
    [(OURS, CAST), (settings(), CAST), (STUBBED, CAST), (many("hardened"), SEVERAL), (many("works"), SEVERAL)],
    ids=["all", "fewest", "stubs", "many", "works"],
)
def test_needs_come_before(chosen: Settings, cast: Cast) -> None:
    """When a rule's turn comes, the rules that it needs have been tried or are left out; titles are unique."""
    for rules in (suite.build_rules(chosen, cast), suite.build_fault_rules(chosen, cast)):
        tried: list[str] = []
        everything = suite.list_names(OURS, CAST) | suite.list_names(chosen, cast)
        everything |= {f"{role} registers-its-jobs" for role in chosen.worker_names}  # left out without `jobs`
        for rule in rules:
            for need in rule.needs:
                assert need in everything, f"{rule.title} needs {need}, which is no rule"
                assert need in tried or need not in {each.title for each in suite.build_rules(chosen, cast)}
            assert rule.title not in tried
            tried.append(rule.title)


def titles(profile: Profile) -> list[str]:
    """Return the titles of all rules on the containers of roles of all kinds."""
    return [rule.title for rule in suite.build_rules(many(profile), SEVERAL) if not rule.role.endswith("image")]


def test_rules_of_each_kind() -> None:
    """A role has the rules of its kind under its own name: only workers take jobs, and only beats send some."""
    found = titles("hardened")
    assert [title for title in found if title.endswith(" live")] == ["web live", "admin live"]
    assert [title for title in found if title.endswith(" serves-openapi")] == ["web serves-openapi"]
    assert [title for title in found if title.endswith(" takes-jobs-from-its-queues")] == [
        "mails takes-jobs-from-its-queues",
        "texts takes-jobs-from-its-queues",
    ]
    assert [title for title in found if title.endswith(" sends-a-job")] == ["beat sends-a-job"]
    assert "before migrate" in found
    assert not any(title == "front uid" for title in found), "its image may have no Python"
    assert [title for title in found if title.endswith((" stops-on-sigterm", "-on-sigterm"))] == [
        "mails finishes-running-job-on-sigterm",
        "texts stops-on-sigterm",
        "beat stops-on-sigterm",
        "front stops-on-sigterm",
        "web stops-on-sigterm",
        "admin stops-on-sigterm",
    ], "whoever sends jobs ends last"


def test_what_each_profile_asks() -> None:
    """`works` asks for no confinement; that a role would not bear it is found out without it, and is not demanded."""
    works = {rule.title: rule for rule in suite.build_rules(many("works"), SEVERAL)}
    hardened = {rule.title: rule for rule in suite.build_rules(many("hardened"), SEVERAL)}
    only = {title.partition(" ")[2] for title in hardened.keys() - works.keys() if title.startswith("web ")}
    assert only >= {"holds-no-privileges", "root-filesystem-is-read-only"}
    assert works.keys() <= hardened.keys()
    assert works["web runs-on-read-only-root"].demanded_by == "hardened"
    assert hardened["web runs-on-read-only-root"].demanded_by == "works"
    assert works["web live"].demanded_by == "works"
    assert {rule.demanded_by for rule in works.values() if rule.name in {"uid", "serves-openapi", "no-compiler"}} == {
        "hardened"
    }


@pytest.mark.parametrize("profile", get_args(Profile))
def test_logs_where_no_role_was_started(profile: Profile) -> None:
    """What keeps all roles from starting is told once, and not again as logs in which there is nothing."""
    rules = {rule.title: rule for rule in suite.build_rules(many(profile), SEVERAL)}
    first = ("stack redis-starts", "good image has-python", "before migrate")
    assert rules["stack no-error-in-logs"].moot_after == first
    assert rules["stack no-error-in-logs"].needs == ()
    assert all({*first} <= {*rules[f"{role} starts"].needs} for role in ("web", "mails", "front"))


def test_role_whose_root_is_writable() -> None:
    """What the settings do not demand of a role is waived with the name of the setting."""
    chosen = with_roles({"api": {"read_only": False}})
    waived = {rule.title: rule.waived for rule in suite.build_rules(chosen, CAST) if rule.waived}
    why = "roles.api.read_only is false"
    assert waived == dict.fromkeys(("api runs-on-read-only-root", "api root-filesystem-is-read-only"), why)


def test_what_settings_do_not_say_is_not_tried() -> None:
    """Without jobs, probes and OpenAPI there are fewer rules, and the worker only has to stop."""
    few = [rule.title for rule in suite.build_rules(settings({"openapi": None}), CAST)]
    all_ = [rule.title for rule in suite.build_rules(OURS, CAST)]
    assert [title for title in all_ if title not in few] == [
        "api serves-openapi",
        "api answers-every-get",
        "worker registers-its-jobs",
        "api stores-a-report",
        "stack comparison-travels",
        "worker finishes-running-job-on-sigterm",
        "api finishes-request-in-flight",
    ]
    assert [title for title in few if title not in all_] == ["worker stops-on-sigterm"]


def test_rules_on_stubs() -> None:
    """Stubs start before the roles, which cannot start without them, and are judged after both have worked."""
    rules = {rule.title: rule for rule in suite.build_rules(STUBBED, CAST)}
    titles = [*rules]
    assert "stack stubs-start" in rules["api starts"].needs
    assert "stack stubs-start" in rules["worker starts"].needs
    assert titles.index("stack stubs-start") < titles.index("api starts")
    assert titles.index("stack stubs-are-called") > titles.index("worker finishes-running-job-on-sigterm")


def test_faults_that_can_be_tried() -> None:
    """Faults of Redis can always be tried; the others need a job to lose and something to write."""
    few = [rule.name for rule in suite.build_fault_rules(settings(), CAST)]
    assert few == [
        "stack-starts",
        "survives-undecodable-message",
        "survives-flush-of-redis",
        "survives-restart-of-redis",
        "survives-outage-of-redis",
        "survives-clients-that-do-not-read",
        "survives-heads-that-never-end",
    ]
    assert [rule.name for rule in suite.build_fault_rules(OURS, CAST)] == [
        "stack-starts",
        "killed-worker-loses-no-job",
        *few[1:3],
        "flush-of-redis-loses-no-job",
        *few[3:],
        "killed-api-loses-nothing",
        "says-when-data-is-read-only",
        "says-when-data-is-full",
    ]


def test_rules_of_services() -> None:
    """Each service has its rules; roles need all of them, and what loses data that could be kept is tried last."""
    chosen = settings(services={"db": {"image": "postgres:17"}, "cache": {"image": "valkey/valkey:8"}})
    rules = {rule.title: rule for rule in suite.build_rules(chosen, CAST)}
    starts = ["stack db-starts", "stack cache-starts"]
    assert [title for title in rules if title.startswith("stack") and title.endswith("-starts")] == starts
    for title in ("api starts", "worker starts", "worker ready"):
        assert set(starts) <= set(rules[title].needs)
    assert [rule.name for rule in suite.build_fault_rules(chosen, CAST)] == [
        "stack-starts",
        "survives-undecodable-message",
        "survives-flush-of-cache",
        "survives-restart-of-db-with-its-data",
        "survives-outage-of-db",
        "survives-restart-of-cache",
        "survives-outage-of-cache",
        "survives-clients-that-do-not-read",
        "survives-heads-that-never-end",
        "survives-restart-of-db",
    ]


def test_no_service() -> None:
    """If the settings say that the roles need none, no rule is about a service."""
    chosen = settings(services={})
    rules = [*suite.build_rules(chosen, CAST), *suite.build_fault_rules(chosen, CAST)]
    assert [rule.name for rule in rules if "redis" in rule.title or rule.name.endswith("-starts")] == ["stack-starts"]
    assert not any("redis" in need for rule in rules for need in rule.needs)


def test_settings_of_version_0_1_mean_what_they_meant() -> None:
    """Under `hardened` they lead to the same rules, one more for each role, and more faults; `works` demands one."""
    kept = yaml.safe_load((Path(__file__).parents[1] / "support/settings/version-0.1.yaml").read_text(encoding="utf-8"))
    old = check(kept["settings"])
    assert old.smoke.profile == "works"
    hardened = old.model_copy(update={"smoke": old.smoke.model_copy(update={"profile": "hardened"})})
    alone = use_alone("multi", contents())
    now = [rule.title for rule in (*suite.build_rules(hardened, alone), *suite.build_fault_rules(hardened, alone))]
    new = {
        rule.title: rule.demanded_by for rule in suite.build_fault_rules(old, alone) if rule.title not in kept["rules"]
    }
    assert new == {
        "fault survives-undecodable-message": "hardened",
        "fault survives-flush-of-redis": "works",
        "fault flush-of-redis-loses-no-job": "hardened",
        "fault survives-clients-that-do-not-read": "hardened",
        "fault survives-heads-that-never-end": "hardened",
    }
    assert sorted(now) == sorted([*kept["rules"], *new, "api keeps-running", "worker keeps-running"])
    assert [*old.roles] == ["api", "worker"]
    # Since then, our own send and read the worker's last job without the application, and the job is shorter.
    job = {each: getattr(old.get_worker("worker"), each) for each in ("slow_job", "job_result")}
    ours = OURS.model_copy(update={"roles": {**OURS.roles, "worker": OURS.get_worker("worker").model_copy(update=job)}})
    others = {"variants", "budgets", "changes"}
    assert hardened.model_dump(exclude=others) == ours.model_dump(exclude=others)


def test_idle_health_checks_begin_beside_the_last_worker() -> None:
    """They need a processor, which the end of a worker does not; they are tried after it, also if nobody began them."""
    chosen = many("hardened")
    titles = [rule.title for rule in suite.build_rules(chosen, SEVERAL)]
    assert "front:1 image health-check-can-fail" not in titles
    assert titles.index("good image health-check-can-fail") > titles.index("mails finishes-running-job-on-sigterm")
