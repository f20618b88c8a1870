"""Log lines are JSON, one per record, and show no secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import logs

SECRET = "s3cret/token"  # noqa: S105 - of nothing


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Yield a logger below the configured root, and put the root back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield logging.getLogger("tests.logs")
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def _format(message: str, *args: object, **fields: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"msg": message, "args": args, "levelname": "INFO", "name": "x"} | fields)
    line = logs.JsonFormatter([SECRET]).format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_configuring_twice_writes_once(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """A record is one line on stdout, however often logging was set up; levels below are left out."""
    logs.configure("INFO")
    logs.configure("INFO", [SECRET])
    logger.debug("no")
    logger.info("kept %s", SECRET, extra={"job": 7})
    out, err = capsys.readouterr()

    assert (err, out.count("\n")) == ("", 1)
    found = json.loads(out)
    assert (found["level"], found["logger"], found["message"], found["job"]) == ("INFO", "tests.logs", "kept ***", 7)


def test_an_exception_is_a_field_of_its_line() -> None:
    """A traceback does not break the line, and does not tell secrets."""
    try:
        raise ValueError(f"two\nlines {SECRET}")  # noqa: TRY301 - to have a traceback
    except ValueError:
        found = _format("failed", exc_info=sys.exc_info())

    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("lines ***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:pw@redis/0", "redis://:***@redis/0"),
        ("postgresql+psycopg://user:p%20w@db/x refused", "postgresql+psycopg://user:***@db/x refused"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("s3cret%2Ftoken", "***"),
        ("http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b"),
    ],
)
def test_secrets_are_blacked_out(text: str, shown: str) -> None:
    """Passwords in URLs, bearer tokens, and known secrets in any spelling."""
    assert shown == _format("%s", text)["message"]
    assert shown == _format("x", note=text)["note"]


def test_an_access_line_has_its_parts() -> None:
    """What uvicorn tells of a request can be searched by field."""
    args = ("10.0.0.1:5", "GET", "/livez", "1.1", 200)
    found = _format('%s - "%s %s HTTP/%s" %d', *args, name="uvicorn.access")

    assert args == tuple(found[name] for name in ("client", "method", "path", "http_version", "status"))


def test_a_long_path_is_shortened() -> None:
    """A client must not fill the disk with paths: neither the field nor the message shows all of one."""
    path = "/" + "x" * 15_000
    found = _format('%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", path, "1.1", 404, name="uvicorn.access")

    assert found["path"] == path[:200] + "… (14801 characters more)"
    assert found["message"] == f'10.0.0.1:5 - "GET {found["path"]} HTTP/1.1" 404'


def test_a_long_path_is_shortened_after_secrets_are_hidden() -> None:
    """A token that somebody has put into an address is not shown by half."""
    path = "/" + "x" * 190 + SECRET + "y" * 100
    found = _format('%s - "%s %s HTTP/%s" %d', "10.0.0.1:5", "GET", path, "1.1", 404, name="uvicorn.access")

    assert found["path"] == "/" + "x" * 190 + "***" + "y" * 6 + "… (94 characters more)"
    assert SECRET[:4] not in found["message"]


@pytest.mark.parametrize("spelling", ["to/k+n==", "to%2Fk%2Bn%3D%3D", "to/k%2Bn%3D%3D"])
def test_a_token_of_base64_is_hidden_in_addresses(spelling: str) -> None:
    """As a client encodes it, wholly or not, and as uvicorn does, which leaves slashes."""
    record = logging.makeLogRecord({"msg": f"/v1/reports/{spelling}?x"})

    assert json.loads(logs.JsonFormatter(["to/k+n=="]).format(record))["message"] == "/v1/reports/***?x"


def test_long_texts_are_shortened_after_secrets_are_hidden() -> None:
    """A cut cannot leave the first half of a secret behind."""
    found = _format("%s", "x" * 3995 + SECRET + "y" * 100)

    assert found["message"] == "x" * 3995 + "***yy… (98 characters more)"


@given(st.text())
def test_any_text_is_one_line_of_json(text: str) -> None:
    """Line breaks, controls and half surrogates included."""
    assert isinstance(_format("%s", text)["message"], str)
