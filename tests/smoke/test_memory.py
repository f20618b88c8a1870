"""Which images have passed: by their ids, by today's rules and settings, and by the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.model.smoke import Check, Proof
from weighbridge.settings import Settings, check
from weighbridge.smoke import memory

SETTINGS = check({"variants": {"a": {}}})
CODE = "0123"
"""The digest of the code that proves."""
ID, OTHER = "sha256:a", "sha256:b"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def proof(image_id: str = ID, *, ok: bool = True) -> Proof:
    """Return a proof of one check."""
    made = Check(role="api", rule="ready", outcome="passed" if ok else "failed", detail="", seconds=0)
    return Proof(variant="a", seconds=1, checks=(made,), image_id=image_id)


def test_only_that_image_is_proven() -> None:
    """A proof is of one id; the last one counts."""
    assert not memory.proven(SETTINGS, CODE, ID)
    memory.remember(SETTINGS, CODE, proof())
    assert memory.proven(SETTINGS, CODE, ID)
    assert not memory.proven(SETTINGS, CODE, OTHER)
    memory.remember(SETTINGS, CODE, proof(ok=False))
    assert not memory.proven(SETTINGS, CODE, ID)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"reports": {"directory": "elsewhere"}}, True),
        ({"repository": "other"}, True),
        ({"variants": {"a": {"target": "b"}}}, True),
        ({"smoke": {"user": 4242}}, False),
        ({"variants": {"a": {"accepts": {"no-compiler": "why"}}}}, False),
        ({"roles": {"api": {"grace_seconds": 1}}}, False),
    ],
)
def test_other_settings_are_another_proof(changed: dict[str, object], counts: bool) -> None:  # noqa: FBT001 - a column
    """What an image is held to is part of the proof; what it is called is not."""
    memory.remember(SETTINGS, CODE, proof())
    settings: Settings = check({"variants": {"a": {}}, **changed})
    assert memory.proven(settings, CODE, ID) is counts


def test_other_rules_are_another_proof() -> None:
    """A rule that was added or changed since then has not been tried."""
    memory.remember(SETTINGS, CODE, proof())
    assert not memory.proven(SETTINGS, "4567", ID)


def test_damaged_memory_proves_nothing(cache: Path) -> None:
    """What cannot be read was never proven; the next proof mends it."""
    memory.remember(SETTINGS, CODE, proof())
    (path,) = cache.rglob("proof-*")
    for data in (b"", b"nonsense", path.read_bytes()[:-3]):
        path.write_bytes(data)
        assert not memory.proven(SETTINGS, CODE, ID)
    memory.remember(SETTINGS, CODE, proof())
    assert memory.proven(SETTINGS, CODE, ID)


def test_folder_that_cannot_be_written(cache: Path) -> None:
    """Without a memory all works; what is pushed is proven each time."""
    (cache / "weighbridge").write_text("no folder")
    memory.remember(SETTINGS, CODE, proof())
    assert not memory.proven(SETTINGS, CODE, ID)
