"""The order of the rules and what each needs: names are stable, needs come first, and settings can leave rules out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.fakes import contents, settings
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import suite
from weighbridge.smoke.rule import ALL_BEFORE

OURS = check(yaml.safe_load((Path(__file__).parents[2] / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])


STUBBED = OURS.model_copy(update={"smoke": settings(stubs={"a.example.com": [{"get": "/"}]}).smoke})


@pytest.mark.parametrize("chosen", [OURS, settings(), STUBBED], ids=["all", "fewest", "stubs"])
def test_needs_come_before(chosen: Settings) -> None:
    """When a rule's turn comes, the rules that it needs have been tried or are left out; titles are unique."""
    for rules in (suite.build_rules(chosen, contents()), suite.build_fault_rules(chosen)):
        tried: list[str] = []
        everything = suite.list_names(OURS, contents()) | suite.list_names(chosen, contents())
        for rule in rules:
            for need in set(rule.needs) - {ALL_BEFORE}:
                assert need in everything, f"{rule.title} needs {need}, which is no rule"
                assert need in tried or need not in {each.title for each in suite.build_rules(chosen, contents())}
            assert rule.title not in tried
            tried.append(rule.title)


def test_what_settings_do_not_say_is_not_tried() -> None:
    """Without jobs, probes and OpenAPI there are fewer rules, and the worker only has to stop."""
    few = [rule.title for rule in suite.build_rules(settings({"openapi": None}), contents())]
    all_ = [rule.title for rule in suite.build_rules(OURS, contents())]
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
    rules = {rule.title: rule for rule in suite.build_rules(STUBBED, contents())}
    titles = [*rules]
    assert "stack stubs-start" in rules["api starts"].needs
    assert "stack stubs-start" in rules["worker starts"].needs
    assert titles.index("stack stubs-start") < titles.index("api starts")
    assert titles.index("stack stubs-are-called") > titles.index("worker finishes-running-job-on-sigterm")


def test_faults_that_can_be_tried() -> None:
    """Faults of Redis can always be tried; the others need a job to lose and something to write."""
    few = [rule.name for rule in suite.build_fault_rules(settings())]
    assert few == ["stack-starts", "survives-restart-of-redis", "survives-outage-of-redis"]
    assert [rule.name for rule in suite.build_fault_rules(OURS)] == [
        "stack-starts",
        "killed-worker-loses-no-job",
        *few[1:],
        "killed-api-loses-nothing",
        "says-when-data-is-read-only",
        "says-when-data-is-full",
    ]


def test_rules_of_services() -> None:
    """Each service has its rules; roles need all of them, and what loses data that could be kept is tried last."""
    chosen = settings(services={"db": {"image": "postgres:17"}, "cache": {"image": "valkey/valkey:8"}})
    rules = {rule.title: rule for rule in suite.build_rules(chosen, contents())}
    starts = ["stack db-starts", "stack cache-starts"]
    assert [title for title in rules if title.startswith("stack") and title.endswith("-starts")] == starts
    for title in ("api starts", "worker starts", "worker ready"):
        assert set(starts) <= set(rules[title].needs)
    assert [rule.name for rule in suite.build_fault_rules(chosen)] == [
        "stack-starts",
        "survives-restart-of-db-with-its-data",
        "survives-outage-of-db",
        "survives-restart-of-cache",
        "survives-outage-of-cache",
        "survives-restart-of-db",
    ]


def test_no_service() -> None:
    """If the settings say that the roles need none, no rule is about a service."""
    chosen = settings(services={})
    rules = [*suite.build_rules(chosen, contents()), *suite.build_fault_rules(chosen)]
    assert [rule.name for rule in rules if "redis" in rule.title or rule.name.endswith("-starts")] == ["stack-starts"]
    assert not any("redis" in need for rule in rules for need in rule.needs)
