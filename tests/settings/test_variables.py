"""Settings from environment variables."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings import variables
from weighbridge.settings.project import Settings
from weighbridge.settings.variables import INVOKE, PROGRAM, RESERVED, read, read_old, rename

KNOWN: dict[str, Any] = {
    "variants": {"multi": {"target": "multi"}, "slim-2.0": {}},
    "roles": {"api": {}, "mail-worker": {}},
    "budgets": {"variants": {"multi": {"pull": {"soft": "60 MB"}}}},
}


@pytest.mark.parametrize("prefix", [PROGRAM, INVOKE])
@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("REPOSITORY", {"repository": "x"}),
        ("REPORTS_DIRECTORY", {"reports": {"directory": "x"}}),
        ("SMOKE_TIMEOUT_SECONDS", {"smoke": {"timeout_seconds": "x"}}),
        ("VARIANTS_MULTI_TARGET", {"variants": {"multi": {"target": "x"}}}),
        ("VARIANTS_SLIM_2_0_TARGET", {"variants": {"slim-2.0": {"target": "x"}}}),
        ("BUDGETS_DEFAULT_SHIPPED", {"budgets": {"default": {"shipped": "x"}}}),
        ("BUDGETS_DEFAULT_SHIPPED_SOFT", {"budgets": {"default": {"shipped": {"soft": "x"}}}}),
        ("BUDGETS_VARIANTS_MULTI_PULL", {"budgets": {"variants": {"multi": {"pull": "x"}}}}),
        ("LIMITS_ENTRIES", {"limits": {"entries": "x"}}),
        ("ROLES_API_PORT", {"roles": {"api": {"port": "x"}}}),
        ("ROLES_MAIL_WORKER_GRACE_SECONDS", {"roles": {"mail-worker": {"grace_seconds": "x"}}}),
    ],
)
def test_variable(prefix: str, variable: str, values: dict[str, Any]) -> None:
    """A variable sets the key that its name spells; where users give names, one that they gave."""
    assert read({f"{prefix}{variable}": "x", "PATH": "/bin"}, prefix, Settings, KNOWN).values == values


def test_several() -> None:
    """Several variables are one tree, and each path knows its variable."""
    environment = {"WEIGHBRIDGE_SMOKE_USER": "1", "WEIGHBRIDGE_SMOKE_DATA": "/data", "WEIGHBRIDGE_REPOSITORY": "a"}
    found = read(environment, PROGRAM, Settings, {})
    assert found.values == {"smoke": {"user": "1", "data": "/data"}, "repository": "a"}
    assert found.names[("smoke", "user")] == "WEIGHBRIDGE_SMOKE_USER"


@pytest.mark.parametrize(
    "name", [*sorted(RESERVED), "TOKEN", "RUN_ECHO", "", "VARIANTS_OTHER_TARGET", "ROLES_OTHER_MEMORY"]
)
def test_not_ours(name: str) -> None:
    """Variables of the image and of the build, and those of others, set nothing."""
    assert read({f"{PROGRAM}{name}": "x"}, PROGRAM, Settings, KNOWN).values == {}


def test_misspelt() -> None:
    """A variable that is almost one of ours is an error that names the right one."""
    with pytest.raises(SettingsError) as caught:
        read({"WEIGHBRIDGE_REPORT_DIRECTORY": "x"}, PROGRAM, Settings, {})
    assert str(caught.value) == "WEIGHBRIDGE_REPORT_DIRECTORY sets nothing. Did you mean WEIGHBRIDGE_REPORTS_DIRECTORY?"


def test_names_of_yesterday() -> None:
    """Variables without our name still set ours, unless a client has a key of that name."""
    environment = {"INVOKE_REPORTS_DIRECTORY": "x", "INVOKE_RUN_ECHO": "1", "INVOKE_REPOSITORY": "y"}
    assert read_old(environment, Settings, {}, {}).values == {"reports": {"directory": "x"}, "repository": "y"}
    assert read_old(environment, Settings, {}, {"reports"}).values == {"repository": "y"}
    assert rename("INVOKE_REPORTS_DIRECTORY") == "INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY"


def test_no_setting_is_reserved() -> None:
    """No setting's variable has the name of one that the image or the build already uses."""
    for name in RESERVED:
        assert read({f"{INVOKE}{name}": "x"}, INVOKE, Settings, KNOWN).values == {}


def test_settings_are_not_listed_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no variable is ours, which is usual, nobody goes through all settings to find that out."""
    monkeypatch.setattr(variables, "_iterate_paths", None)
    theirs = {"PATH": "/bin", "WEIGHBRIDGE_VERSION": "1", "INVOKE_WEIGHBRIDGE_VERSION": "1"}
    assert read(theirs, PROGRAM, Settings, {}).names == {}
    assert read(theirs, INVOKE, Settings, {}).names == {}
    assert read_old(theirs, Settings, {}, ()).names == {}
    with pytest.raises(TypeError):
        read_old({"INVOKE_REPOSITORY": "x"}, Settings, {}, ())
