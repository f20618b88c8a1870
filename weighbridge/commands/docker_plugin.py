"""Installs and removes the plugin `docker weigh`: a link to our program in the folder where Docker's client looks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.render.terminal import console

NAME = "docker-weigh"
"""The plugin's name: Docker's client runs `docker-NAME` for `docker NAME`."""


def run(*, remove: bool = False) -> None:
    """Link the plugin, or remove the link.

    Raises:
        SettingsError: Something else has its place, or the folder cannot be written.
    """
    link = locate_folder() / NAME
    if os.path.lexists(link) and not is_ours(link):
        raise SettingsError(f"{link} is not ours", advice="Move it away, or leave it.")
    try:
        if remove:
            existed = os.path.lexists(link)
            link.unlink(missing_ok=True)
            console.print_line(f"Removed {link}." if existed else f"There is no {link}.")
            return
        program = find_program()
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    except OSError as error:
        raise SettingsError(
            f"{link} cannot be written: {error.strerror}", advice="Make its folder writable."
        ) from error
    console.print_line(f"`docker weigh IMAGE` runs {program}, by {link}.")


def locate_folder() -> Path:
    """Return the folder of the user's plugins (docker/cli, cli-plugins/manager)."""
    return Path(os.environ.get("DOCKER_CONFIG") or files.find_home() / ".docker") / "cli-plugins"


def find_program() -> Path:
    """Return the program that the package brings, in the environment that runs now.

    Raises:
        SettingsError: It is not there, as in a checkout that is not installed.
    """
    path = Path(sys.prefix) / "bin" / NAME
    if not path.is_file():
        raise SettingsError(
            f"{path} does not exist", advice="Install the package first, for example with `pipx install weighbridge`."
        )
    return path


def is_ours(link: Path) -> bool:
    """Tell whether a file is a link that we made, even if the environment has gone since."""
    return link.is_symlink() and link.readlink().name == NAME
