"""An error in the settings is one line, in terms of the file, without a secret."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.project import check

VARIANTS: dict[str, Any] = {"single": {"target": "single"}, "multi": {}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"variant": {"a": {}}}, "variant: there is no such setting; choose from repository, bases, variants, roles, "),
        (
            {"variants": {"a": {"targt": "a"}}},
            "variants.a.targt: there is no such setting; choose from accepts, target, ",
        ),
        (
            {"roles": {"api": {"prot": 1}}},
            "roles.api.prot: there is no such setting; choose from variant, image, entrypoint, command, ",
        ),
        ({"smoke": {"probes": [{"rule": "a", "steps": [{"pit": "/"}]}]}}, "smoke.probes.0.steps.0.pit: there is no "),
        ({"roles": {"api": {"port": "eight"}}}, "roles.api.port: it has to be a whole number, not 'eight'. "),
        ({"roles": {"api": {"grace_seconds": -1}}}, "roles.api.grace_seconds: it has to be greater than 0, not -1. "),
        ({"roles": {"api": {"live": "livez"}}}, "roles.api.live: 'livez' is no path such as `/livez`. "),
        ({"roles": {"worker": {"command": "work"}}}, "roles.worker.command: it has to be a list, not 'work'. "),
        ({"reports": "x"}, "reports: it has to be a section with keys, not 'x'. "),
        ({"smoke": {"data": "data"}}, "smoke.data: 'data' is no absolute path of a folder, such as `/data`. "),
        ({"repository": "Shop"}, "repository: 'Shop' is no image name in lower case and without a tag, "),
    ],
)
def test_words(values: dict[str, Any], said: str) -> None:
    """The error is in terms of the file: which keys exist, what a value should be, and what it is."""
    with pytest.raises(SettingsError) as caught:
        check({"variants": VARIANTS, **values})
    assert str(caught.value).startswith(f"settings: {said}")
    assert str(caught.value).endswith("Correct it in the settings.")


@pytest.mark.parametrize(
    "section",
    [
        {"smoke": {"environment": {"DB_PASSWORD": 48151623}}},
        {"roles": {"api": {"headers": {"Authorization": 48151623}}}},
    ],
)
def test_value_that_may_be_secret_is_not_shown(section: dict[str, Any]) -> None:
    """The error shows no password, even if the password is a number that should be text."""
    with pytest.raises(SettingsError, match="it has to be a text") as caught:
        check({"variants": VARIANTS, **section})
    assert "48151623" not in str(caught.value)


def test_misspelt_key_is_told_before_what_it_leaves_out() -> None:
    """If `variants` is misspelt, the error is about the misspelt key."""
    with pytest.raises(SettingsError, match=r"^settings: variant: "):
        check({"variant": VARIANTS})
