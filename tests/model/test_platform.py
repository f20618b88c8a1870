"""Platforms, by the names that Go and containerd have for them."""

from __future__ import annotations

import platform

import pytest

from weighbridge.model.platform import Platform, detect_own, find_platforms, parse, parse_machine


@pytest.mark.parametrize(
    ("there", "wanted", "suits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/arm64", False),
        ("windows/amd64", "linux/amd64", False),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64", "linux/aarch64", True),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", False),
        ("linux/arm/v6", "linux/arm", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/7", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/386", "linux/i386", True),
        ("linux/arm/v7", "linux/armv7l", True),
        ("linux/arm/v6", "linux/armv7l", False),
        ("linux/arm/v6", "linux/armel", True),
    ],
)
def test_suiting(there: str, wanted: str, *, suits: bool) -> None:
    """Equal names are one platform; a variant matters only if the wanted platform names one."""
    image, asked = parse(there), parse(wanted)
    assert image
    assert asked
    assert image.suits(asked) is suits


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux amd64", "linux/amd64\n"])
def test_no_platform(text: str) -> None:
    """A text that names no platform gives None."""
    assert parse(text) is None


def test_written() -> None:
    """A platform is written in the form that is parsed."""
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
    assert str(Platform("linux", "amd64")) == "linux/amd64"


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("x86_64", "linux/amd64"),
        ("AMD64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("armv6l", "linux/arm/v6"),
        ("armv7l", "linux/arm/v7"),
        ("i686", "linux/386"),
        ("s390x", "linux/s390x"),
    ],
)
def test_machines(machine: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's platform has Go's name of its architecture, and its containers run Linux."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert detect_own() == parse_machine("linux", machine) == parse(f"linux/{machine}") == parse(name)
    assert str(detect_own()) == name


def test_listed() -> None:
    """All platforms of a line are found, whatever stands between them."""
    assert list(find_platforms("linux/amd64*, linux/amd64/v2 (+3), linux/arm/v7")) == [
        Platform("linux", "amd64"),
        Platform("linux", "amd64", "v2"),
        Platform("linux", "arm", "v7"),
    ]
