"""Requests in the settings: exactly one method and one body, and what an error about them says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import settings
from weighbridge.errors import SettingsError
from weighbridge.settings.probes import Request, Step, Upload

FILE = {"content": "a"}


def refuse(step: dict[str, Any]) -> str:
    """Return why settings with this step are wrong."""
    with pytest.raises(SettingsError) as caught:
        settings(probes=[{"rule": "works", "steps": [step]}])
    return caught.value.message.removeprefix("settings: smoke.probes.0.steps.0")


@pytest.mark.parametrize("key", ["get", "post", "put", "patch", "delete"])
def test_method_follows_from_the_key(key: str) -> None:
    """The key that has the path is the method."""
    request = Request.model_validate({key: "/things/{id}"})
    assert (request.method, request.path) == (key.upper(), "/things/{id}")


@pytest.mark.parametrize(
    "sent", [{"post": "/"}, {"put": "/"}, {"patch": "/"}, {"delete": "/", "body": [1]}, {"post": "/", "body": 0}]
)
def test_requests_that_send_json(sent: dict[str, Any]) -> None:
    """A POST, PUT or PATCH sends JSON, if only `null`, and a DELETE what it names."""
    assert Request.model_validate(sent).sends_json


@pytest.mark.parametrize(
    "sent",
    [
        {"get": "/", "body": {}},
        {"delete": "/"},
        {"post": "/", "form": {"a": "b"}},
        {"post": "/", "multipart": {"a": "b"}},
    ],
)
def test_requests_that_send_no_json(sent: dict[str, Any]) -> None:
    """A GET, a bare DELETE, and a request with a form send no JSON."""
    assert not Request.model_validate(sent).sends_json


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({}, ": a request has either `get` or `post`, `put`, `patch` or `delete`, and only one of them"),
        ({"put": "/", "delete": "/"}, ": a request has either `get` or `post`, `put`, `patch` or `delete`, and only"),
        ({"post": "/", "body": 1, "form": {"a": "b"}}, ": a request has one body, but this one has `body` and `form`"),
        (
            {"post": "/", "form": {"a": "b"}, "multipart": {"a": "b"}},
            ": a request has one body, but this one has `form` and `multipart`",
        ),
        ({"get": "/", "form": {"a": "b"}}, ": a `get` sends no `form`; put the fields into its path, after a `?`"),
        (
            {"put": "/", "multipart": {"a": FILE}, "headers": {"content-type": "x"}},
            ": `multipart` says its Content-Type itself; leave that out of `headers`",
        ),
        ({"post": "/", "multipart": {"a": {"name": "x"}}}, ".multipart.a: an upload has either `content` or `file`"),
        (
            {"post": "/", "multipart": {"a": {"contents": "x"}}},
            ".multipart.a.contents: there is no such setting; choose from name, content, file, type",
        ),
        (
            {"post": "/", "multipart": {"a": 48151623}},
            ".multipart.a: it has to be a text, in quotes where YAML takes it for something else",
        ),
        (
            {"post": "/", "form": {"password": 48151623}},
            ".form.password: it has to be a text, in quotes where YAML takes it for something else",
        ),
        (
            {"get": "/", "keep": {"a": {"header": "X", "cookie": "b"}}},
            ".keep.a: what is kept comes from a field, or has either `header` or `cookie`",
        ),
        (
            {"get": "/", "keep": {"a": 7}},
            ".keep.a: it has to be a text, in quotes where YAML takes it for something else, not 7",
        ),
        ({"get": "/", "headers": {"a b": "c"}}, ".headers.a b: 'a b' is no name of a header"),
        (
            {"get": "/", "fail_on": {"a": "b"}},
            ": `fail_on` ends the waiting of `until`, which this step does not have",
        ),
    ],
)
def test_request_that_is_none(step: dict[str, Any], words: str) -> None:
    """The error is one line that names the step and, if it was misspelt, the keys that there are; never a password."""
    said = refuse(step)
    assert said.startswith(words)
    assert "48151623" not in said


def test_single_text() -> None:
    """One text need not stand in a list."""
    assert Step.model_validate({"get": "/", "contains": "a"}).contains == ("a",)
    assert Step.model_validate({"get": "/", "contains": ["a", "b"]}).contains == ("a", "b")


@pytest.mark.parametrize(
    ("upload", "name"),
    [({"file": "tests/a.png"}, "a.png"), ({"file": "a.png", "name": "b.png"}, "b.png"), (FILE, "file")],
)
def test_name_of_an_upload(upload: dict[str, str], name: str) -> None:
    """A file keeps its name unless another one is given."""
    assert Upload.model_validate(upload).told_name == name


@pytest.mark.parametrize(
    "write",
    [
        {"put": "/x", "form": {"a": "{unique}"}, "keep": {"id": "id"}},
        {"post": "/x", "multipart": {"a": {"content": "{unique}"}}, "keep": {"id": "id"}},
    ],
)
def test_write_of_faults(write: dict[str, Any]) -> None:
    """What is new each time may stand in a form or in a file, but what is kept is a field."""
    assert settings(faults={"write": write, "read": "/x/{id}"}).smoke.faults.write is not None
    with pytest.raises(SettingsError, match="`write` has to keep exactly one field"):
        settings(faults={"write": {**write, "keep": {"id": {"header": "Location"}}}, "read": "/x/{id}"})
