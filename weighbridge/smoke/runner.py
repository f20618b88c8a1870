"""Runs the smoke test of several variants side by side, each in its own thread and on its own containers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from weighbridge.engine.protocol import Engine
from weighbridge.errors import BUILD_FIRST, NoSuchImage, SettingsError, SmokeFailed
from weighbridge.model.smoke import Check, Proof, StartCosts, TriedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke import rule, suite
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.rules import requests
from weighbridge.smoke.rules.before import name_container
from weighbridge.smoke.stack import certificates, copies, runs, signals, start_costs
from weighbridge.smoke.stack.blueprint import STUBS, Blueprint
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.containers import Stack, run_stack

_LOOK_SECONDS = 0.1
_LOCAL = ("unix://", "http+unix://")


class Watcher(rule.Watcher, Protocol):
    """Follows what happens, from several threads."""

    def end_variant(self, variant: str, proof: Proof) -> None:
        """All rules of a variant have been tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How to test variants."""

    engine: Engine
    settings: Settings
    services: Mapping[str, str]
    """Name of a service in the settings -> reference of an image that the engine has for it."""
    project: Path = Path()
    """The project's folder, from which the paths in the settings start."""
    faults: bool = False
    """Whether to break things on purpose, too."""
    keep: bool = False
    """Whether to leave containers, networks and volumes in the engine at the end."""
    note: Callable[[str], None] = field(default=runs.ignore)
    """Gets a sentence for the user, such as which thing could not be removed because a container of theirs uses it."""
    at_once: int = field(default_factory=lambda: max(3, os.cpu_count() or 1))
    """How many variants to start side by side: more would wait for processors and exceed their time limits."""
    live: set[str] = field(default_factory=set)
    """Ids of the runs that now have things in the engine which must be removed at the end."""


def prove(trial: Trial, casts: Mapping[str, Cast], watcher: Watcher) -> tuple[Proof, ...]:
    """Start each variant in all roles, and try all rules on it.

    Args:
        trial: Where and how to test.
        casts: Name of a variant, or of several that run together -> the scanned images; the containers run exactly
            these, by their ids.
        watcher: Its methods are called as things happen.

    Returns:
        The proofs, in the order of `casts`.

    Raises:
        NoSuchImage: The engine has no image for a service.
        SettingsError: A variant accepts a rule that does not exist, a file to upload cannot be read, or there is no
            `openssl` for the certificates of stubs.
        NoEngine: The engine went away.
    """
    for reference in trial.services.values():
        if not trial.engine.has_image(reference):
            raise NoSuchImage(f"The engine has no image {reference}", advice="Run `invoke engine`.")
    if trial.settings.smoke.stubs:
        certificates.check_program()
    requests.check_uploads(trial.settings, trial.project)
    for cast in casts.values():
        _check_accepted(trial.settings, cast)
    with signals.defer() as interruption:
        trials = [
            _Variant(trial=trial, name=name, cast=cast, watcher=watcher, interruption=interruption)
            for name, cast in casts.items()
        ]
        return _prove_side_by_side(trial, trials)


def _prove_side_by_side(trial: Trial, variants: Sequence[_Variant]) -> tuple[Proof, ...]:
    """Prove each variant in its own thread; once all threads have ended, raise the first error of any.

    The threads are daemons, so that whoever presses Ctrl-C twice need not wait for a busy container.
    """
    found: dict[str, Proof] = {}
    errors: list[BaseException] = []
    places = threading.Semaphore(trial.at_once)

    def work(variant: _Variant) -> None:
        try:
            with places:
                variant.interruption.check()
                found[variant.name] = variant.prove()
            variant.watcher.end_variant(variant.name, found[variant.name])
        except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
            errors.append(error)

    has_said_so = False
    threads = [threading.Thread(target=work, args=(variant,), daemon=True) for variant in variants]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                has_said_so = has_said_so or _announce_stop(trial, variants)
    except BaseException:
        with ExitStack() as removals:  # if one fails, the others are removed all the same
            for run_id in [*trial.live]:
                removals.callback(runs.forget, run_id)
                removals.callback(runs.remove, trial.engine, run_id, trial.note)
        raise
    for error in errors:
        raise error
    return tuple(found[variant.name] for variant in variants)


def check_images(engine: Engine, names: Sequence[str]) -> None:
    """Make sure that the engine has all images, before anything is read or started.

    Raises:
        NoSuchImage: Some are missing; the message names all of them.
    """
    missing = [name for name in names if not engine.has_image(name)]
    if missing:
        raise NoSuchImage(f"The engine has no image {', '.join(missing)}", advice=BUILD_FIRST)


def check(proofs: Sequence[Proof]) -> None:
    """Raise an error about the first variant that fails; return if every variant passes.

    Raises:
        SmokeFailed: Rules fail for a variant. The message gives the first in full, a rule on a running container before
            one on the image, and names the others; the detail is the end of a log.
    """
    for proof in proofs:
        failed = [check for check in proof.checks if check.outcome == "failed"]
        failed.sort(key=lambda check: check.role.endswith("image"))
        if failed:
            first, *others = failed
            names = ", ".join(each.title for each in others)
            more = f"; these fail, too: {names}" if others else ""
            message = f"{proof.variant}: {first.title}: {first.detail}{more}"
            raise SmokeFailed(message, detail=proof.log)


