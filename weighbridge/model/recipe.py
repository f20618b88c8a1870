"""What a Dockerfile says of the container that an image starts: its commands, and what it copies where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A file or a folder of the build context that the image has."""

    source: str
    """Path in the context, without a `/` at its beginning; empty: the context itself. It may have wildcards."""
    target: str
    """Absolute path in the image. It ends in `/` if a file keeps its name there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A stage of a Dockerfile, with what it has of those that it stands on. Nothing is known of its base image."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Their words; the shell form is `/bin/sh -c` and its line. Empty: it says nothing."""
    health: tuple[str, ...] = ()
    """The command of its health check; empty: none is known."""
    folder: str = "/"
    """The working folder."""
    copies: tuple[Copied, ...] = ()
    ports: tuple[int, ...] = ()
    """The TCP ports that it exposes."""


NOTHING = Recipe()
"""What is known where there is no Dockerfile to read."""
