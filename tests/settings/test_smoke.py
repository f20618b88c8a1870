"""The limits of a role: sizes with a unit, large enough, and written back as they were."""

from __future__ import annotations

import pytest

from tests.support.fakes import settings
from weighbridge.errors import SettingsError
from weighbridge.settings.project import check


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"memory": 512}, "512 has no unit: write `512 MB`"),
        ({"memory": "5 MiB"}, "5 MiB is below 6 MiB, the least"),
        ({"processes": 0}, "roles.api.processes"),
    ],
)
def test_limits_that_are_none(api: dict[str, object], words: str) -> None:
    """A size without a unit, or below what an engine takes, is refused before anything starts."""
    with pytest.raises(SettingsError) as caught:
        settings(api)
    assert words in str(caught.value)


@pytest.mark.parametrize("memory", ["1 GiB", 10_000_000])
def test_limits_are_written_as_they_were(memory: str | int) -> None:
    """Settings are the same after they were written and read again."""
    chosen = settings({"memory": memory})
    assert chosen.model_dump(mode="json")["roles"]["api"]["memory"] == memory
    assert check(chosen.model_dump(mode="json")) == chosen


@pytest.mark.parametrize("cpus", [0.1, 2, 1024])
def test_processors_within_the_limits(cpus: float) -> None:
    """A tenth of a processor and 1024 of them are the limits."""
    assert settings(cpus=cpus).smoke.cpus == cpus


@pytest.mark.parametrize("cpus", [0, 0.09, 1025, "many"])
def test_processors_beyond_the_limits(cpus: object) -> None:
    """Less or more, or no number, is refused by the key's name."""
    with pytest.raises(SettingsError, match=r"smoke\.cpus"):
        settings(cpus=cpus)
