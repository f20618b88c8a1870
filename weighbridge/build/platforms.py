"""Builds for platforms that the user names: what the builder and the engine's image store can do, and what is proven.

A foreign platform is built under emulation and cannot be smoke-tested here, so it is never pushed from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBuilder, SettingsError
from weighbridge.model import platform
from weighbridge.model.platform import Platform


def parse(texts: Iterable[str], *, push: bool) -> tuple[str, ...]:
    """Return the platforms that a user names, each once.

    Raises:
        SettingsError: One of them is none, or several are to be pushed: at most one of them can be proven here.
    """
    platforms = tuple(dict.fromkeys(str(each) for each in _parsed(texts)))
    if push and len(platforms) > 1:
        raise _unproven(", ".join(platforms))
    return platforms


def _parsed(texts: Iterable[str]) -> Iterator[Platform]:
    for text in texts:
        found = platform.parse(text)
        if found is None:
            raise SettingsError(f"{text.lower()!r} is no platform", advice="Write it like linux/amd64 or linux/arm/v7.")
        yield found


def check(client: BuildClient, engine: Engine, platforms: tuple[str, ...], *, push: bool) -> None:
    """Make sure that all platforms can be built for, before anything is.

    Args:
        client: What drives BuildKit.
        engine: Whose platform is the one that can be proven.
        platforms: Those wanted; none stands for the engine's own.
        push: Whether what is built is to be pushed.

    Raises:
        NoBuilder: The builder cannot build for one, or the engine cannot keep several.
        SettingsError: A platform other than the engine's own is to be pushed.
    """
    if not platforms:
        return
    own, store = _own(engine), engine.identity.store
    foreign = [each for each in _parsed(platforms) if each.full != own.full]
    if push and foreign:
        raise _unproven(str(foreign[0]))
    if len(platforms) > 1 and (client.buildx is None or store != "containerd"):
        raise NoBuilder(
            "An image for several platforms needs buildx and the containerd image store, and here are "
            f"{client.described}, and {store}",
            advice="Name one --platform at a time, or change the engine's image store and install docker-buildx.",
        )
    known = dict.fromkeys((own, *(client.platforms(engine.host) if foreign else ())))
    for each in foreign:
        if each.full not in {one.full for one in known}:
            raise NoBuilder(
                f"The builder is not known to build for {each}, but for {', '.join(map(str, known))}",
                advice="Build on a machine of that platform, or install buildx and QEMU's user emulation "
                "(Debian: docker-buildx, qemu-user-static).",
            )


def are_own(engine: Engine, platforms: Iterable[str]) -> bool:
    """Tell whether these platforms are none but the engine's own, by whatever names."""
    return {each.full for each in _parsed(platforms)} <= {_own(engine).full}


def _own(engine: Engine) -> Platform:
    return platform.parse(engine.identity.platform) or Platform()


def _unproven(platforms: str) -> SettingsError:
    return SettingsError(
        f"--push sends what was proven, and one engine cannot prove {platforms}",
        advice="Build and push on a machine of each platform, then join them: `docker buildx imagetools create`.",
    )
