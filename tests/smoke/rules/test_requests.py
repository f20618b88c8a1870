"""Requests as they are sent: placeholders, files of the project, what is kept, and which of it is secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeEngine, refused, settings, stack_on
from weighbridge.errors import SettingsError
from weighbridge.settings.probes import Request
from weighbridge.smoke.rules import requests
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer, Sent

KEPT = {"token": "t-48151623", "id": 7}
ANSWERED = (("Set-Cookie", "a=1; Path=/"), ("set-cookie", " sid = s3ss=ion ; Secure"), ("X-Token", "headervalue"))


def build(request: dict[str, Any], stack: Stack | None = None) -> Sent:
    """Return a request as it is sent."""
    return requests.build(stack or stack_on(FakeEngine()), Request.model_validate(request), KEPT)


def test_placeholders_everywhere() -> None:
    """Path, headers and form get what was kept, a number as its text."""
    sent = build(
        {"put": "/x/{id}", "form": {"a": "{id}", "b": "{other} ü"}, "headers": {"Authorization": "Bearer {token}"}}
    )
    assert (sent.method, sent.path) == ("PUT", "/x/7")
    assert sent.headers == {"Authorization": "Bearer t-48151623"}
    assert sent.body is not None
    assert sent.body.text == "a=7&b=%7Bother%7D+%C3%BC"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"get": "/"}, None),
        ({"delete": "/"}, None),
        ({"delete": "/", "body": {"id": "{id}"}}, '{"id": 7}'),
        ({"patch": "/"}, "null"),
    ],
)
def test_json(request_: dict[str, Any], text: str | None) -> None:
    """JSON is sent where the settings say so, or where a request without a body would be unusual."""
    body = build(request_).body
    assert (body.text if body else None) == text


def test_upload(tmp_path: Path) -> None:
    """A file of the project goes out byte by byte, and a text with what was kept."""
    (tmp_path / "a.bin").write_bytes(b"\xff{id}\r\n\0")
    stack = replace(stack_on(FakeEngine()), project=tmp_path)
    parts = {"a": {"file": "a.bin", "type": "x/y"}, "b": {"name": "{id}.csv", "content": "id\n{id}\n"}, "c": "{id}"}
    body = build({"post": "/", "multipart": parts}, stack).body
    assert body is not None
    pieces = body.text.encode(errors="surrogateescape").split(body.type.partition("boundary=")[2].encode())
    begin = b'\r\nContent-Disposition: form-data; name="'
    assert pieces[1:4] == [
        begin + b'a"; filename="a.bin"\r\nContent-Type: x/y\r\n\r\n\xff{id}\r\n\0\r\n--',
        begin + b'b"; filename="7.csv"\r\nContent-Type: application/octet-stream\r\n\r\nid\n7\n\r\n--',
        begin + b'c"\r\n\r\n7\r\n--',
    ]


def upload(path: str) -> dict[str, Any]:
    """Return a request that uploads a file."""
    return {"post": "/", "multipart": {"a": {"file": path}, "n": "{unique}"}, "keep": {"id": "id"}}


def test_uploads_are_checked(tmp_path: Path) -> None:
    """Files that are there, and not too large, are fine."""
    (tmp_path / "there").write_bytes(b"x" * 256 * 1024)
    requests.check_uploads(settings(probes=[{"rule": "a", "steps": [{"get": "/"}, upload("there")]}]), tmp_path)


@pytest.mark.parametrize(
    ("smoke", "words"),
    [
        (
            {"probes": [{"rule": "a", "steps": [{"get": "/"}, upload("missing.png")]}]},
            "smoke.probes.0.steps.1.multipart: missing.png cannot be read: No such file or directory. ",
        ),
        (
            {"faults": {"write": upload("."), "read": "/{id}"}},
            "smoke.faults.write.multipart: . cannot be read: Is a directory. ",
        ),
    ],
)
def test_upload_that_cannot_be_read(tmp_path: Path, smoke: dict[str, Any], words: str) -> None:
    """Before anything starts, an error names the step, the file and why it cannot be read."""
    with pytest.raises(SettingsError) as caught:
        requests.check_uploads(settings(**smoke), tmp_path)
    assert str(caught.value) == f"{words}Correct the path, which starts from the project's folder."


def test_upload_that_is_too_large(tmp_path: Path) -> None:
    """Files that would not fit into a program's arguments are refused with both sizes."""
    (tmp_path / "large").write_bytes(b"x" * (256 * 1024 + 1))
    chosen = settings(probes=[{"rule": "a", "steps": [upload("large")]}])
    with pytest.raises(SettingsError, match="its files have 262145 bytes, and a request sends at most 262144"):
        requests.check_uploads(chosen, tmp_path)


