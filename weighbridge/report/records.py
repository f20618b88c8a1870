"""Reads and writes records: versioned JSON files, written completely or not at all.

A record is one `Report`. Field names are those of `model/report.py`. Readers ignore unknown fields, so that they can
read records of later versions that only added fields.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from weighbridge import files
from weighbridge.errors import NewerRecord, SettingsError, UnreadableRecord
from weighbridge.model.report import FORMAT_VERSION, Report

LONGEST = 64 * 2**20
"""The most bytes of a record; one of a hundred images has about 10 MB."""
SUFFIX = ".json"
_FORMAT_LENGTH = 20
_OF_ONE_SECOND = 1000
"""How many records of one commit can be saved within one second."""


@cache
def _build_adapter() -> TypeAdapter[Report]:
    """Build the validator on first use and keep it, because building takes longer than reading a record."""
    return TypeAdapter(Report)


def load() -> None:
    """Build what reads and writes records before it is needed, which takes some milliseconds."""
    _build_adapter()


def dump_json(report: Report) -> str:
    """Return the record as JSON text, indented, with a final newline."""
    return _build_adapter().dump_json(report, indent=2).decode() + "\n"


def parse_json(text: str | bytes, name: str = "record") -> Report:
    """Return the report in a record.

    Args:
        text: The record's JSON, as `dump_json` writes it.
        name: What an error calls the record, such as its path.

    Raises:
        NewerRecord: The record has a format of a newer version.
        UnreadableRecord: `text` is not JSON, lacks a field, or has no format of ours.
    """
    try:  # one step takes a third of the time; if it fails, the two steps below find out why
        report = _build_adapter().validate_json(text)
    except ValidationError:
        pass
    else:
        if report.format == FORMAT_VERSION:
            return report
    try:
        return parse_object(json.loads(text), name)
    except (ValueError, RecursionError) as error:
        raise UnreadableRecord(f"{name} is not JSON: {_read_first_line(error)}") from error


def parse_object(value: Any, name: str = "record") -> Report:
    """Return the report in parsed JSON; see `parse_json`."""
    form = value.get("format", FORMAT_VERSION) if isinstance(value, dict) else FORMAT_VERSION
    if isinstance(form, int) and form > FORMAT_VERSION:
        numbers = f"its format is {_shorten(form)}, this version reads {FORMAT_VERSION}"
        raise NewerRecord(f"{name} was written by a newer version of Weighbridge: {numbers}")
    if form != FORMAT_VERSION:
        raise UnreadableRecord(f"{name} is not a record: format: {_shorten(form)} is not {FORMAT_VERSION}")
    try:
        return _build_adapter().validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise UnreadableRecord(f"{name} is not a record: {place}: {first['msg']}") from error


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _FORMAT_LENGTH else f"{text[:_FORMAT_LENGTH]}…"


def prepare_folder(folder: Path) -> Path:
    """Make the folder of the records if it is missing, and return it; called early, before a long measurement.

    Raises:
        SettingsError: The folder cannot be made or written to.
    """
    with _translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    return folder


def save(report: Report, folder: Path) -> Path:
    """Write the record into a prepared folder, as `<time>-<commit>.json`, and return its path.

    The file appears completely or not at all. Two records of the same second do not overwrite each other.

    Raises:
        SettingsError: The folder cannot be written to.
    """
    stem = f"{re.sub('[-:]', '', report.recorded_at)}-{(report.commit or 'uncommitted')[:12]}"
    names = islice(files.generate_names(stem, SUFFIX), _OF_ONE_SECOND)
    with _translate_errors(folder):
        try:
            return files.create(folder, names, dump_json(report).encode())
        except FileExistsError as error:
            raise FileExistsError(error.errno, "it has a thousand records of the same second") from error


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be written: {error.strerror}",
            advice="Make the folder writable or set reports.directory.",
        ) from error


def _read_first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The records of a folder."""

    reports: tuple[Report, ...]
    """Oldest first."""
    unreadable: tuple[str, ...]
    """Names of the files that are not records, sorted."""
    newer: tuple[str, ...] = ()
    """Names of the records that a newer version wrote, sorted."""

    def describe_left_out(self) -> Iterator[str]:
        """Yield a line for each file that is not among the reports."""
        yield from (f"{name} is not a record and was left out" for name in self.unreadable)
        for name in self.newer:
            yield f"{name} was written by a newer version of Weighbridge and was left out; use that version to see it"


def read_history(folder: Path) -> History:
    """Return all records in a folder; no records if the folder is missing.

    Raises:
        SettingsError: The folder cannot be read.
    """
    return read(list_files(folder))


def list_files(folder: Path) -> Sequence[Path]:
    """Return the files of a folder that may be records, by their names; no files if the folder is missing.

    Raises:
        SettingsError: The folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        advice = "Make it a readable folder, or set reports.directory."
        raise SettingsError(f"{folder} cannot be read: {error.strerror}", advice=advice) from error


def read(paths: Iterable[Path]) -> History:
    """Return the records in these files, and the names of those that cannot be read. Does not wait for a FIFO."""
    found, unreadable, newer = list[tuple[str, str, Report]](), [], []
    for path in paths:
        try:
            report = parse_json(files.read(path, LONGEST), path.name)
        except NewerRecord:
            newer.append(path.name)
        except (OSError, UnreadableRecord):
            unreadable.append(path.name)
        else:
            found.append((report.recorded_at, path.name, report))
    found.sort(key=lambda each: each[:2])
    reports = tuple(report for *_, report in found)
    return History(reports=reports, unreadable=tuple(unreadable), newer=tuple(newer))
