"""Stubs in the settings: one request and one body each, under the names that files have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import settings
from weighbridge.errors import SettingsError
from weighbridge.settings.project import check

HOST = "api.example.com"


def test_answers() -> None:
    """An answer has the method and path of its key; settings are the same after they were written and read."""
    chosen = settings(stubs={HOST: [{"get": "/v1/rate", "json": {"a": [1]}}, {"delete": "/x?y=z", "status": 204}]})
    first, second = chosen.smoke.stubs[HOST]
    assert (first.method, first.path, first.status, first.json_) == ("GET", "/v1/rate", 200, {"a": [1]})
    assert (second.method, second.path, second.status) == ("DELETE", "/x?y=z", 204)
    with pytest.raises(SettingsError, match=r"delete, status, json, text, headers[.]"):
        settings(stubs={HOST: [{"get": "/", "jsn": 1}]})
    written = chosen.model_dump(mode="json")
    assert written["smoke"]["stubs"][HOST][0]["json"] == {"a": [1]}
    assert check(written) == chosen


@pytest.mark.parametrize(
    ("stubs", "words"),
    [
        ({HOST: []}, "smoke.stubs.api.example.com: "),
        ({HOST: [{"status": 200}]}, "smoke.stubs.api.example.com.0: a request has either `get` or `post`, `put`, "),
        ({HOST: [{"get": "/", "json": 1, "text": "a"}]}, "smoke.stubs.api.example.com.0: an answer has one body, but "),
        ({HOST: [{"get": "/", "status": 101}]}, "smoke.stubs.api.example.com.0.status: it has to be greater than"),
        (
            {HOST: [{"get": "/", "jsn": 1}]},
            "smoke.stubs.api.example.com.0.jsn: there is no such setting; choose from get, post, put, patch, delete, s",
        ),
        ({"https://x": [{"get": "/"}]}, "smoke.stubs.https://x: 'https://x' is no host in lower case, without a port"),
        ({"redis": [{"get": "/"}]}, "smoke: stubs: redis is the name of a container of ours"),
    ],
)
def test_stubs_that_are_none(stubs: dict[str, Any], words: str) -> None:
    """The error is one line in terms of the file."""
    with pytest.raises(SettingsError) as caught:
        settings(stubs=stubs)
    assert caught.value.message.startswith(f"settings: {words}")
