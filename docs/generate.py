"""Writes the parts of the documents on tasks and formats, from Invoke's own collection: `python -m docs.generate`."""

# ruff: noqa: INP001 - a folder of documents is not a package

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

import tasks
from benchmarks import image_report, report, service_report
from weighbridge.render import formats
from weighbridge.settings.schema import build_schema

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- written by `python -m docs.generate` -->", "<!-- end -->"
_MARKED = re.compile(f"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", re.MULTILINE | re.DOTALL)
_TASKS: Mapping[str, Task[Any]] = Collection.from_module(tasks).tasks
_TABLES: Mapping[str, Iterable[str]] = {
    "invoke engine": formats.SETUPS,
    "invoke build": formats.BUILDS,
    "invoke report": formats.REPORTS,
    "invoke diff": formats.DIFFERENCES,
    "invoke smoke": formats.PROOFS,
    "invoke trend": formats.TRENDS,
    "invoke bench": report.FORMATS,
    "invoke bench --images": image_report.FORMATS,
    "invoke bench --service": service_report.FORMATS,
    "invoke bench --soak": service_report.SOAK_FORMATS,
}
"""A command -> its formats, the default first."""


def build_pages() -> dict[Path, str]:
    """Return each page with a generated part -> what that part must be; a page need not exist yet."""
    commands = {FOLDER / "commands" / f"{name}.md": _describe_command(name) for name in _TASKS}
    names = dict.fromkeys(name for table in _TABLES.values() for name in table)
    return (
        commands
        | {FOLDER / "formats" / f"{name}.md": _describe_format(name) for name in names}
        | {locate_index(): _build_contents(names)}
    )


def locate_index() -> Path:
    """Return the page that lists the others."""
    return FOLDER / "README.md"


def list_arguments(task: Task[Any]) -> list[Argument]:
    """Return a task's arguments. Invoke removes their help from the task as it reads it, so this reads a copy."""
    asked = copy(task)
    asked.help = dict(task.help)
    return asked.get_arguments()


def renew(text: str, written: str) -> str:
    """Return a page's text with `written` between the marks.

    Raises:
        ValueError: The page has no such part, or several.
    """
    part = f"{BEGIN}\n\n{written}\n{END}\n"
    text, count = _MARKED.subn(lambda _: part, text)
    if count != 1:
        raise ValueError(f"{count} parts between {BEGIN} and {END} instead of one")
    return text


def _describe_command(name: str) -> str:
    """Return usage, options and formats of a task."""
    taken = sorted(list_arguments(_TASKS[name]), key=lambda each: not _is_place(each))
    lines = [f"    {' '.join(('invoke', name, *map(_format_usage, taken)))}", "", _read_first_line(_TASKS[name])]
    if taken:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| {_format_names(each)} | {_escape_cell(_format_help(each))} |" for each in taken]
    for command, names in _TABLES.items():
        if command.split()[1] == name:
            listed = ", ".join(f"[{each}](../formats/{each}.md)" for each in names)
            lines += ["", f"Formats of `{command}`: {listed}."]
    return "\n".join(lines) + "\n"


def _describe_format(name: str) -> str:
    """Return the commands that have a format, without `--format` where it is the default."""
    lines = []
    for command, names in _TABLES.items():
        if name in names:
            option = "" if name == next(iter(names)) else f" --format {name}"
            lines.append(f"    {command}{option}")
    return "\n".join(lines) + "\n"


def _build_contents(names: Iterable[str]) -> str:
    commands = [
        f"| [`invoke {name}`](commands/{name}.md) | {_escape_cell(_read_first_line(_TASKS[name]))} |" for name in _TASKS
    ]
    known = [
        f"| [`{name}`](formats/{name}.md) | {', '.join(f'`{each}`' for each in _TABLES if name in _TABLES[each])} |"
        for name in names
    ]
    lines = ["| command | does |", "|---|---|", *commands, "", "| format | commands |", "|---|---|", *known]
    return "\n".join(lines) + "\n"


def _read_first_line(task: Task[Any]) -> str:
    return (task.__doc__ or "").splitlines()[0]


def _is_place(argument: Argument) -> bool:
    """Tell whether an argument is required and known by its position; Invoke marks repeatable options so, too."""
    return bool(argument.positional) and argument.kind is not list


def _format_usage(argument: Argument) -> str:
    if _is_place(argument):
        return _name_option(argument).upper()
    value = "" if argument.kind is bool else f" {_name_option(argument).upper()}"
    return f"[--{_name_option(argument)}{value}]{'…' if argument.kind is list else ''}"


def _name_option(argument: Argument) -> str:
    """Return the long name as the user types it; `Argument.name` may be the Python name instead."""
    return max(argument.names, key=len)


def _format_names(argument: Argument) -> str:
    if _is_place(argument):
        return f"`{_name_option(argument).upper()}`"
    return ", ".join(f"`{'--' if len(name) > 1 else '-'}{name}`" for name in argument.names)


def _format_help(argument: Argument) -> str:
    default = argument.default if argument.kind in {int, str} else None
    return f"{argument.help}; default: `{default}`" if default else str(argument.help)


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|")


def _find_lagging() -> Iterator[tuple[Path, str]]:
    """Yield the pages that are out of date, with their new text.

    Raises:
        SystemExit: A page is missing, or does not have one part to write into.
    """
    for path, written in build_pages().items():
        if not path.exists():
            raise SystemExit(f"{path} is missing: write it, with a line {BEGIN} and below it a line {END}")
        text = path.read_text(encoding="utf-8")
        try:
            new = renew(text, written)
        except ValueError as error:
            raise SystemExit(f"{path}: {error}") from error
        if new != text:
            yield path, new


if __name__ == "__main__":
    for path, new in _find_lagging():
        path.write_text(new, encoding="utf-8")
    schema = json.dumps(build_schema(), indent=2, ensure_ascii=False)
    (FOLDER / "settings.schema.json").write_text(f"{schema}\n", encoding="utf-8")
