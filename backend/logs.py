"""Logs JSON lines to stdout, for uvicorn, the application and Celery alike, and shows no secrets."""

from __future__ import annotations

import copy
import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, unquote

from backend.request_ids import find_origin

_SHORTEST_SECRET = 4
"""Shorter secrets are not masked in texts, because that would mask half of the text."""
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s@/]+@")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s\"']+")
_LONGEST_PATH = 200
_LONGEST_TEXT = 4000
"""A client chooses what is in many texts, and would fill the disk with it."""
_LONGEST_EXCEPTION = 40_000
_ACCESS = ("client", "method", "path", "http_version", "status")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "data"}
"""Fields of every record, and those that uvicorn and Celery add for their own formatters; others come from `extra`."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line: time, level, logger, message, fields of `extra`, and `exception` if it has one."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets: list[str] = []
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these as well."""
        texts = (value.encode("utf-8", "replace").decode() for value in secrets)
        spellings = {form for value in texts for form in (value, unquote(value), quote(value), quote(value, safe=""))}
        known = {*self._secrets, *(form for form in spellings if len(form) >= _SHORTEST_SECRET)}
        self._secrets = sorted(known, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON on one line."""
        record = self._shorten_access(record)
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _is_access(record):
            fields |= zip(_ACCESS, cast("tuple[object, ...]", record.args), strict=True)
        if origin := find_origin():
            fields["request_id"] = origin.request_id
            if _is_access(record):  # the server logs it when the answer begins
                fields["seconds"] = round(time.monotonic() - origin.began, 4)
        fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        cleaned = {key: self._clean(value, _LONGEST_TEXT) for key, value in fields.items()}
        if record.exc_info:
            cleaned["exception"] = self._clean(self.formatException(record.exc_info), _LONGEST_EXCEPTION)
        return json.dumps(cleaned)

    def _clean(self, value: object, most: int) -> object:
        """Return numbers as they are, and anything else as text without secrets, of so many characters at most."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return shorten(self._mask(str(value)), most)

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _BEARER.sub(r"\1 ***", _URL_PASSWORD.sub(r"\1:***@", text))

    def _shorten_access(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return an access record with a short path, in which no secret is cut, and any other as it is."""
        if not _is_access(record):
            return record
        client, method, path, *rest = cast("tuple[object, ...]", record.args)
        short = copy.copy(record)
        short.args = (client, method, shorten(self._mask(str(path))), *rest)
        return short


def shorten(text: str, most: int = _LONGEST_PATH) -> str:
    """Return a text, or its start and how many characters are missing. The default suits paths."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} characters more)"


def _is_access(record: logging.LogRecord) -> bool:
    return record.name == "uvicorn.access" and isinstance(record.args, tuple) and len(record.args) == len(_ACCESS)


def hide(secrets: Iterable[str]) -> None:
    """Hide secrets that became known after `configure`."""
    found = list(secrets)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonFormatter):
            handler.formatter.hide(found)


def configure(level: str, secrets: Sequence[str] = ()) -> None:
    """Send every logger's records to stdout as JSON, once each. A second call replaces the first."""
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known.formatter, JsonFormatter)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(secrets))
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.access"):
        logger = logging.getLogger(name)
        if logger.handlers:  # a logger without handlers was switched off, and stays off
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(capture=True)
