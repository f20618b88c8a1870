"""The order of the rules on one variant, from the first container to the last SIGTERM."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from weighbridge.engine import Engine
from weighbridge.errors import EngineFault, NoSuchImage, SmokeFailed
from weighbridge.model import Check, Proof
from weighbridge.settings import Settings
from weighbridge.smoke import answering, confinement, ending, memory, runs, signals, starting
from weighbridge.smoke.containers import Stack, running
from weighbridge.smoke.failures import CheckFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must hold."""

    role: str
    name: str
    holds: Callable[[Stack], str]
    """Returns what was seen; raises `CheckFailed`."""
    log_of: str = ""
    """The role whose log tells why it does not hold; empty: none does."""


def prove(
    engine: Engine,
    settings: Settings,
    variant: str,
    redis: str,
    *,
    keep: bool = False,
    on_check: Callable[[Check], None],
    note: Callable[[str], None] = runs.ignore,
) -> Proof:
    """Start a variant in both roles and try all rules on it, up to the first that does not hold; remember the outcome.

    Args:
        engine: Where the containers run.
        settings: Says how the roles are started and how long they may take.
        variant: One of `settings.variants`; its image must be there.
        redis: Reference of a Redis image that is there.
        keep: Whether containers, network and volume stay as they are at the end.
        on_check: Called with each check as soon as it is done.
        note: Called with a line on each thing that had to be left, because a container of the user's holds it.

    Raises:
        NoSuchImage: There is no image of the variant, or no Redis image.
        NoEngine: The engine went away.
        SettingsError: The user's cache folder cannot be written.
    """
    began = time.monotonic()
    check_images(engine, settings, (variant,), redis)
    # By its id: a build that ends meanwhile may take the name to another image.
    image = engine.image(settings.reference(variant)).id
    with signals.deferred() as interruption, runs.begin(keep=keep) as run:
        stack = Stack(engine=engine, settings=settings, image=image, redis=redis, run=run, interruption=interruption)
        with running(stack, note):
            checks, log = _try_all(stack, on_check)
    proof = Proof(variant=variant, seconds=time.monotonic() - began, checks=checks, log=log, image_id=image)
    memory.remember(settings, proof)
    return proof


def check_images(engine: Engine, settings: Settings, variants: Iterable[str], redis: str) -> None:
    """Make sure of all images before anything is started.

    Raises:
        NoSuchImage: Some variants have none, or there is no Redis image; the message names all of them.
    """
    missing = [name for name in map(settings.reference, variants) if not engine.has_image(name)]
    if missing:
        raise NoSuchImage(f"The engine has no image {', '.join(missing)}")
    if not engine.has_image(redis):
        raise NoSuchImage(f"The engine has no image {redis}", advice="Run `invoke engine`.")


def check(proofs: Sequence[Proof]) -> None:
    """Raise what did not hold first, with the end of the failing container's log; return where all held.

    Raises:
        SmokeFailed: A check of a variant failed.
    """
    for proof in proofs:
        if not proof.ok:
            failed = proof.checks[-1]
            raise SmokeFailed(f"{proof.variant}: {failed.role} {failed.rule}: {failed.detail}", detail=proof.log)


def rules(settings: Settings) -> Iterator[Rule]:
    """Yield the rules in the order in which they are tried.

    The roles start one after the other, so that the time until each is healthy is its own. What an image lacks that
    does not run comes after why it does not.
    """
    yield _of_role("stack", "redis-starts", starting.starts, "redis")
    yield _of_role("stack", "redis-becomes-healthy", starting.becomes_healthy, "redis")
    for role in ("api", "worker"):
        yield _of_role(role, "starts", starting.starts)
        if role == "api":
            yield Rule(role="image", name="has-health-check", holds=starting.has_health_check)
        yield _of_role(role, "becomes-healthy", starting.becomes_healthy)
        if role == "api":
            yield Rule(role="image", name="runs-as-non-root", holds=starting.runs_as_non_root)
        yield _of_role(role, "uid", confinement.uid)
        yield _of_role(role, "holds-no-privileges", confinement.holds_no_privileges)
        yield _of_role(role, "root-filesystem-is-read-only", confinement.root_filesystem_is_read_only)
    yield Rule(role="api", name="ready", holds=answering.ready, log_of="api")
    yield Rule(role="api", name="serves-openapi", holds=answering.serves_openapi, log_of="api")
    yield Rule(role="api", name="stores-a-report", holds=answering.stores_a_report, log_of="api")
    yield Rule(role="stack", name="comparison-travels", holds=answering.comparison_travels, log_of="worker")
    yield _worker_end(settings)
    yield _of_role("api", "stops-on-sigterm", ending.stops_on_sigterm)


def _of_role(role: str, name: str, holds: Callable[[Stack, str], str], container: str = "") -> Rule:
    """Return a rule that is tried on one role's container."""
    which = container or role
    return Rule(role=role, name=name, holds=lambda stack: holds(stack, which), log_of=which)


def _worker_end(settings: Settings) -> Rule:
    """Return the rule on the worker's end: with a running job, where settings say how to start one."""
    job, result = settings.roles.worker.slow_job, settings.roles.worker.job_result
    if job is None:
        return _of_role("worker", "stops-on-sigterm", ending.stops_on_sigterm)
    return Rule(
        role="worker",
        name="finishes-running-job-on-sigterm",
        holds=lambda stack: ending.finishes_running_job(stack, job, result),
        log_of="worker",
    )


def _try_all(stack: Stack, on_check: Callable[[Check], None]) -> tuple[tuple[Check, ...], str]:
    """Return the checks up to and with the first that failed, and the log that tells why."""
    checks = []
    for rule in rules(stack.settings):
        stack.interruption.check()
        check = _try(rule, stack)
        checks.append(check)
        on_check(check)
        if not check.ok:
            return tuple(checks), stack.log(rule.log_of) if rule.log_of else ""
    return tuple(checks), ""


def _try(rule: Rule, stack: Stack) -> Check:
    began = time.monotonic()
    try:
        detail, ok = rule.holds(stack), True
    except CheckFailed as error:
        detail, ok = str(error), False
    except EngineFault as error:  # such as a container that went away under the rule
        detail, ok = error.message, False
    return Check(role=rule.role, rule=rule.name, ok=ok, detail=detail, seconds=time.monotonic() - began)
