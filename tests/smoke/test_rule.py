"""Which rules are tried, which are not because another one fails, which are waived, and what a watcher sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.fakes import FakeEngine, Told, stack_on
from weighbridge.errors import EngineFault
from weighbridge.smoke.rule import ALL_BEFORE, Rule, find_first_failed, try_all
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack.containers import Stack


def holding(name: str, *needs: str) -> Rule:
    """Return a rule that holds."""
    return Rule(role="api", name=name, holds=lambda _: f"saw {name}", needs=needs)


def failing(name: str, *needs: str, error: Exception | None = None) -> Rule:
    """Return a rule that fails."""

    def fail(_: Stack) -> str:
        raise error or CheckFailed(f"no {name}")

    return Rule(role="api", name=name, holds=fail, needs=needs)


def outcomes(*rules: Rule, accepted: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Try rules; return outcome and detail of each."""
    checks = try_all(rules, stack_on(FakeEngine()), "good", Told(), accepted or {})
    return {check.rule: (check.outcome, check.detail) for check in checks}


def test_each_is_tried_where_it_can_be() -> None:
    """A failure stops only the rules that need the failed one, directly or through others, and the reason names it."""
    assert outcomes(
        failing("a"), holding("b"), holding("c", "api a"), holding("d", "api c"), holding("e", "api b")
    ) == {
        "a": ("failed", "no a"),
        "b": ("passed", "saw b"),
        "c": ("skipped", "not tried, because `api a` does not hold"),
        "d": ("skipped", "not tried, because `api c` does not hold"),
        "e": ("passed", "saw e"),
    }


def test_needs_that_are_not_among_the_rules() -> None:
    """A rule is tried if the rule that it needs is left out by the settings."""
    assert outcomes(holding("a", "api nothing"))["a"] == ("passed", "saw a")


def test_failure_that_another_explains() -> None:
    """A rule that another one may explain is tried; if both fail, only the cause counts as failed."""
    for made, outcome in ((failing, "skipped"), (holding, "passed")):
        last = replace(made("z"), explained_by=("api a",))
        assert outcomes(failing("a"), last)["z"][0] == outcome
    assert outcomes(failing("a"), replace(failing("z"), explained_by=("api a",)))["z"][1] == "no z; see `api a`"
    assert outcomes(holding("a"), replace(failing("z"), explained_by=("api a",)))["z"][0] == "failed"


def test_moot() -> None:
    """A rule that is moot after another one's failure is not tried then; if that one was not tried, this one is."""
    last = Rule(role="api", name="z", holds=lambda _: "saw z", moot_after=("api y",))
    assert outcomes(failing("y"), last)["z"] == ("skipped", "not tried, because `api y` does not hold")
    assert outcomes(failing("a"), holding("y", "api a"), last)["z"] == ("passed", "saw z")


@pytest.mark.parametrize(("first", "outcome"), [(holding, "passed"), (failing, "skipped")])
def test_all_before(first: Callable[[str], Rule], outcome: str) -> None:
    """A rule that needs all before it is tried only if all of them hold."""
    assert outcomes(first("a"), holding("b"), holding("z", ALL_BEFORE))["z"][0] == outcome


@pytest.mark.parametrize("name", ["a", "api a"])
def test_accepted_failure(name: str) -> None:
    """A rule is waived by its name or title; rules that need it are tried, and the check says why it is waived."""
    found = outcomes(failing("a"), holding("b", "api a"), accepted={name: "we know"})
    assert found == {"a": ("waived", "no a; waived: we know"), "b": ("passed", "saw b")}


def test_accepted_and_holding() -> None:
    """A waived rule that holds counts as held."""
    assert outcomes(holding("a"), accepted={"a": "we know"}) == {"a": ("passed", "saw a")}


def test_container_that_goes_away() -> None:
    """If the engine fails while a rule is tried, the rule fails, and the next one is tried."""
    found = outcomes(failing("a", error=EngineFault("The engine says: no such container")), holding("b"))
    assert found == {"a": ("failed", "The engine says: no such container"), "b": ("passed", "saw b")}


def test_who_is_told() -> None:
    """The watcher learns when each rule begins and ends, even one that is not tried."""
    told = Told()
    checks = try_all([failing("a"), holding("b", "api a")], stack_on(FakeEngine()), "good", told, {})
    assert told.events == [(event, "good", f"api {rule}") for rule in ("a", "b") for event in ("began", "checked")]
    assert told.checks == [*checks]


def test_first_failure() -> None:
    """The first rule that failed and has a log comes before those without one."""
    rules = (holding("a"), failing("b"), failing("c"))
    checks = try_all(rules, stack_on(FakeEngine()), "good", Told(), {"b": "we know"})
    assert find_first_failed(rules, checks) is rules[2]
    assert find_first_failed(rules[:1], checks[:1]) is None
