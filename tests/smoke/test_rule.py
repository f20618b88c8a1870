"""Which rules are tried, which are not because another one fails, which are waived, and what a watcher sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest

from tests.support.fakes import RUNNING, FakeEngine, Told, exited, stack_on
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerState
from weighbridge.model.rules import Profile
from weighbridge.model.smoke import Proof
from weighbridge.smoke.rule import Rule, find_first_failed, try_all
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import containers
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


def test_moot() -> None:
    """A rule that is moot after another one's failure is not tried then; if that one was not tried, this one is."""
    last = Rule(role="api", name="z", holds=lambda _: "saw z", moot_after=("api y",))
    assert outcomes(failing("y"), last)["z"] == ("skipped", "not tried, because `api y` does not hold")
    assert outcomes(failing("a"), holding("y", "api a"), last)["z"] == ("passed", "saw z")


@pytest.mark.parametrize("name", ["a", "api a"])
def test_accepted_failure(name: str) -> None:
    """A rule is waived by its name or title; rules that need it are tried, and the check says why it is waived."""
    found = outcomes(failing("a"), holding("b", "api a"), accepted={name: "we know"})
    assert found == {"a": ("waived", "no a; waived: we know"), "b": ("passed", "saw b")}


def test_accepted_and_holding() -> None:
    """A waived rule that holds counts as held."""
    assert outcomes(holding("a"), accepted={"a": "we know"}) == {"a": ("passed", "saw a")}


@pytest.mark.parametrize("from_base", [True, False])
@pytest.mark.parametrize("accepted", [{}, {"a": "for now"}])
def test_failure_of_the_base(accepted: dict[str, str], *, from_base: bool) -> None:
    """A check knows whether its rule is broken by the base image alone, waived or not."""
    rule = failing("a", error=CheckFailed("no a", from_base=from_base))
    (check,) = try_all([rule], stack_on(FakeEngine()), "good", Told(), accepted)
    assert check.from_base is from_base


def test_container_that_goes_away() -> None:
    """If the engine fails while a rule is tried, the rule fails, and the next one is tried."""
    found = outcomes(failing("a", error=EngineFault("The engine says: no such container")), holding("b"))
    assert found == {"a": ("failed", "The engine says: no such container"), "b": ("passed", "saw b")}


class Ending(FakeEngine):
    """An engine in which the roles run that have not ended."""

    def __init__(self) -> None:
        super().__init__(errors="KeyError: 'DSN'")
        self.ended: set[str] = set()

    def read_state(self, container: str) -> ContainerState:
        """Return the state of a role."""
        return exited(3) if container.rpartition("00000000-")[2] in self.ended else RUNNING


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_WATCH_SECONDS", 0.01)


def watched(engine: Ending) -> Stack:
    """Return a stack in which both roles have been started, and have to run."""
    stack = stack_on(engine, timeout_seconds=9)
    stack.observed.watched |= {"api", "worker"}
    return stack


def rule_of(role: str, name: str, holds: Callable[[Stack], str] = lambda _: "holds", **more: Any) -> Rule:
    """Return a rule on a role, which has to run for it."""
    return Rule(role=role, name=name, holds=holds, **{"uses": (role,), "log_of": role, **more})


def ending(engine: Ending, role: str) -> Callable[[Stack], str]:
    """Return a rule during which a role ends, at the first try; it waits for a while, as rules do."""
    tries = list[str]()

    def hold(stack: Stack) -> str:
        tries.append("")
        if len(tries) == 1:
            engine.ended.add(role)
            while True:  # it would wait for something else
                stack.pause()
        return f"holds at try {len(tries)}"

    return hold


