"""Turns requests of the settings into what is sent: without placeholders, encoded, with files of the project."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from weighbridge.errors import SettingsError
from weighbridge.settings.probes import Request, Upload
from weighbridge.settings.project import Settings
from weighbridge.smoke.stack import redaction
from weighbridge.smoke.stack.bodies import Body, Part, encode_form, encode_json, encode_multipart
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer, Sent

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")
_MOST_BYTES = 256 * 1024
"""A request reaches the client's container as arguments of a program, of which Linux takes 2 MiB in all."""


def build(stack: Stack, request: Request, kept: Mapping[str, Any]) -> Sent:
    """Return a request as it is sent, and note which secrets it contains."""
    fields = {name: value for name, value in request.multipart.items() if isinstance(value, str)} or request.form
    told = fill_placeholders(fields or request.body, kept)
    headers = {name: str(fill_placeholders(value, kept)) for name, value in request.headers.items()}
    stack.observed.secrets.update(redaction.collect_exchanged_secrets(headers, told))
    path = str(fill_placeholders(request.path, kept))
    return Sent(request.method, path, _build_body(stack.project, request, kept), headers)


def keep(stack: Stack, request: Request, answer: Answer, kept: dict[str, Any]) -> None:
    """Store in `kept` what the request says to keep of its answer, and note which of it is secret."""
    for name, source in request.keep.items():
        if isinstance(source, str):
            kept[name] = answer.get_field(source)
            stack.observed.secrets.update(redaction.collect_kept_secrets(name, source, kept[name]))
        elif source.cookie:
            kept[name] = answer.get_cookie(source.cookie)
            stack.observed.secrets.add(kept[name])
        else:
            kept[name] = answer.get_header(source.header or "")
            stack.observed.secrets.update(redaction.collect_kept_secrets(name, source.header or "", kept[name]))


def note_secrets(stack: Stack, body: str) -> None:
    """Note the secrets in an answer, kept or not, by the names of its fields."""
    with suppress(ValueError):  # it is no JSON
        stack.observed.secrets.update(redaction.collect_exchanged_secrets({}, json.loads(body)))


def check_uploads(settings: Settings, project: Path) -> None:
    """Make sure that the files which probes upload are there, before anything is started.

    Raises:
        SettingsError: One cannot be read, or all those of a request are too large to be sent.
    """
    for place, request in _iterate_requests(settings):
        uploads = [each for each in request.multipart.values() if isinstance(each, Upload)]
        total = sum(len(_read(project, each.file, place)) for each in uploads if each.file)
        if total > _MOST_BYTES:
            raise SettingsError(
                f"{place}.multipart: its files have {total} bytes, and a request sends at most {_MOST_BYTES}",
                advice="Upload smaller files.",
            )


def fill_placeholders(value: Any, kept: Mapping[str, Any]) -> Any:
    """Return JSON with each `{name}` in its texts replaced by the value kept by that name; unknown names stay.

    A text that is only a placeholder becomes the kept value itself, which may be a number.
    """
    if isinstance(value, dict):
        return {key: fill_placeholders(each, kept) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [fill_placeholders(each, kept) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and whole[1] in kept:
        return kept[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(kept.get(found[1], found[0])), value)


def _build_body(project: Path, request: Request, kept: Mapping[str, Any]) -> Body | None:
    def fill(text: str) -> str:
        return str(fill_placeholders(text, kept))

    if request.form:
        return encode_form({name: fill(value) for name, value in request.form.items()})
    if request.multipart:
        return encode_multipart(
            {
                name: fill(value) if isinstance(value, str) else _build_part(project, value, kept)
                for name, value in request.multipart.items()
            }
        )
    return encode_json(fill_placeholders(request.body, kept)) if request.sends_json else None


def _build_part(project: Path, upload: Upload, kept: Mapping[str, Any]) -> Part:
    if upload.file:
        content = _read(project, upload.file, "smoke.probes")
    else:
        content = str(fill_placeholders(upload.content, kept)).encode()
    return Part(str(fill_placeholders(upload.told_name, kept)), upload.type, content)


def _read(project: Path, path: str, place: str) -> bytes:
    try:
        return (project / path).read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{place}.multipart: {path} cannot be read: {error.strerror}",
            advice="Correct the path, which starts from the project's folder.",
        ) from error


def _iterate_requests(settings: Settings) -> Iterator[tuple[str, Request]]:
    """Yield the place of each request in the settings, and the request."""
    for index, probe in enumerate(settings.smoke.probes):
        for number, step in enumerate(probe.steps):
            yield f"smoke.probes.{index}.steps.{number}", step
    if settings.smoke.faults.write:
        yield "smoke.faults.write", settings.smoke.faults.write
