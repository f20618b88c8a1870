"""Finds the images in a Dockerfile's FROM that cannot be had, and a stand-in for each where one fits.

An image that the engine has, or can pull, is used as it is. What has no stand-in is left to the builder, which may find
it elsewhere or says what is wrong with it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from weighbridge.build import bases, dockerfile, platforms, standins
from weighbridge.build.bases import Origin
from weighbridge.build.buildkit import Build
from weighbridge.build.standins import Standin
from weighbridge.engine.apt import Say
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBaseImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """An image of a FROM, and the stand-in that takes its place."""

    official: str
    reference: str
    how: Origin
    reason: str
    """Why the official image is not used."""

    @property
    def described(self) -> str:
        """The stand-in in one line, for people."""
        return f"{self.reference}, our stand-in for {self.official}, {self.how} because {self.reason}"


@dataclass(slots=True)
class Replacements:
    """What takes the place of images that cannot be had; each is looked for once."""

    engine: Engine
    client: BuildClient | None = None
    """Builds missing stand-ins; None: nothing is pulled or built, and only a stand-in that is present is used."""
    say: Say = field(default=lambda _: None)
    """Called before something that takes long."""
    _known: dict[str, Replaced | None] = field(default_factory=dict)

    @property
    def described(self) -> tuple[str, ...]:
        """What was replaced so far, for people, one line each."""
        return tuple(each.described for each in self._known.values() if each)

    def find(self, wanted: Build) -> dict[str, str]:
        """Return image in a FROM -> the stand-in to use in its place; none for a foreign platform.

        Raises:
            NoBaseImage: An image cannot be pulled, and its stand-in cannot be built here.
        """
        if not platforms.is_own(self.engine, wanted.platforms):
            return {}
        found = {image: self._look_up(image) for image in _list_images(wanted)}
        return {image: replaced.reference for image, replaced in found.items() if replaced}

    def _look_up(self, official: str) -> Replaced | None:
        if official not in self._known:
            standin = standins.find_standin(official)
            is_missing = standin and not self.engine.has_image(official)
            self._known[official] = self._replace(official, standin) if standin and is_missing else None
        return self._known[official]

    def _replace(self, official: str, standin: Standin) -> Replaced | None:
        make = partial(Replaced, official=official, reference=standin.name)
        if self.client is None:
            is_here = self.engine.has_image(standin.name)
            return make(how="present", reason=f"the engine does not have {official}") if is_here else None
        self.say(f"Pulling {official}")
        try:
            self.engine.pull(official)
        except NoBaseImage as error:
            how = bases.ensure_standin(self.engine, self.client, standin, error.message, self.say)
            return make(how=how, reason=error.message)
        return None


def _list_images(wanted: Build) -> tuple[str, ...]:
    with suppress(OSError):  # the builder will say what is wrong with the file
        return dockerfile.list_images(dockerfile.read_text(wanted.dockerfile), wanted.arguments)
    return ()