def _check_accepted(settings: Settings, cast: Cast) -> None:
    known = suite.list_names(settings, cast)
    for variant in filter(settings.variants.__contains__, cast.images):
        if unknown := sorted(settings.variants[variant].accepts.keys() - known):
            raise SettingsError(
                f"variants.{variant}.accepts: there is no rule {', '.join(unknown)}",
                advice="`invoke smoke` prints the names of all rules.",
            )


def _announce_stop(trial: Trial, variants: Sequence[_Variant]) -> bool:
    """Say that a signal has come, because the containers may take a while to stop; return whether it has come."""
    if not variants[0].interruption.noted:
        return False
    trial.note("Stopping, and removing what was started; interrupt once more to leave at once")
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """The outcome of the rules that were tried on one stack."""

    checks: tuple[Check, ...]
    figures: StartCosts
    log: str = ""
    """The last lines of the container whose log explains the first failure."""
    log_of: str = ""
    """The title of the rule that failed first."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Container -> its whole output; empty if no rule failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    """One variant, tested in its own thread."""

    trial: Trial
    name: str
    cast: Cast
    watcher: Watcher
    interruption: signals.Interruption

    def prove(self) -> Proof:
        """Try the rules and, if the stack works, the faults."""
        began, settings = time.monotonic(), self.trial.settings
        rules = tuple(suite.build_rules(settings, self.cast))
        played = [self._play(rules, {})]
        if self.trial.faults and _works(rules, played[0].checks):
            faults = tuple(suite.build_fault_rules(settings, self.cast))
            played.append(self._play(faults, settings.smoke.faults.environment))
        return Proof(
            variant=self.name,
            seconds=time.monotonic() - began,
            checks=tuple(check for each in played for check in each.checks),
            profile=settings.smoke.profile,
            images=tuple(
                TriedImage(key=key, image_id=image.image_id, config_digest=image.config_digest)
                for key, image in self.cast.images.items()
            ),
            log="".join(each.log for each in played),
            log_of="".join(each.log_of for each in played),
            logs={container: text for each in played for container, text in each.logs.items()},
            figures=played[0].figures,
        )

    def _play(self, rules: tuple[Rule, ...], environment: Mapping[str, str]) -> _Played:
        """Set up a stack, try the rules on it, and take it down."""
        trial = self.trial
        with runs.begin(keep=trial.keep) as run, self._note_run(run):
            blueprint = Blueprint(
                settings=trial.settings,
                cast=self.cast,
                services=trial.services,
                run=run,
                environment=environment,
                copies=_make_copies(trial, run),
            )
            stack = Stack(
                engine=trial.engine, blueprint=blueprint, interruption=self.interruption, project=trial.project
            )
            stack.observed.secrets.update(copies.read_secrets(blueprint.copies))
            with run_stack(stack, trial.note), ThreadPoolExecutor(len(trial.services) or 1) as pool:
                # Meanwhile the rules on the image are tried; those on services report what fails.
                stack.observed.starting.update({each: pool.submit(stack.start, each) for each in trial.services})
                variants = filter(trial.settings.variants.__contains__, self.cast.images)
                accepted = {
                    rule: why for name in variants for rule, why in trial.settings.variants[name].accepts.items()
                }
                checks = rule.try_all(rules, stack, self.name, self.watcher, accepted)
                return _collect_results(stack, checks, rule.find_first_failed(rules, checks))

    @contextmanager
    def _note_run(self, run: runs.Run) -> Iterator[None]:
        """List the run in `trial.live` for as long as it has things in the engine that must be removed."""
        if run.keep:
            self.trial.note(f"{self.name}: its containers stay, and are called {run.name}-…")
        else:
            self.trial.live.add(run.id)
        try:
            yield
        finally:
            self.trial.live.discard(run.id)


def _make_copies(trial: Trial, run: runs.Run) -> Mapping[tuple[str, str], str]:
    """Copy what the settings mount into containers, for one run.

    Raises:
        SettingsError: The engine is on another machine, or something cannot be copied.
    """
    if not copies.is_needed(trial.settings):
        return {}
    if not trial.engine.host.startswith(_LOCAL):
        raise SettingsError(
            f"The engine at {trial.engine.host} cannot mount files of this machine",
            advice="Use an engine here, or remove `mounts` from the settings.",
        )
    run.folder.mkdir(mode=0o700)
    return copies.make(trial.settings, trial.project, run.folder)


def _works(rules: Iterable[Rule], checks: Iterable[Check]) -> bool:
    """Tell whether all rules hold that even `works` demands: then faults can be tried."""
    demanded = {rule.title for rule in rules if rule.demanded_by == "works"}
    return all(check.outcome != "failed" for check in checks if check.title in demanded)


def _collect_results(stack: Stack, checks: tuple[Check, ...], failed: Rule | None) -> _Played:
    """Return the outcome together with start costs and logs, before the stack is removed."""
    figures = start_costs.compute(stack.observed, stack.settings)
    if failed is None:
        return _Played(checks=checks, figures=figures)
    clients = map(stack.blueprint.name_client, stack.blueprint.cast.images)
    names = (*stack.services, *map(name_container, stack.settings.smoke.before), *stack.settings.roles, STUBS, *clients)
    logs = {name: log for name in names if (log := stack.read_log(name, None))}
    log = stack.read_log(failed.log_of) if failed.log_of else ""
    logs = {**stack.observed.logs, **logs}
    return _Played(checks=checks, figures=figures, log=log, log_of=failed.title, logs=logs)
