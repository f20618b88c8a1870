"""Makes the commands to measure: Invoke's tasks as a user runs them, `docker save`, dive and syft."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.peers import Peer
from benchmarks.runs import Command, Contender
from weighbridge.render import formats

COLD, KNOWN, MENU = "invoke report, cold", "invoke report, known", "invoke --list"
HERE = "invoke report, cold, folder"
"""The same, read in the engine's own folder. All other rows read what the engine saves."""
IMPORTED, INVOKE = "import weighbridge.tasks", "import invoke"
"""What a client's tasks.py imports with our collection, and without it."""
AS = tuple(f"{KNOWN}, {name}" for name in formats.REPORTS if name != "json")
"""The report of cached layers in each of the other formats."""
CYCLONEDX = f"{KNOWN}, cyclonedx"
CHANGED = f"{KNOWN}, new settings"
"""The same with settings that no run had before, so no finished output can be served."""
FIRST = f"{KNOWN}, first markdown"
"""The same in a format that is asked for the first time: only reports in JSON have filled the cache."""
EARLIER_COMMIT = "3721960"
EARLIER = f"{MENU}, at {EARLIER_COMMIT}"
"""The list as it was before reports of known images were made faster."""
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Lets Python keep the bytecode of modules, as pip does of an installed package. Invoke needs `--write-pyc`, too."""
SAVE, DIVE, SYFT = "docker save", "dive", "syft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The folders that the programs use in place of the user's, and the engine that they ask."""

    project: Path
    folder: Path
    """A folder of this bench only; it is removed at the end."""
    engine: Mapping[str, str] = field(default_factory=dict)
    """Environment variables with the engine's address."""

    def make_invoke_command(self, *words: str, cache: Path | None = None, output: Path = Path(os.devnull)) -> Command:
        """Return the command for a task of this project; its cache of layers is `cache`, or a new folder if None."""
        start = (sys.executable, "-P", "-m", "invoke", "--write-pyc", "--search-root", str(self.project))
        return Command(
            words=(*start, *words), environment=self._make_environment(cache or self.make_folder()), output=output
        )

    def make_report_command(
        self,
        locations: Sequence[str],
        cache: Path | None = None,
        output: Path = Path(os.devnull),
        *,
        format_: str = "json",
        in_folder: bool = False,
    ) -> Command:
        """Return the command for `invoke report` on images, each named with its source.

        With `in_folder`, it may read in the engine's own folder.
        """
        images = [word for location in locations for word in ("--image", location)]
        command = self.make_invoke_command("report", *images, "--format", format_, cache=cache, output=output)
        switch = {"INVOKE_WEIGHBRIDGE_ENGINE_LOCAL_STORE": str(in_folder).lower()}
        return replace(command, environment={**command.environment, **switch})

    def make_dive_command(self, peer: Peer, source: str, image: str, json: Path) -> Command:
        """Return the command for dive without its user interface, with its results as JSON."""
        words = (str(peer.path), "--source", source, image, "--json", str(json))
        return Command(words=words, environment={**self._make_environment(self.folder), "CI": "true"})

    def make_syft_command(self, peer: Peer, reference: str, source: str = "docker") -> Command:
        """Return the command for syft on an image, of the engine or of a registry, without its check for updates."""
        words = (str(peer.path), "scan", f"{source}:{reference}", "-o", "json", "-q")
        own = {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_REGISTRY_INSECURE_USE_HTTP": "true"}
        return Command(words=words, environment={**self._make_environment(self.folder), **own})

    def make_folder(self) -> Path:
        """Make a new, empty folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _make_environment(self, cache: Path) -> Mapping[str, str]:
        ours = {
            "XDG_CACHE_HOME": cache,
            # A page reads all earlier records: those of one run must not count for the next.
            "INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY": self.make_folder(),
            "TMPDIR": self.folder,
        }
        return {**self.engine, **COMPILED, **{name: str(path) for name, path in ours.items()}}


def list_our_contenders(
    place: Workplace, references: Sequence[str], cache: Path, earlier: Path | None = None, *, has_folder: bool
) -> tuple[Contender, ...]:
    """Return our own tasks on images of the engine.

    Args:
        place: The folders that they use.
        references: The images.
        cache: What the reports in JSON fill and use.
        earlier: The folder with the files of the earlier commit; None if there is none.
        has_folder: Whether the engine's folder can be read here.
    """
    locations = [f"docker:{reference}" for reference in references]
    drawn = place.make_folder()
    here = Contender(name=HERE, commands=lambda: [place.make_report_command(locations, in_folder=True)])
    return (
        Contender(name=COLD, commands=lambda: [place.make_report_command(locations)]),
        *([here] if has_folder else []),
        Contender(name=KNOWN, commands=lambda: [place.make_report_command(locations, cache)]),
        *(Contender(name=name, commands=partial(_make_report_commands, place, locations, drawn, name)) for name in AS),
        Contender(name=CHANGED, commands=partial(_make_changed_commands, place, locations, cache, count(10_001))),
        Contender(name=FIRST, commands=partial(_make_first_commands, place, locations, cache)),
        Contender(name=MENU, commands=lambda: [place.make_invoke_command("--list", cache=cache)]),
        *([Contender(name=EARLIER, commands=partial(_make_earlier_commands, place, earlier))] if earlier else []),
        *(Contender(name=name, commands=partial(_make_import_commands, place, name)) for name in (IMPORTED, INVOKE)),
    )


def _make_import_commands(place: Workplace, name: str) -> list[Command]:
    return [Command(words=(sys.executable, "-c", name), environment={**COMPILED, "PYTHONPATH": str(place.project)})]


def _make_report_commands(place: Workplace, locations: Sequence[str], cache: Path, name: str) -> list[Command]:
    return [place.make_report_command(locations, cache, format_=name.rpartition(" ")[2])]


def _make_changed_commands(
    place: Workplace, locations: Sequence[str], cache: Path, noise_bytes: Iterator[int]
) -> list[Command]:
    command = place.make_report_command(locations, cache)
    setting = {"INVOKE_WEIGHBRIDGE_BUDGETS_NOISE": f"{next(noise_bytes)} B"}
    return [replace(command, environment={**command.environment, **setting})]


def _make_first_commands(place: Workplace, locations: Sequence[str], cache: Path) -> list[Command]:
    copy = place.make_folder()
    shutil.copytree(cache, copy, dirs_exist_ok=True)
    return [place.make_report_command(locations, copy, format_="markdown")]


def _make_earlier_commands(place: Workplace, earlier: Path) -> list[Command]:
    return [replace(place, project=earlier).make_invoke_command("--list")]


def unpack_earlier(place: Workplace) -> Path | None:
    """Return a folder with the files of the earlier commit; None if the repository does not have that commit."""
    words = ["git", "-C", str(place.project), "archive", EARLIER_COMMIT]
    packed = subprocess.run(words, capture_output=True, check=False)
    if packed.returncode:
        return None
    folder = place.make_folder()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder


def list_other_contenders(
    place: Workplace, references: Sequence[str], client: Sequence[str], peers: Sequence[Peer]
) -> tuple[Contender, ...]:
    """Return the other programs on the same images, without peers that are not available.

    `client` is the command of a Docker client. One `docker save` takes all images, as our report does; dive and syft
    take one image each.
    """
    found = []
    if client:
        save = Command(words=(*client, "save", *references), environment=place.engine)
        found.append(Contender(name=SAVE, commands=lambda: [save]))
    there = {peer.name: peer for peer in peers if peer.path}
    if dive := there.get(DIVE):
        json = place.folder / "dive.json"
        commands = [place.make_dive_command(dive, "docker", reference, json) for reference in references]
        found.append(Contender(name=DIVE, commands=lambda: commands))
    if syft := there.get(SYFT):
        scans = [place.make_syft_command(syft, reference) for reference in references]
        found.append(Contender(name=SYFT, commands=lambda: scans))
    return tuple(found)
