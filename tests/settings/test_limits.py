"""The section `limits`: its defaults, its units, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.model.limits import Limits
from weighbridge.settings.project import Settings, check


def settings(limits: dict[str, Any]) -> Settings:
    """Return settings with these limits."""
    return check({"variants": {"x": {}}, "limits": limits})


def test_defaults() -> None:
    """Without the section, the limits are those that a source has by itself."""
    assert check({"variants": {"x": {}}}).limits.build_limits() == Limits()


def test_every_limit_is_set_by_its_key() -> None:
    """Each key sets its own limit; sizes have units."""
    keys = {"layers": 1, "history_steps": 2, "entries": 3, "unpacked": "4 kB", "documents": "5 KiB", "seconds": 0.5}
    assert settings(keys).limits.build_limits() == Limits(
        layers=1, history_steps=2, entries=3, unpacked_bytes=4000, document_bytes=5120, seconds=0.5
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"entries": 0}, "settings: limits.entries: it has to be greater than or equal to 1, not 0"),
        ({"layers": "many"}, "settings: limits.layers: it has to be a whole number, not 'many'"),
        ({"unpacked": 5}, "settings: limits.unpacked: 5 has no unit: write `5 MB`, or `5 B` if bytes are meant"),
        ({"documents": "0 B"}, "settings: limits.documents: 0 B is not between 1 byte and 9007199254740992 bytes"),
        ({"unpacked": "9007200 GB"}, "limits.unpacked: 9007200 GB is not between 1 byte and 9007199254740992 bytes"),
        ({"seconds": 0}, "settings: limits.seconds: it has to be greater than 0, not 0"),
        ({"seconds": float("inf")}, "settings: limits.seconds: it has to be a finite number, not inf"),
        (
            {"files": 5},
            (
                "settings: limits.files: there is no such setting; choose from layers, history_steps, entries, "
                "unpacked, documents, seconds"
            ),
        ),
    ],
)
def test_what_is_refused(limits: dict[str, Any], message: str) -> None:
    """A limit that no image could keep, or of the wrong type, is an error that names it."""
    with pytest.raises(SettingsError) as caught:
        settings(limits)
    assert message in caught.value.message


def test_least_and_most() -> None:
    """One of everything is a limit, and so is the largest number."""
    assert settings({"entries": 1, "unpacked": "1 B"}).limits.unpacked.bytes == 1
    assert settings({"documents": 2**53}).limits.documents.bytes == 2**53
