"""What the settings may say of services, and what they mean if they say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.project import check

OURS = ("client", "client-2", "idle-api", "second-worker", "before-migrate", "stubs", "keeper", "api-full")


def checked(services: Any) -> dict[str, Any]:
    """Return the services that the settings have, as plain values."""
    settings = check({"smoke": {"services": services}})
    return {name: service.model_dump(exclude_defaults=True) for name, service in settings.services.items()}


def test_one_redis_by_default() -> None:
    """Without the setting there is one Redis, of `bases.redis`, and both roles get its address."""
    settings = check({"bases": {"redis": "redis:7"}})
    assert {name: service.image for name, service in settings.services.items()} == {"redis": "redis:7"}
    assert settings.smoke.environment == {"REDIS_URL": "redis://redis:6379/0"}


def test_named_services_alone() -> None:
    """With the setting there are exactly these, or none, and no variable names a Redis."""
    assert checked({"db": {"image": "postgres:17"}}) == {"db": {"image": "postgres:17"}}
    assert checked({}) == {}
    assert check({"smoke": {"services": {}}}).smoke.environment == {}
    assert check({"smoke": {"services": {}, "environment": {"A": "1"}}}).smoke.environment == {"A": "1"}
    assert list(check({"smoke": {"services": None}}).services) == ["redis"]


def test_everything_of_a_service() -> None:
    """All keys are taken; a number is as good a user as its text."""
    service = check(
        {
            "smoke": {
                "services": {
                    "mail": {
                        "image": "mail:1",
                        "environment": {"A": "1"},
                        "command": ["serve"],
                        "user": 1000,
                        "ready": ["check"],
                        "aliases": ["smtp.example"],
                        "writable": {"/var/mail": "8 MiB"},
                    }
                }
            }
        }
    ).services["mail"]
    assert (service.user, service.aliases, service.writable["/var/mail"].bytes) == ("1000", ("smtp.example",), 2**23)


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({"Db": {"image": "a"}}, "'Db' is no name of lower-case letters, digits and `-`, such as `db`"),
        ({"my_db": {"image": "a"}}, "'my_db' is no name of"),
        ({"-db": {"image": "a"}}, "'-db' is no name of"),
        *(({name: {"image": "a"}}, f"{name} is the name of a container of ours") for name in OURS),
        ({"db": {}}, "services.db.image: it is missing"),
        ({"db": {"image": "a", "aliases": ["stubs"]}}, "stubs is the name of a container of ours"),
        ({"db": {"image": "a", "aliases": ["x"]}, "x": {"image": "a"}}, "services: two names or aliases are `x`"),
        ({"db": {"image": "a", "writable": {"data": "1 MB"}}}, "'data' is no absolute path of a folder"),
        ({"db": {"image": "a", "writable": {"/data": "much"}}}, "'much' is no size"),
        ({"db": {"image": "a", "ready": "pg_isready"}}, "it has to be a list"),
        ({"db": {"image": "a", "user": "a b"}}, "'a b' is no user as Docker takes it"),
        ({"db": {"image": "a", "volumes": []}}, "there is no such setting; choose from image, environment, command"),
        (["db"], "it has to be a section with keys"),
    ],
)
def test_wrong_services(services: Any, words: str) -> None:
    """What cannot be a service is one line that says what it should be."""
    with pytest.raises(SettingsError) as caught:
        checked(services)
    assert "smoke" in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(
    "services",
    [{"api": {"image": "a"}}, {"db": {"image": "a", "aliases": ["worker"]}}],
)
def test_service_with_the_name_of_a_role(services: Any) -> None:
    """A name is that of one container, so a service cannot have that of a role."""
    with pytest.raises(SettingsError, match=r"two roles or services have the name or alias `(api|worker)`"):
        checked(services)
