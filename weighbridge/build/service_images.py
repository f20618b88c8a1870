"""Provides the images of services: the one that the settings name if it is present or can be pulled, else a stand-in.

A service is not part of what is shipped, so a stand-in may be of another version than the image in whose place it runs;
the smoke test says which version ran.
"""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.build import bases
from weighbridge.build.standins import Standin
from weighbridge.engine.apt import Say
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBaseImage
from weighbridge.model.services import KINDS, find_kind
from weighbridge.settings.project import Settings

_SUITE = "trixie"
"""The release of Debian whose packages the stand-ins of services are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceImage:
    """An image for a service that the engine has."""

    service: str
    official: str
    """The image that the settings name."""
    reference: str
    """The image to use: that one, or our stand-in."""
    how: bases.Origin
    reason: str = ""
    """Why pulling the official one failed, with the registry's own words; empty if nobody tried."""

    @property
    def described(self) -> str:
        """The image in one line, for people."""
        return bases.describe(self.reference, self.official, self.how, self.reason)


def find_all(engine: Engine, settings: Settings) -> tuple[ServiceImage, ...]:
    """Return an image that the engine has for each service of the smoke test.

    Raises:
        NoBaseImage: The engine has neither an image that the settings name nor a stand-in for it.
    """
    return tuple(_find(engine, settings, name) for name in settings.services)


def ensure_all(engine: Engine, client: BuildClient, settings: Settings, say: Say) -> tuple[ServiceImage, ...]:
    """Return an image for each service that the settings name: the one that is present, else pulled, else a stand-in.

    If they name none, the Redis that is then used is a base image, and no service is returned.

    Raises:
        NoBaseImage: None of these ways works for one of them.
    """
    if settings.smoke.services is None:
        return ()
    return tuple(_ensure(engine, client, settings, name, say) for name in settings.services)


def _find(engine: Engine, settings: Settings, name: str) -> ServiceImage:
    official = settings.services[name].image
    if settings.smoke.services is None:
        base = bases.find_base_image(engine, "redis", official)
        return ServiceImage(service=name, official=official, reference=base.reference, how=base.how)
    for reference in filter(None, (official, find_kind(official).standin)):
        if engine.has_image(reference):
            return ServiceImage(service=name, official=official, reference=reference, how="present")
    advice = f"Run `invoke engine`, which pulls it or builds a stand-in, or {_advise(name, short=True)}"
    raise NoBaseImage(f"The engine does not have the image {official} of the service {name}", advice=advice)


def _ensure(engine: Engine, client: BuildClient, settings: Settings, name: str, say: Say) -> ServiceImage:
    official = settings.services[name].image
    try:
        return _find(engine, settings, name)
    except NoBaseImage:
        say(f"Pulling {official}")
    try:
        engine.pull(official)
    except NoBaseImage as error:
        kind = find_kind(official)
        message = f"Service {name}: {error.message}"
        if not kind.standin:
            raise NoBaseImage(message, advice=_advise(name)) from error
        standin = Standin(name=kind.standin, recipe=kind.recipe, suite=_SUITE, options={})
        how = bases.ensure_standin(engine, client, standin, message, say)
        return ServiceImage(service=name, official=official, reference=kind.standin, how=how, reason=error.message)
    return ServiceImage(service=name, official=official, reference=official, how="pulled")


def _advise(name: str, *, short: bool = False) -> str:
    """Return what to do about a service without an image: the settings that replace or omit it."""
    cure = f"set smoke.services.{name}.image to another image, or leave {name} out of smoke.services"
    if short:
        return f"{cure}."
    known = ", ".join(sorted(kind for kind, row in KINDS.items() if row.standin))
    return f"Solve that problem, {cure}; stand-ins exist for {known}."
