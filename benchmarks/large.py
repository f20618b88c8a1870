"""Measures the memory that our report takes for an image of many files, from each place where it can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from os import getpid

from benchmarks import archives, places
from benchmarks.places import Places
from benchmarks.programs import Workplace
from benchmarks.results import LARGE_FILES
from benchmarks.runs import Command, Contender, Series, interleave, measure_command


def measure(
    place: Workplace,
    client: Sequence[str],
    rounds: int,
    on_run: Callable[[int, str], object],
    *,
    has_folder: bool,
    files: int = LARGE_FILES,
) -> tuple[Series, ...]:
    """Put a generated image into the engine, an archive, a layout and a registry, and run our report on each in turns.

    Args:
        place: The folders that the programs use.
        client: The command of a Docker client.
        rounds: How often to run each.
        on_run: As `interleave` takes it.
        has_folder: Whether the engine's folder can be read here.
        files: How many files the image has.

    Raises:
        CannotPut: A program is missing, or fails.
    """
    with _load(place, client, files) as name, places.put(place, [name], client) as there:
        return interleave([*_list_contenders(place, name, there, has_folder=has_folder)], rounds, on_run)


@contextmanager
def _load(place: Workplace, client: Sequence[str], files: int) -> Iterator[str]:
    """Load an image into the engine, and remove it in the end; its name is of this process alone."""
    if reason := places.find_missing() if client else "there is no Docker client":
        raise places.CannotPut(reason)
    name, path = f"weighbridge-bench-{getpid()}:files", place.make_folder() / "files.tar"
    archives.write(path, archives.make_packages(files, name=name))
    try:
        places.run(place, *client, "load", "--quiet", "--input", str(path))
        yield name
    finally:
        with suppress(places.CannotPut):  # what was to be measured is, and an image that stays is harmless
            places.run(place, *client, "rmi", name)


def _make_commands(place: Workplace, location: str) -> list[Command]:
    return [place.make_report_command([location])]


def _list_contenders(place: Workplace, name: str, there: Places, *, has_folder: bool) -> Iterator[Contender]:
    image = f"docker:{name}"
    locations = {
        "archive": f"archive:{there.archive}#{name}",
        "layout": f"oci:{there.layout}#{there.tags[0]}",
        "registry": f"registry:{there.registry}/bench:{there.tags[0]}",
    }
    if has_folder:
        yield Contender(name="folder", commands=lambda: [place.make_report_command([image], in_folder=True)])
    yield Contender(name="engine", commands=partial(_make_commands, place, image))
    for title, location in locations.items():
        yield Contender(name=title, commands=partial(_make_commands, place, location))
    known = place.make_folder()
    measure_command(place.make_report_command([image], known))
    yield Contender(name="known", commands=lambda: [place.make_report_command([image], known)])
