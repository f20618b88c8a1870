"""Says what has changed since the settings were written: in the repository, and in Weighbridge itself."""

from __future__ import annotations

from invoke.context import Context

from weighbridge.commands import stack_files, surveying
from weighbridge.commands.project import find_file, open_project
from weighbridge.commands.version import read_version
from weighbridge.errors import SettingsError
from weighbridge.render.terminal import console
from weighbridge.settings.initial import seen, upgrades


def run(c: Context, root: str) -> None:
    """Print each change with the line to change.

    Raises:
        SettingsError: Something has to change, or the settings are wrong; or there are none.
    """
    project = open_project(c, root, needs_file=True, use="all")
    found = find_file(c.config, root)
    values = found.values if found else {}
    changes = [*project.advice, *upgrades.list_changes(values)]
    if "init" in values:
        survey = surveying.survey(project.root)
        now = survey.describe(stack_files.describe(values, project.root))
        changes += seen.compare(project.settings.init.saw, now)
    for line in changes:
        console.print_paragraph(line)
    for line in upgrades.list_facts(values):
        console.say(line)
    if changes:
        count = f"{len(changes)} things have" if len(changes) > 1 else "One thing has"
        raise SettingsError(f"{count} to change in the settings", advice="Each line above says what.")
    wrote = project.settings.init.version
    console.print_line(
        f"Nothing has to change; written by {wrote}, this is {read_version()}." if wrote else "Nothing has to change."
    )
