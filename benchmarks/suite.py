"""Runs the whole bench: finds images and programs, runs everything in turns, and joins the figures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import api_starts, correctness, growth, large, peers, places, programs
from benchmarks.peers import Peer
from benchmarks.programs import AS, DIVE, EARLIER, EARLIER_COMMIT, HERE, KNOWN, MENU, SAVE, SYFT, Workplace
from benchmarks.results import Results
from benchmarks.runs import Contender, Series, interleave
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.protocol import Engine
from weighbridge.errors import BUILD_FIRST, NoBuilder, NoSuchImage, SettingsError
from weighbridge.render.terminal.console import Activity
from weighbridge.settings.project import Settings

FEWEST_IMAGES = 3
ROUNDS = 5
ELSEWHERE = "archive, layout and registry"
BY_PLACE = "memory by where an image is read"
WARMED = {KNOWN, *AS, MENU, EARLIER, *api_starts.STARTS}


def measure(
    settings: Settings, project: Path, shown: Activity, *, rounds: int = ROUNDS, quick: bool = False
) -> Results:
    """Run everything in a temporary folder, which is removed at the end, whatever happens.

    Args:
        settings: Name the variants.
        project: Folder of the repository.
        shown: Shows progress.
        rounds: How often to run each program.
        quick: Whether to run each program only once, and on fewer generated images.

    Raises:
        SettingsError: `rounds` is less than 1, or the temporary folder has no room.
        NoSuchImage: A variant is not built.
        EngineError: There is no engine or no base image.
    """
    if rounds < 1:
        raise SettingsError(f"--runs {rounds} would measure nothing", advice="Give 1 or more.")
    rounds, sizes = (1, growth.QUICK_SIZES) if quick else (rounds, growth.SIZES)
    with connect() as engine:
        images, client = choose_images(settings, engine), _find_client(engine)
        has_folder = _can_read_folder(engine)
        is_unpacked = has_folder and engine.data_root.store == "overlay2"
        described = f"Docker {engine.identity.version}, {engine.identity.store}"
    others, on_run = peers.ensure(shown.note), _make_teller(shown, rounds)
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as name:
        place = Workplace(project=project, folder=Path(name), engine=client.environment)
        earlier = programs.unpack_earlier(place)
        contenders = [
            *programs.list_our_contenders(place, images, place.make_folder(), earlier, has_folder=has_folder),
            *api_starts.list_starts(place, earlier),
            *programs.list_other_contenders(place, images, client.words, others),
            *(places.list_floors(place, images, client.words, is_unpacked=is_unpacked) if client.words else ()),
        ]
        series = _run_side_by_side(contenders, rounds, on_run)
        shown.note("Putting the images into an archive, a layout and a registry")
        elsewhere, not_put = _run_elsewhere(
            place, images, client.words, others, lambda contenders: interleave(contenders, rounds, on_run)
        )
        series = (*series, *elsewhere)
        growths = growth.measure(place, sizes, rounds, shown.note, on_run)
        shown.note("Reading an image of many files from each place")
        by_place, not_loaded = _try_to_put(
            lambda: large.measure(place, client.words, rounds, on_run, has_folder=has_folder)
        )
        shown.note("Comparing the waste that programs find with the known waste")
        waste = correctness.measure(place, next(peer for peer in others if peer.name == DIVE))
    return Results(
        rounds=rounds,
        engine=described,
        images=images,
        peers=tuple(peer.described for peer in others if peer.path),
        series=series,
        growths=growths,
        waste=waste,
        left_out={
            **_list_left_out(
                client,
                others,
                [*series, *by_place, *(point.series for each in growths for point in each.points)],
                has_folder=has_folder,
            ),
            **({ELSEWHERE: not_put} if not_put else {}),
            **({BY_PLACE: not_loaded} if not_loaded else {}),
        },
        large=by_place,
    )


def choose_images(settings: Settings, engine: Engine) -> tuple[str, ...]:
    """Return the images to measure: all variants, and Python's base image too if they are fewer than three.

    Raises:
        NoSuchImage: A variant is not built.
        NoBaseImage: The base image is needed, but the engine does not have it.
    """
    images = tuple(map(settings.name_image, settings.variants))
    missing = [name for name in images if not engine.has_image(name)]
    if missing:
        raise NoSuchImage(f"The engine has no image {', '.join(missing)}", advice=BUILD_FIRST)
    if len(images) >= FEWEST_IMAGES:
        return images
    return (*images, bases.find_base_image(engine, "python", settings.bases.python).reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """A Docker client, and the variables with the engine's address."""

    words: tuple[str, ...] = ()
    """Its command; empty if there is no client."""
    environment: Mapping[str, str]
    reason: str = ""
    """Why there is no client."""


def _find_client(engine: Engine) -> _Client:
    try:
        found = docker_cli.find()
    except NoBuilder as error:
        return _Client(environment={"DOCKER_HOST": engine.host}, reason=error.message)
    return _Client(words=(str(found.path),), environment=found.build_environment(engine.host))


def _run_side_by_side(
    contenders: Sequence[Contender], rounds: int, on_run: Callable[[int, str], object]
) -> tuple[Series, ...]:
    """Run all contenders in turns, after runs that do not count.

    Those fill the caches, and bring the files that the engine and Python read into memory.
    """
    first = [each for each in contenders if each.name in WARMED]
    interleave(first, 1, lambda _round, name: on_run(0, name))
    return interleave(contenders, rounds, on_run)


def _run_elsewhere(
    place: Workplace,
    images: Sequence[str],
    client: Sequence[str],
    others: Sequence[Peer],
    run: Callable[[Sequence[Contender]], tuple[Series, ...]],
) -> tuple[tuple[Series, ...], str]:
    """Run reports of the same images outside of the engine; return why they cannot be put there, or an empty text."""
    syft = next((peer for peer in others if peer.name == SYFT and peer.path), None)

    def run_there() -> tuple[Series, ...]:
        with places.put(place, images, client) as there:
            return run(places.list_contenders(place, there, syft))

    return _try_to_put(run_there)


def _try_to_put(measure_there: Callable[[], tuple[Series, ...]]) -> tuple[tuple[Series, ...], str]:
    """Return what was measured of images that were put somewhere, and why they cannot be put there, if so."""
    try:
        return measure_there(), ""
    except places.CannotPut as error:
        return (), str(error)


def _make_teller(shown: Activity, rounds: int) -> Callable[[int, str], None]:
    """Return a callback that shows which round runs and, on a terminal, which program."""
    last = 0

    def tell(number: int, name: str) -> None:
        nonlocal last
        if number and number != last:
            shown.note(f"Round {number} of {rounds}")
        last = number
        shown.begin(f"Round {number} of {rounds}: {name}" if number else "Warming up")

    return tell


def _can_read_folder(engine: Engine) -> bool:
    return not engine.data_root.obstacle and os.access(engine.data_root.path, os.R_OK)


def _list_left_out(
    client: _Client, others: Sequence[Peer], series: Sequence[Series], *, has_folder: bool
) -> Mapping[str, str]:
    here = "" if has_folder else "this user cannot read the engine's folder here"
    known = {each.name for each in series}
    earlier = "" if EARLIER in known else f"the repository here does not have commit {EARLIER_COMMIT}"
    missing = {HERE: here, EARLIER: earlier, SAVE: client.reason, **{peer.name: peer.reason for peer in others}}
    failed = {each.name: each.fault for each in series}
    return {name: reason for name, reason in {**missing, **failed}.items() if reason}
