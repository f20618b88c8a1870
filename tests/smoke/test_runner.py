"""What is checked before anything starts: the images, Redis, and the rules that variants accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.fakes import FakeEngine, Told, contents, settings
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoSuchImage, SettingsError
from weighbridge.settings.project import check
from weighbridge.smoke.runner import Trial, check_images, prove
from weighbridge.smoke.stack.cast import use_alone


def test_missing_images() -> None:
    """The error names all missing images at once, and the command that makes them."""
    engine = FakeEngine()
    engine.known = frozenset({"backend:good"})
    check_images(cast("Engine", engine), ["backend:good"])
    with pytest.raises(NoSuchImage) as caught:
        check_images(cast("Engine", engine), ["backend:a", "backend:good", "backend:b"])
    assert str(caught.value) == "The engine has no image backend:a, backend:b. Run `invoke build` first."


def test_missing_redis() -> None:
    """Nothing starts without a Redis image."""
    with pytest.raises(NoSuchImage, match=r"no image redis[.] Run `invoke engine`"):
        prove(Trial(engine=cast("Engine", FakeEngine()), settings=settings(), services={"redis": "redis"}), {}, Told())


def test_accepted_rule_that_is_none() -> None:
    """A rule that was renamed or misspelt is an error before anything starts."""
    engine = FakeEngine()
    engine.known = frozenset({"redis"})
    chosen = check({"variants": {"good": {"accepts": {"no-compilers": "why not", "worker starts": "x"}}}})
    with pytest.raises(SettingsError, match=r"variants.good.accepts: there is no rule no-compilers[.]"):
        prove(
            Trial(engine=cast("Engine", engine), settings=chosen, services={"redis": "redis"}),
            {"good": use_alone("good", contents())},
            Told(),
        )


def upload(path: str) -> dict[str, object]:
    """Return a probe that uploads a file."""
    return {"rule": "uploads", "steps": [{"post": "/x", "multipart": {"a": {"file": path}}}]}


@pytest.mark.parametrize(
    ("smoke", "words"),
    [
        ({"probes": [upload("missing.png")]}, "missing.png cannot be read"),
        ({"stubs": {"a.example.com": [{"get": "/"}]}}, "openssl, which is not on the PATH"),
    ],
)
def test_what_probes_and_stubs_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smoke: dict[str, Any], words: str
) -> None:
    """A file to upload that is missing, or a missing program, is an error before anything starts."""
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = FakeEngine()
    engine.known = frozenset({"redis"})
    trial = Trial(
        engine=cast("Engine", engine), settings=settings(**smoke), services={"redis": "redis"}, project=tmp_path
    )
    with pytest.raises(SettingsError, match=words):
        prove(trial, {"good": use_alone("good", contents())}, Told())
    assert engine.specs == []
