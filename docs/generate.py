"""Writes the parts of the documents on tasks and formats, from Invoke's own collection: `python -m docs.generate`."""

# ruff: noqa: INP001 - a folder of documents is not a package

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

import tasks
from benchmarks import image_report, report
from weighbridge.render import formats

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- written by `python -m docs.generate` -->", "<!-- end -->"
_MARKED = re.compile(f"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", re.MULTILINE | re.DOTALL)
_TASKS: Mapping[str, Task[Any]] = Collection.from_module(tasks).tasks
_TABLES: Mapping[str, Iterable[str]] = {
    "invoke report": formats.REPORTS,
    "invoke diff": formats.DIFFERENCES,
    "invoke smoke": formats.PROOFS,
    "invoke trend": formats.TRENDS,
    "invoke bench": report.FORMATS,
    "invoke bench --images": image_report.FORMATS,
}
"""A command -> its formats, the default first."""


def pages() -> dict[Path, str]:
    """Return each page with a generated part -> what that part must be; a page need not exist yet."""
    commands = {FOLDER / "commands" / f"{name}.md": _command(name) for name in _TASKS}
    names = dict.fromkeys(name for table in _TABLES.values() for name in table)
    return commands | {FOLDER / "formats" / f"{name}.md": _format(name) for name in names} | {index(): _contents(names)}


def index() -> Path:
    """Return the page that lists the others."""
    return FOLDER / "README.md"


def arguments(task: Task[Any]) -> list[Argument]:
    """Return a task's arguments. Invoke removes their help from the task as it reads it, so this reads a copy."""
    asked = copy(task)
    asked.help = dict(task.help)
    return asked.get_arguments()


def renewed(text: str, written: str) -> str:
    """Return a page's text with `written` between the marks.

    Raises:
        ValueError: The page has no such part, or several.
    """
    part = f"{BEGIN}\n\n{written}\n{END}\n"
    text, count = _MARKED.subn(lambda _: part, text)
    if count != 1:
        raise ValueError(f"{count} parts between {BEGIN} and {END} instead of one")
    return text


def _command(name: str) -> str:
    """Return usage, options and formats of a task."""
    taken = sorted(arguments(_TASKS[name]), key=lambda each: not _is_place(each))
    lines = [f"    {' '.join(('invoke', name, *map(_usage, taken)))}", "", _first_line(_TASKS[name])]
    if taken:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| {_named(each)} | {_cell(_said(each))} |" for each in taken]
    for command, names in _TABLES.items():
        if command.split()[1] == name:
            listed = ", ".join(f"[{each}](../formats/{each}.md)" for each in names)
            lines += ["", f"Formats of `{command}`: {listed}."]
    return "\n".join(lines) + "\n"


def _format(name: str) -> str:
    """Return the commands that have a format, without `--format` where it is the default."""
    lines = []
    for command, names in _TABLES.items():
        if name in names:
            option = "" if name == next(iter(names)) else f" --format {name}"
            lines.append(f"    {command}{option}")
    return "\n".join(lines) + "\n"


def _contents(names: Iterable[str]) -> str:
    commands = [f"| [`invoke {name}`](commands/{name}.md) | {_cell(_first_line(_TASKS[name]))} |" for name in _TASKS]
    known = [
        f"| [`{name}`](formats/{name}.md) | {', '.join(f'`{each}`' for each in _TABLES if name in _TABLES[each])} |"
        for name in names
    ]
    lines = ["| command | does |", "|---|---|", *commands, "", "| format | commands |", "|---|---|", *known]
    return "\n".join(lines) + "\n"


def _first_line(task: Task[Any]) -> str:
    return (task.__doc__ or "").splitlines()[0]


def _is_place(argument: Argument) -> bool:
    """Tell whether an argument is required and known by its position; Invoke marks repeatable options so, too."""
    return bool(argument.positional) and argument.kind is not list


def _usage(argument: Argument) -> str:
    if _is_place(argument):
        return _option(argument).upper()
    value = "" if argument.kind is bool else f" {_option(argument).upper()}"
    return f"[--{_option(argument)}{value}]{'…' if argument.kind is list else ''}"


def _option(argument: Argument) -> str:
    """Return the long name as the user types it; `Argument.name` may be the Python name instead."""
    return max(argument.names, key=len)


def _named(argument: Argument) -> str:
    if _is_place(argument):
        return f"`{_option(argument).upper()}`"
    return ", ".join(f"`{'--' if len(name) > 1 else '-'}{name}`" for name in argument.names)


def _said(argument: Argument) -> str:
    default = argument.default if argument.kind in {int, str} else None
    return f"{argument.help}; default: `{default}`" if default else str(argument.help)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _lagging() -> Iterator[tuple[Path, str]]:
    """Yield the pages that are out of date, with their new text."""
    for path, written in pages().items():
        text = path.read_text(encoding="utf-8")
        new = renewed(text, written)
        if new != text:
            yield path, new


if __name__ == "__main__":
    for path, new in _lagging():
        path.write_text(new, encoding="utf-8")