@pytest.mark.parametrize(
    ("served", "name", "words"),
    [
        (False, "starts", "exited with code 3 before it was healthy: KeyError: 'DSN'; see its log"),
        (True, "keeps-running", "exited with code 3: KeyError: 'DSN'; see its log"),
    ],
)
def test_role_that_ends_while_another_is_tried(served: bool, name: str, words: str) -> None:  # noqa: FBT001 - a column
    """The rule of the other role is tried again; the end is told once, under the rule that is about it."""
    engine, told = Ending(), Told()
    stack = watched(engine)
    if served:
        stack.observed.served.add("worker")
    rules = [
        rule_of("worker", "starts"),
        rule_of("api", "live", ending(engine, "worker")),
        rule_of("worker", "ready", needs=("worker starts",)),
        rule_of("worker", "keeps-running", needs=("worker starts",)),
        rule_of("worker", "stops"),
        rule_of("stack", "travels", uses=("api", "worker")),
        rule_of("api", "keeps-running"),
    ]
    checks = {check.title: check for check in try_all(rules, stack, "good", told, {})}
    failed = {title: check.detail for title, check in checks.items() if check.outcome == "failed"}
    assert failed == {f"worker {name}": words}
    assert checks["api live"].detail == "holds at try 2"
    assert checks["api keeps-running"].outcome == "passed"
    skipped = {title for title, check in checks.items() if check.outcome == "skipped"}
    rest = {"worker keeps-running"} if name == "starts" else set()
    assert skipped == {"worker ready", "worker stops", "stack travels"} | rest
    why = f"not tried, because `worker {name}` does not hold"
    assert {checks[title].detail for title in skipped} == {why}
    first = find_first_failed(rules, checks.values())
    assert first is not None
    assert (first.title, first.log_of) == (f"worker {name}", "worker")
    failures = [check.title for check in told.checks if check.outcome == "failed"]
    assert failures == [f"worker {name}"]


def test_role_that_ends_during_its_own_rule() -> None:
    """Its own rule is not tried again: its end is why that does not hold."""
    engine = Ending()
    rules = [rule_of("api", "starts"), rule_of("api", "live", ending(engine, "api"))]
    checks = {check.title: check for check in try_all(rules, watched(engine), "good", Told(), {})}
    assert checks["api starts"].outcome == "failed"
    assert (checks["api live"].outcome, checks["api live"].detail) == (
        "skipped",
        "not tried, because `api starts` does not hold",
    )


def test_end_that_is_noticed_by_the_rule_on_it() -> None:
    """If a role has ended when the rule begins that says so, it fails, and is not taken for one that was not tried."""
    engine, told = Ending(), Told()
    stack = watched(engine)
    stack.observed.served.add("api")
    engine.ended.add("api")
    rules = [rule_of("api", "keeps-running"), rule_of("api", "stops")]
    checks = {check.title: check.outcome for check in try_all(rules, stack, "good", told, {})}
    assert checks == {"api keeps-running": "failed", "api stops": "skipped"}
    assert [check.title for check in told.checks] == ["api keeps-running", "api stops"]


def test_end_is_the_cause_of_a_failure() -> None:
    """If a rule fails and a role that it uses has ended meanwhile, only the end is told."""
    engine = Ending()

    def fail(_: Stack) -> str:
        engine.ended.add("worker")
        raise CheckFailed("no answer")

    rules = [rule_of("worker", "starts"), rule_of("stack", "travels", fail, uses=("api", "worker"))]
    checks = {check.title: check.outcome for check in try_all(rules, watched(engine), "good", Told(), {})}
    assert checks == {"worker starts": "failed", "stack travels": "skipped"}


def test_end_that_is_noticed_between_rules() -> None:
    """Roles that ended while nobody waited are found before the next rule."""
    engine = Ending()
    engine.ended |= {"api", "worker"}
    rules = [rule_of("stack", "first", uses=()), rule_of("api", "live"), rule_of("worker", "ready")]
    checks = {check.title: check.outcome for check in try_all(rules, watched(engine), "good", Told(), {})}
    assert checks == {
        "api starts": "failed",
        "worker starts": "failed",
        "stack first": "passed",
        "api live": "skipped",
        "worker ready": "skipped",
    }


def failing_for(name: str, cause: str) -> Rule:
    """Return a rule that fails for a cause that another one may tell, too."""

    def fail(_: Stack) -> str:
        raise CheckFailed(f"{name} says: {cause}", cause=cause)

    return Rule(role="api", name=name, holds=fail)


