"""What is run: Invoke's tasks as a user runs them, `docker save`, dive and syft, with their variables and folders."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.peers import Peer
from benchmarks.runs import Command, Contender
from weighbridge.render import formats

COLD, KNOWN, MENU = "invoke report, cold", "invoke report, known layers", "invoke --list"
AS = tuple(f"{KNOWN}, {name}" for name in formats.REPORTS if name != "json")
"""The report of known layers in each of the other formats."""
SAVE, DIVE, SYFT = "docker save", "dive", "syft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The folders that programs use in place of the user's, and the engine that they ask."""

    project: Path
    folder: Path
    """Ours alone, and removed in the end."""
    engine: Mapping[str, str] = field(default_factory=dict)
    """Variables that lead to the engine."""

    def invoke(self, *words: str, cache: Path | None = None, output: Path = Path(os.devnull)) -> Command:
        """Return a task of this project, with what is known of layers in `cache`; in a new folder, if None."""
        start = (sys.executable, "-P", "-m", "invoke", "--search-root", str(self.project))
        return Command(words=(*start, *words), environment=self._environment(cache or self.fresh()), output=output)

    def report(
        self,
        locations: Sequence[str],
        cache: Path | None = None,
        output: Path = Path(os.devnull),
        *,
        format_: str = "json",
    ) -> Command:
        """Return `invoke report` on images, each named with its source."""
        images = [word for location in locations for word in ("--image", location)]
        return self.invoke("report", *images, "--format", format_, cache=cache, output=output)

    def dive(self, peer: Peer, source: str, image: str, json: Path) -> Command:
        """Return dive without its screen, with all that it finds written as JSON."""
        words = (str(peer.path), "--source", source, image, "--json", str(json))
        return Command(words=words, environment={**self._environment(self.folder), "CI": "true"})

    def syft(self, peer: Peer, reference: str) -> Command:
        """Return syft on an image of the engine, without its question whether there is a newer syft."""
        words = (str(peer.path), "scan", f"docker:{reference}", "-o", "json", "-q")
        return Command(
            words=words, environment={**self._environment(self.folder), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
        )

    def fresh(self) -> Path:
        """Make a new, empty folder."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _environment(self, cache: Path) -> Mapping[str, str]:
        ours = {"XDG_CACHE_HOME": cache, "INVOKE_REPORTS_DIRECTORY": self.folder / "reports", "TMPDIR": self.folder}
        return {**self.engine, **{name: str(path) for name, path in ours.items()}}


def ours(place: Workplace, references: Sequence[str], cache: Path) -> tuple[Contender, ...]:
    """Return our own tasks on images of the engine; `cache` knows the images' layers already."""
    locations = [f"docker:{reference}" for reference in references]
    return (
        Contender(name=COLD, commands=lambda: [place.report(locations)]),
        Contender(name=KNOWN, commands=lambda: [place.report(locations, cache)]),
        *(Contender(name=name, commands=partial(_drawn, place, locations, cache, name)) for name in AS),
        Contender(name=MENU, commands=lambda: [place.invoke("--list", cache=cache)]),
    )


def _drawn(place: Workplace, locations: Sequence[str], cache: Path, name: str) -> list[Command]:
    return [place.report(locations, cache, format_=name.rpartition(" ")[2])]


def theirs(
    place: Workplace, references: Sequence[str], client: Sequence[str], peers: Sequence[Peer]
) -> tuple[Contender, ...]:
    """Return the others on the same images; `client` starts a Docker client, and peers that are not there are left out.

    One `docker save` takes all images, as our report does. Dive and syft take one image each.
    """
    found = []
    if client:
        save = Command(words=(*client, "save", *references), environment=place.engine)
        found.append(Contender(name=SAVE, commands=lambda: [save]))
    there = {peer.name: peer for peer in peers if peer.path}
    if dive := there.get(DIVE):
        json = place.folder / "dive.json"
        commands = [place.dive(dive, "docker", reference, json) for reference in references]
        found.append(Contender(name=DIVE, commands=lambda: commands))
    if syft := there.get(SYFT):
        scans = [place.syft(syft, reference) for reference in references]
        found.append(Contender(name=SYFT, commands=lambda: scans))
    return tuple(found)
