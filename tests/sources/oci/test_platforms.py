"""Platforms, by the names that Go and containerd have for them."""

from __future__ import annotations

import platform

import pytest

from weighbridge.errors import NoSuchImage
from weighbridge.sources.oci.platforms import Platform, own, parse


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
    ],
)
def test_suiting(there: str, wanted: str, *, suits: bool) -> None:
    """Equal names are one, a variant that nobody asked for does not matter, and one that somebody did does."""
    assert parse(there).suits(parse(wanted)) is suits


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux amd64", "linux/amd64\n"])
def test_no_platform(text: str) -> None:
    """What is no platform is told as it should be written."""
    with pytest.raises(NoSuchImage, match=r"is no platform\. Write it like linux/amd64"):
        parse(text)


def test_written() -> None:
    """A platform is written as it is asked for."""
    assert str(Platform("linux", "arm", "v7")) == "linux/arm/v7"
    assert str(Platform("linux", "amd64")) == "linux/amd64"


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "amd64"), ("AMD64", "amd64"), ("aarch64", "arm64"), ("armv7l", "arm"), ("s390x", "s390x")],
)
def test_own(machine: str, architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is called as Go calls it, and its containers are Linux's."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert own() == Platform("linux", architecture)
