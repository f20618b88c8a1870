"""Chooses the image that a service names, else a stand-in, else says which setting replaces or omits it."""

from __future__ import annotations

import pytest

from tests.build.test_bases import CLIENT, shelf
from weighbridge.build import service_images
from weighbridge.errors import NoBaseImage
from weighbridge.settings.project import Settings, check


def settings(**images: str) -> Settings:
    """Return settings with services of these images."""
    return check({"smoke": {"services": {name: {"image": image} for name, image in images.items()}}})


def test_official_before_standin() -> None:
    """The image that the settings name goes first; a stand-in of another version is good enough, and says so."""
    wanted = settings(db="postgres:16")
    (found,) = service_images.find_all(shelf("postgres:16", "weighbridge/postgres:17-trixie"), wanted)
    assert (found.service, found.reference, found.described) == ("db", "postgres:16", "postgres:16, present")
    (found,) = service_images.find_all(shelf("weighbridge/postgres:17-trixie"), wanted)
    assert found.described == "weighbridge/postgres:17-trixie, our stand-in for postgres:16, present"


def test_redis_by_default() -> None:
    """Without services in the settings, the Redis of `bases.redis` is used, which `invoke engine` prepares as such."""
    (found,) = service_images.find_all(shelf("weighbridge/redis:8-trixie"), check({}))
    assert (found.service, found.reference) == ("redis", "weighbridge/redis:8-trixie")
    assert service_images.ensure_all(shelf(), CLIENT, check({}), print) == ()
    assert service_images.ensure_all(shelf(), CLIENT, settings(), print) == ()


def test_service_that_is_not_there() -> None:
    """The error has exit code 4 and names service, image, and the settings that replace or omit it."""
    with pytest.raises(NoBaseImage) as caught:
        service_images.find_all(shelf(), settings(db="postgres:17"))
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "The engine does not have the image postgres:17 of the service db. Run `invoke engine`, which pulls it or "
        "builds a stand-in, or set smoke.services.db.image to another image, or leave db out of smoke.services."
    )


def test_pulled() -> None:
    """An image that is missing is pulled, one that is present is not."""
    engine, said = shelf(registry=("mail:1",)), list[str]()
    wanted = settings(mail="mail:1")
    assert [each.how for each in service_images.ensure_all(engine, CLIENT, wanted, said.append)] == ["pulled"]
    assert [each.how for each in service_images.ensure_all(engine, CLIENT, wanted, said.append)] == ["present"]
    assert said == ["Pulling mail:1"]


def test_standin_is_built_where_no_registry_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only then, once, from the recipe of its kind, and with the reason."""
    built: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "weighbridge.build.buildkit.build",
        lambda _, __, wanted: built.append((wanted.reference, wanted.dockerfile.name)),
    )
    said: list[str] = []
    engine = shelf("weighbridge/debian:trixie-slim", "redis:7")
    wanted = settings(cache="redis:7", broker="rabbitmq:3-management")
    cache, broker = service_images.ensure_all(engine, CLIENT, wanted, said.append)
    assert built == [("weighbridge/rabbitmq:4-trixie", "rabbitmq.Dockerfile")]
    assert (cache.how, broker.how) == ("present", "built")
    assert broker.described == (
        "weighbridge/rabbitmq:4-trixie, our stand-in for rabbitmq:3-management, built because "
        "rabbitmq:3-management cannot be pulled: no such host"
    )
    assert said[-1] == (
        "Service broker: rabbitmq:3-management cannot be pulled: no such host. "
        "Building weighbridge/rabbitmq:4-trixie from Debian's packages instead"
    )


def test_no_standin() -> None:
    """A service image that can neither be pulled nor stood in for: exit code 4, with the settings to change."""
    with pytest.raises(NoBaseImage) as caught:
        service_images.ensure_all(shelf(), CLIENT, settings(search="elasticsearch:9"), print)
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "Service search: elasticsearch:9 cannot be pulled: no such host. Solve that problem, set "
        "smoke.services.search.image to another image, or leave search out of smoke.services; "
        "stand-ins exist for mariadb, postgres, rabbitmq, redis."
    )
