"""Which images can be compared: not those of unlike platform or base, nor without a ledger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.reports import MB, OFFICIAL, image, report
from weighbridge.model.report import Base
from weighbridge.report import baseline


def on(reference: str | None) -> dict[str, Any]:
    """Return the fields of an image that stands on that base."""
    return {"base": Base(reference=reference, layers=1, shipped_bytes=100 * MB) if reference else None}


STANDIN = "weighbridge/python:3.13-slim-trixie"


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"ledger": ()}, {}, "it was recorded without a ledger; measure it anew"),
        ({}, {"ledger": ()}, "this was recorded without a ledger; measure it anew"),
        (
            {"platform": "linux/arm64"},
            {},
            "it is for linux/arm64 and this for linux/amd64; measure both for one platform",
        ),
        (on(STANDIN), {}, f"it stands on {STANDIN} and this on {OFFICIAL}; measure both on one base"),
        ({}, on(STANDIN), f"it stands on {OFFICIAL} and this on {STANDIN}; measure both on one base"),
        ({}, on("scratch"), f"it stands on {OFFICIAL} and this on scratch; measure both on one base"),
        (on(None), {}, f"it stands on an unknown base and this on {OFFICIAL}; measure both on one base"),
        (
            on("other.example:5000/python:3.13"),
            {},
            f"it stands on other.example:5000/python:3.13 and this on {OFFICIAL}",
        ),
    ],
)
def test_unlike_figures_are_refused(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    """Two images that cannot be compared are not subtracted, and the refusal says why; others are compared."""
    found = baseline.compare(report(image(**before), image("x")), report(image(**after), image("x")), "main")
    assert [each.variant for each in found.differences] == ["x"]
    assert found.refusals["multi"].startswith(reason)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OFFICIAL, "python:3.14-alpine"),
        (OFFICIAL, "docker.io/library/python:3.13"),
        (OFFICIAL, "python@sha256:1f"),
        ("other.example:5000/python", "other.example:5000/python:3.13@sha256:1f"),
        (None, None),
    ],
)
def test_another_version_of_the_base_is_drift(before: str | None, after: str | None) -> None:
    """A new tag or digest of the same base is what a difference is for, and so are two images of unknown bases."""
    found = baseline.compare(report(image(**on(before))), report(image(**on(after), base_mb=103)), "main")
    assert found.refusals == {}
    assert [each.delta_bytes for each in found.differences] == [3 * MB]


def test_image_without_bytes_needs_no_ledger() -> None:
    """Nothing has no owners."""
    empty = image(ledger=(), layers=(), shipped_bytes=0)
    assert baseline.compare(report(empty), report(image()), "main").refusals == {}
