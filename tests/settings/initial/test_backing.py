"""Services and variables that the source speaks of."""

from __future__ import annotations

import pytest

from weighbridge.settings.initial.backing import Backing, guess_backing
from weighbridge.settings.initial.code import Variable


def guess(*variables: Variable, packages: set[str] | None = None, addresses: tuple[str, ...] = ()) -> Backing:
    """Return what is guessed for a Celery application."""
    return guess_backing(variables, addresses, packages or set(), has_celery=True)


@pytest.mark.parametrize(
    ("variable", "packages", "value", "service"),
    [
        (Variable(name="Q", default="redis://localhost:6379/2"), set(), "redis://redis:6379/2", "redis"),
        (Variable(name="Q", default="redis://:secret@localhost"), set(), "redis://redis:6379/0", "redis"),
        (Variable(name="CELERY_BROKER_URL"), {"redis"}, "redis://redis:6379/0", "redis"),
        (Variable(name="CELERY_BROKER_URL"), set(), "amqp://app:app@rabbitmq:5672/", "rabbitmq"),
        (
            Variable(name="Q", default="amqp://guest:guest@localhost//"),
            set(),
            "amqp://app:app@rabbitmq:5672//",
            "rabbitmq",
        ),
        (Variable(name="DATABASE_URL"), {"asyncpg"}, "postgresql+asyncpg://app:app@db:5432/app", "db"),
        (Variable(name="DATABASE_URL"), {"pymysql"}, "mysql+pymysql://app:app@db:3306/app", "db"),
        (
            Variable(name="X", default="postgresql://eve:pw@postgres:5432/shop"),
            set(),
            "postgresql://eve:pw@postgres:5432/shop",
            "postgres",
        ),
        (Variable(name="REDIS_URL"), set(), "redis://redis:6379/0", "redis"),
        (Variable(name="POSTGRES_HOST", default="localhost"), set(), "db", "db"),
        (Variable(name="POSTGRES_USER"), set(), "app", "db"),
    ],
)
def test_services(variable: Variable, packages: set[str], value: str, service: str) -> None:
    """A variable gets the address of the service, as the source writes it or by its name and the drivers."""
    found = guess(variable, packages=packages)
    assert found.environment == {variable.name: value}
    assert service in found.services
    assert service in found.reasons


def test_postgres_has_the_login_of_the_address() -> None:
    """The server is made with user, password and database of the address."""
    found = guess(Variable(name="X", default="postgresql://eve:pw@localhost/shop"))
    assert found.services["db"]["environment"] == {
        "POSTGRES_USER": "eve",
        "POSTGRES_PASSWORD": "pw",
        "POSTGRES_DB": "shop",
    }
    assert found.has_database


def test_what_nothing_tells() -> None:
    """A variable without default gets an example of its type; one with another default is left alone."""
    found = guess(Variable(name="KEY"), Variable(name="COUNT", type="int"), Variable(name="NAME", default="x"))
    assert found.environment == {"KEY": "example", "COUNT": "1"}
    assert [*found.services] == ["rabbitmq"]


def test_host_in_the_source() -> None:
    """A service is called as an address that no variable changes calls it."""
    assert [*guess(addresses=("redis://cache:6379/0", "redis://localhost/1", "ftp://x")).services] == ["cache"]


def test_results_take_the_brokers_way() -> None:
    """Without Redis there is no need of one for results."""
    assert guess(Variable(name="CELERY_RESULT_BACKEND")).environment == {"CELERY_RESULT_BACKEND": "rpc://"}