def keep(sources: dict[str, Any], stack: Stack | None = None) -> dict[str, Any]:
    """Return what is kept of an answer."""
    kept: dict[str, Any] = {}
    answer = Answer("POST /login", 200, '{"access": {"token": "bodyvalue", "type": "bearer"}}', answered=ANSWERED)
    request = Request.model_validate({"post": "/login", "keep": sources})
    requests.keep(stack or stack_on(FakeEngine()), request, answer, kept)
    return kept


def test_what_is_kept() -> None:
    """Values come from fields, from headers in any case, and from cookies, which may contain `=`."""
    sources = {"a": "access.token", "b": {"header": "x-token"}, "c": {"cookie": "sid"}, "d": {"cookie": "a"}}
    assert keep(sources) == {"a": "bodyvalue", "b": "headervalue", "c": "s3ss=ion", "d": "1"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"header": "X-Id"}, "answered without a header X-Id; its headers: Set-Cookie, set-cookie, X-Token"),
        ({"cookie": "b"}, "did not set a cookie b; its cookies: a, sid"),
    ],
)
def test_what_cannot_be_kept(source: dict[str, str], words: str) -> None:
    """The reason names what there is instead, and no value."""
    assert refused(lambda: keep({"x": source})) == f"POST /login {words}"


@pytest.mark.parametrize(
    ("sources", "hidden"),
    [
        ({"x": "access.token"}, "bodyvalue"),
        ({"token": "access.type"}, "bearer"),
        ({"x": {"header": "X-Token"}}, "headervalue"),
        ({"x": {"cookie": "sid"}}, "s3ss=ion"),
    ],
)
def test_kept_secret_is_hidden(sources: dict[str, Any], hidden: str) -> None:
    """What is kept as a token, from a field of such a name, or from a cookie, is hidden from then on."""
    stack = stack_on(FakeEngine(log=f"got {hidden}"))
    assert stack.read_log("api") == f"got {hidden}"
    keep(sources, stack)
    assert stack.read_log("api") == "got ***"


@pytest.mark.parametrize(
    ("request_", "said", "shown"),
    [
        ({"post": "/", "form": {"user": "eve48", "password": "12 345678"}}, "eve48 12+345678", "eve48 ***"),
        ({"post": "/", "form": {"user": "eve48", "password": "$ecretly"}}, "%24ecretly", "***"),
        ({"post": "/", "body": {"login": [{"secret": "s48151623"}]}}, "s48151623", "***"),
        ({"post": "/", "multipart": {"api_key": "{token}", "a": "b"}}, "t-48151623 b", "*** b"),
        ({"get": "/", "headers": {"Authorization": "Bearer {token}"}}, "t-48151623", "***"),
        ({"get": "/", "headers": {"Cookie": "theme=dark; sid={token}"}}, "sid is t-48151623", "sid is ***"),
        ({"get": "/", "headers": {"X-Api-Key": "k48151623"}}, "k48151623", "***"),
        ({"get": "/", "headers": {"Accept": "text/html"}}, "text/html", "text/html"),
    ],
)
def test_sent_secret_is_hidden(request_: dict[str, Any], said: str, shown: str) -> None:
    """What a step sends in Authorization, in cookies, or in a field of such a name is hidden, and nothing else."""
    stack = stack_on(FakeEngine())
    build(request_, stack)
    assert stack.mask(said) == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"a": [{"refresh_token": "r-48151623", "token_type": "bearer"}]}', "*** bearer"),
        ('"r-48151623"', "r-48151623 bearer"),
        ("refresh_token", "r-48151623 bearer"),
    ],
)
def test_secret_of_an_answer_is_hidden(body: str, shown: str) -> None:
    """What an answer calls a token is hidden, whether it is kept or not."""
    stack = stack_on(FakeEngine())
    requests.note_secrets(stack, body)
    assert stack.mask("r-48151623 bearer") == shown
