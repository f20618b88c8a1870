"""The release of a base image, by the versions of its packages."""

from __future__ import annotations

import pytest

from weighbridge.report.base_release import find_release_change
from weighbridge.report.difference import LedgerDifference


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("13.8+deb13u1", "13.8+deb13u2", ("Debian", "13.1", "13.2")),
        ("12.4+deb12u11", "13.8+deb13u2", ("Debian", "12.11", "13.2")),
        ("13.8+deb13u2", "13.8+deb13u2", None),
        ("13.8+deb13u2", "13.8+deb13u2+b1", None),
        ("13.8", "13.8+deb13u1", None),
        (None, "13.8+deb13u1", None),
    ],
)
def test_release(before: str | None, after: str, told: tuple[str, str, str] | None) -> None:
    """The point release is that of `base-files`, where both versions tell one."""
    row = LedgerDifference(
        category="base",
        name="base-files",
        before_version=before,
        after_version=after,
        before_bytes=1,
        after_bytes=1,
        delta_bytes=0,
    )
    assert find_release_change([row]) == told
    assert find_release_change([]) is None


def test_alpine_rebuilt() -> None:
    """A package that was only built again tells of no other release."""
    row = LedgerDifference(
        category="base",
        name="alpine-release",
        before_version="3.20.3-r0",
        after_version="3.20.3-r1",
        before_bytes=1,
        after_bytes=1,
        delta_bytes=0,
    )
    assert find_release_change([row]) is None
