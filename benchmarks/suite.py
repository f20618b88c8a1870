"""The whole bench: images and programs are found, all is run in turns, the figures are put together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import correctness, growth, peers, programs
from benchmarks.peers import Peer
from benchmarks.programs import DIVE, KNOWN, SAVE, Workplace
from benchmarks.results import Results
from benchmarks.runs import Contender, Series, interleaved
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBuilder, SettingsError
from weighbridge.render.terminal.console import Activity
from weighbridge.settings.project import Settings

FEWEST_IMAGES = 3
ROUNDS = 5


def measure(
    settings: Settings, project: Path, shown: Activity, *, rounds: int = ROUNDS, quick: bool = False
) -> Results:
    """Run everything; what is made lies in one temporary folder, which goes however this ends.

    Args:
        settings: Name the variants.
        project: Folder of the repository.
        shown: Where to say what goes on.
        rounds: How often each program runs.
        quick: Whether to run each program once, and on fewer made images.

    Raises:
        SettingsError: `rounds` is less than 1, or the temporary folder has no room.
        NoSuchImage: A variant is not built.
        EngineError: There is no engine, or no base image.
    """
    if rounds < 1:
        raise SettingsError(f"--runs {rounds} would measure nothing", advice="Give 1 or more.")
    rounds, sizes = (1, growth.QUICK_SIZES) if quick else (rounds, growth.SIZES)
    with connect() as engine:
        images, client = chosen(settings, engine), _client(engine)
        described = f"Docker {engine.identity.version}, {engine.identity.store}"
    others, told = peers.ensure(shown.note), _teller(shown, rounds)
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as name:
        place = Workplace(project=project, folder=Path(name), engine=client.environment)
        contenders = [
            *programs.ours(place, images, place.fresh()),
            *programs.theirs(place, images, client.words, others),
        ]
        series = _side_by_side(contenders, rounds, told)
        growths = growth.measure(place, sizes, rounds, shown.note, told)
        shown.note("Asking for the waste in images where it is known")
        waste = correctness.measure(place, next(peer for peer in others if peer.name == DIVE))
    return Results(
        rounds=rounds,
        engine=described,
        images=images,
        peers=tuple(peer.described for peer in others if peer.path),
        series=series,
        growths=growths,
        waste=waste,
        left_out=_left_out(client, others, [*series, *(point.series for each in growths for point in each.points)]),
    )


def chosen(settings: Settings, engine: Engine) -> tuple[str, ...]:
    """Return the images to measure: all variants, and the base image of Python where these are few.

    Raises:
        NoSuchImage: A variant is not built.
        NoBaseImage: The base image is needed, and there is none.
    """
    images = tuple(engine.image(settings.reference(name)).reference for name in settings.variants)
    if len(images) >= FEWEST_IMAGES:
        return images
    return (*images, bases.base_image(engine, "python", settings.bases.python).reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """A Docker client, and the variables that lead it to the engine."""

    words: tuple[str, ...] = ()
    """What starts it; nothing where there is none."""
    environment: Mapping[str, str]
    reason: str = ""
    """Why there is none."""


def _client(engine: Engine) -> _Client:
    try:
        found = docker_cli.find()
    except NoBuilder as error:
        return _Client(environment={"DOCKER_HOST": engine.host}, reason=error.message)
    return _Client(words=(str(found.path),), environment=found.environment(engine.host))


def _side_by_side(
    contenders: Sequence[Contender], rounds: int, told: Callable[[int, str], object]
) -> tuple[Series, ...]:
    """Run all in turns, after one run that does not count.

    That run learns all layers, and brings what the engine and Python read into memory for all that follow.
    """
    interleaved([each for each in contenders if each.name == KNOWN], 1, lambda _round, name: told(0, name))
    return interleaved(contenders, rounds, told)


def _teller(shown: Activity, rounds: int) -> Callable[[int, str], None]:
    """Return what says which round runs and, on a terminal, what runs in it."""
    last = 0

    def tell(number: int, name: str) -> None:
        nonlocal last
        if number and number != last:
            shown.note(f"Round {number} of {rounds}")
        last = number
        shown.begin(f"Round {number} of {rounds}: {name}" if number else "Warming up")

    return tell


def _left_out(client: _Client, others: Sequence[Peer], series: Sequence[Series]) -> Mapping[str, str]:
    missing = {SAVE: client.reason, **{peer.name: peer.reason for peer in others}}
    failed = {each.name: each.fault for each in series}
    return {name: reason for name, reason in {**missing, **failed}.items() if reason}
