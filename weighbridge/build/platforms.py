"""Checks the platforms that a user names: whether they can be built here, and whether the result may be pushed.

Images for a foreign platform are built under emulation. They cannot be smoke-tested here, so they are never pushed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBuilder, SettingsError
from weighbridge.model import platform
from weighbridge.model.platform import Platform


def parse(texts: Iterable[str], *, push: bool) -> tuple[str, ...]:
    """Parse the platforms that a user names, and return each once.

    Raises:
        SettingsError: A text is not a platform; or several are to be pushed, of which only one can be tested here.
    """
    platforms = tuple(dict.fromkeys(str(each) for each in _parse_all(texts)))
    if push and len(platforms) > 1:
        raise _refuse_push(", ".join(platforms))
    return platforms


def _parse_all(texts: Iterable[str]) -> Iterator[Platform]:
    for text in texts:
        found = platform.parse(text)
        if found is None:
            advice = "Write it like linux/amd64 or linux/arm/v7."
            raise SettingsError(f"{text.lower()!r} is not a platform", advice=advice)
        yield found


def check(client: BuildClient, engine: Engine, platforms: tuple[str, ...], *, push: bool) -> None:
    """Make sure before the build that it is possible for all platforms.

    Args:
        client: The client that drives BuildKit.
        engine: The engine, whose own platform is the only one that can be tested.
        platforms: The wanted platforms; empty: the engine's own.
        push: Whether the result will be pushed.

    Raises:
        NoBuilder: The builder cannot build for a platform, or the engine cannot store several.
        SettingsError: The result is to be pushed, and a platform is not the engine's own.
    """
    if not platforms:
        return
    own, store = _find_own(engine), engine.identity.store
    foreign = [each for each in _parse_all(platforms) if each.full != own.full]
    if push and foreign:
        raise _refuse_push(str(foreign[0]))
    if len(platforms) > 1 and (client.buildx is None or store != "containerd"):
        raise NoBuilder(
            "An image for several platforms needs buildx and the containerd image store; this machine has "
            f"{client.described} and the store {store}",
            advice="Name one --platform at a time, or change the engine's image store and install docker-buildx.",
        )
    known = dict.fromkeys((own, *(client.list_platforms(engine.host) if foreign else ())))
    for each in foreign:
        if each.full not in {one.full for one in known}:
            raise NoBuilder(
                f"The builder offers {', '.join(map(str, known))}, and not {each}",
                advice="Build on a machine of that platform, or install buildx and QEMU's user emulation "
                "(Debian: docker-buildx, qemu-user-static).",
            )


def is_own(engine: Engine, platforms: Iterable[str]) -> bool:
    """Tell whether all of these platforms, however they are spelt, are the engine's own."""
    return {each.full for each in _parse_all(platforms)} <= {_find_own(engine).full}


def _find_own(engine: Engine) -> Platform:
    return platform.parse(engine.identity.platform) or Platform()


def _refuse_push(platforms: str) -> SettingsError:
    return SettingsError(
        f"--push sends only images that passed the smoke test, and this engine cannot test {platforms}",
        advice="Build and push on a machine of each platform, then join them: `docker buildx imagetools create`.",
    )
