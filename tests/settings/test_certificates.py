"""Which certificates are trusted: first those that the environment names, else the distribution's bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.settings import certificates


def test_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are set come in the given order, whether the file exists or not; empty ones are left out."""
    monkeypatch.setenv("A_BUNDLE", "/nowhere/a")
    monkeypatch.setenv("B_BUNDLE", "")
    monkeypatch.delenv("C_BUNDLE", raising=False)
    monkeypatch.setenv("D_BUNDLE", "./nowhere//d/")
    found = list(certificates.find_named("D_BUNDLE", "C_BUNDLE", "B_BUNDLE", "A_BUNDLE"))
    assert found == [("D_BUNDLE", "./nowhere//d/"), ("A_BUNDLE", "/nowhere/a")]


@pytest.mark.parametrize("place", certificates._SYSTEM, ids=str)
def test_every_distribution(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bundle is found in each distribution's place; a folder of that name does not count."""
    moved = tuple(tmp_path / each.relative_to("/") for each in certificates._SYSTEM)
    monkeypatch.setattr(certificates, "_SYSTEM", moved)
    assert certificates.find_system_bundle() is None
    (tmp_path / place.relative_to("/")).mkdir(parents=True)
    assert certificates.find_system_bundle() is None
    (tmp_path / place.relative_to("/")).rmdir()
    (tmp_path / place.relative_to("/")).touch()
    assert certificates.find_system_bundle() == tmp_path / place.relative_to("/")