def test_cause_that_another_rule_has_told() -> None:
    """If both fail for one cause, only the first counts as failed; the other says what it saw, and points there."""
    found = outcomes(failing_for("a", "KeyError: 'x'"), failing_for("b", "KeyError: 'x'"), failing_for("c", "other"))
    assert found["a"][0] == "failed"
    assert found["b"] == ("skipped", "b says: KeyError: 'x'; see `api a`")
    assert found["c"][0] == "failed"
    assert outcomes(failing("a"), failing("b"))["b"][0] == "failed"


def test_cause_that_was_logged_again() -> None:
    """What a role has logged several times, each with its own time, is one cause."""
    said = "[2026-11-27 00:52:{}: ERROR/MainProcess] cannot connect to {}"
    first, again, other = said.format("20,203", "redis"), said.format("32,335", "redis"), said.format("20,203", "db")
    found = outcomes(failing_for("a", again), failing_for("b", first), failing_for("c", other))
    assert [outcome for outcome, _ in found.values()] == ["failed", "skipped", "failed"]


def test_cause_that_nothing_failed_for() -> None:
    """What is waived or not demanded has told nothing that needs mending."""
    waived = outcomes(failing_for("a", "KeyError"), failing_for("b", "KeyError"), accepted={"a": "we know"})
    assert (waived["a"][0], waived["b"][0]) == ("waived", "failed")


def test_cause_with_a_secret() -> None:
    """Secrets are hidden in both before they are compared."""
    stack = stack_on(FakeEngine(), environment={"DB_PASSWORD": "battery-staple"})
    checks = try_all(
        [failing_for("a", "no battery-staple"), failing_for("b", "no battery-staple")], stack, "good", Told(), {}
    )
    assert [(check.outcome, check.detail) for check in checks] == [
        ("failed", "a says: no ***"),
        ("skipped", "b says: no ***; see `api a`"),
    ]


def demanded(rules: Sequence[Rule], profile: Profile, accepted: dict[str, str] | None = None) -> Proof:
    """Return a proof of these rules under a profile."""
    checks = try_all(rules, stack_on(FakeEngine(), profile=profile), "good", Told(), accepted or {})
    return Proof(variant="good", seconds=1, checks=checks, profile=profile)


def test_what_only_hardened_demands() -> None:
    """Under `works` such a rule is noted, and what needs it is not tried, neither of which fails the proof."""
    rules = (
        replace(failing("a"), demanded_by="hardened"),
        holding("b", "api a"),
        holding("c", "api b"),
        replace(holding("d"), demanded_by="hardened"),
    )
    works, hardened = demanded(rules, "works"), demanded(rules, "hardened")
    assert [check.outcome for check in works.checks] == ["noted", "skipped", "skipped", "passed"]
    assert works.checks[0].detail == "no a"
    assert works.checks[1].detail == "not tried, because `api a` does not hold"
    assert works.ok
    assert [check.outcome for check in hardened.checks] == ["failed", "skipped", "skipped", "passed"]
    assert not hardened.ok
    assert find_first_failed(rules, works.checks) is None


def test_what_works_demands() -> None:
    """Both profiles demand the other rules."""
    assert [demanded([failing("a")], profile).ok for profile in get_args(Profile)] == [False, False]


def test_waived_by_a_setting() -> None:
    """What the settings do not demand is waived in their words, under both profiles; a variant's reason goes first."""
    rule = replace(failing("a"), waived="roles.api.read_only is false", demanded_by="hardened")
    for profile in get_args(Profile):
        (check,) = demanded([rule], profile).checks
        assert (check.outcome, check.detail) == ("waived", "no a; waived: roles.api.read_only is false")
    (check,) = demanded([rule], "hardened", {"a": "we know"}).checks
    assert check.detail == "no a; waived: we know"


def test_failed_need_is_named_before_a_noted_one() -> None:
    """Of several rules that it needs, the one that failed is what has to be mended."""
    rules = (replace(failing("a"), demanded_by="hardened"), failing("b"), holding("c", "api a", "api b"))
    assert demanded(rules, "works").checks[2].detail == "not tried, because `api b` does not hold"


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
