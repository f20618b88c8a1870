"""Our stand-ins of database and broker servers: they obey the official images' variables, and data is kept or lost."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.images import name_image
from weighbridge.build import bases, buildkit
from weighbridge.build.standins import Standin
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError, NoBaseImage
from weighbridge.model.container import CommandResult
from weighbridge.model.services import KINDS
from weighbridge.settings.project import check
from weighbridge.smoke.rules import outages, services
from weighbridge.smoke.stack import runs, signals
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.containers import Stack, run_stack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

_PASSWORD = 'it\'s a \\ "battery"'  # noqa: S105 - of servers that live for seconds
_INIT = {
    "1-table.sql": "CREATE TABLE things (name varchar(20)); INSERT INTO things VALUES ('from sql');",
    "2-note.sh": 'echo "the script ran for $POSTGRES_DB$MYSQL_DATABASE"',
    "3-ignored.txt": "this would fail",
}
_DOCKERFILE = "ARG STANDIN\nFROM ${STANDIN}\nCOPY *.sql *.sh *.txt /docker-entrypoint-initdb.d/\n"
_SERVICES = {
    "db": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": _PASSWORD, "POSTGRES_DB": "Orders"},
    "open": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
    "sql": {
        "MARIADB_ROOT_PASSWORD": _PASSWORD,
        "MYSQL_DATABASE": "Orders",
        "MARIADB_USER": "shop",
        "MYSQL_PASSWORD": "wrong",
        "MARIADB_PASSWORD": "battery",
    },
    "broker": {
        "RABBITMQ_DEFAULT_USER": "shop",
        "RABBITMQ_DEFAULT_PASS": _PASSWORD,
        "RABBITMQ_DEFAULT_VHOST": "orders",
    },
}
_KINDS = {"db": "postgres", "open": "postgres", "sql": "mariadb", "broker": "rabbitmq"}


@pytest.fixture(scope="module")
def standins(engine: DockerEngine, client: docker_cli.BuildClient) -> dict[str, str]:
    """Build the stand-ins that the engine does not have; return kind -> name."""
    found = {kind: KINDS[kind].standin for kind in sorted(set(_KINDS.values()))}
    try:
        for kind, name in found.items():
            if not engine.has_image(name):
                recipe = Standin(name=name, recipe=kind, suite="trixie", options={})
                bases.ensure_standin(engine, client, recipe, "a test needs it", lambda _: None)
    except NoBaseImage as error:
        pytest.skip(str(error))
    return found


@pytest.fixture(scope="module")
def stack(
    engine: DockerEngine,
    client: docker_cli.BuildClient,
    standins: dict[str, str],
    python_base: bases.BaseImage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Start the servers, from images with files for their first start."""
    folder, name = tmp_path_factory.mktemp("init"), f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"
    for file, text in {**_INIT, "Dockerfile": _DOCKERFILE}.items():
        folder.joinpath(file).write_text(text, encoding="utf-8")
    images = {kind: f"{name}/{kind}:init" for kind in standins}
    named = {each: {"image": images[_KINDS[each]], "environment": values} for each, values in _SERVICES.items()}
    chosen = check({"smoke": {"services": named, "timeout_seconds": 60}})
    try:
        for kind, standin in standins.items():
            _build(engine, client, folder, images[kind], standin)
        with signals.defer() as interruption, runs.begin(keep=False) as run:
            blueprint = Blueprint(
                settings=chosen,
                cast=name_image("python", python_base.reference),
                services={each: service.image for each, service in chosen.services.items()},
                run=run,
            )
            made = Stack(engine=engine, blueprint=blueprint, interruption=interruption)
            with run_stack(made, runs.ignore):
                for each in made.services:
                    made.start(each)
                yield made
    finally:
        for each in images.values():
            with suppress(EngineError):
                engine.remove_image(each)


def _build(engine: DockerEngine, client: docker_cli.BuildClient, folder: Path, name: str, standin: str) -> None:
    dockerfile, arguments = folder / "Dockerfile", {"STANDIN": standin}
    wanted = buildkit.Build(variant=name, reference=name, context=folder, dockerfile=dockerfile, arguments=arguments)
    buildkit.build(client, engine, wanted)


def run(stack: Stack, service: str, *command: str) -> CommandResult:
    """Run a command in a service's container once the service is ready."""
    services.wait_until_ready(stack, service)
    return stack.engine.execute(stack.build_name(service), command, 30)


def ask_postgres(stack: Stack, query: str, password: str = _PASSWORD, service: str = "db") -> CommandResult:
    """Ask by the address that other containers use, where the server demands what its settings say."""
    user, name = ("shop", "Orders") if service == "db" else ("postgres", "postgres")
    script = 'export PGPASSWORD="$1"; psql --host "$(hostname -i)" --user "$2" --no-align --tuples-only "$3" -c "$4"'
    return run(stack, service, "sh", "-c", script, "sh", password, user, name, query)


def ask_mariadb(stack: Stack, user: str, password: str, database: str) -> CommandResult:
    """The same of MariaDB."""
    script = 'mariadb --host "$(hostname -i)" --user "$1" --password="$2" -N "$3" -e "SELECT name FROM things"'
    return run(stack, "sql", "sh", "-c", script, "sh", user, password, database)


def lines(result: CommandResult) -> Sequence[str]:
    """Return what a command printed that ended well."""
    assert result.code == 0, result.streams
    return result.streams.output.split("\n")[:-1]


def test_postgres(stack: Stack) -> None:
    """User, password and database are as told, the files ran in that database, and a wrong password opens nothing."""
    assert services.starts(stack, "db").split(", ")[1].startswith("version 17.")
    assert lines(ask_postgres(stack, "SELECT name FROM things")) == ["from sql"]
    assert "the script ran for Orders" in stack.read_log("db", None)
    refused = ask_postgres(stack, "SELECT 1", "another")
    assert refused.code != 0
    assert "password authentication failed" in refused.streams.errors


def test_postgres_without_a_password(stack: Stack) -> None:
    """With `trust` it starts without a password, asks for none, and has its own names."""
    assert lines(ask_postgres(stack, "SELECT current_user, current_database()", "", "open")) == ["postgres|postgres"]


def test_mariadb(stack: Stack) -> None:
    """Root and user have their passwords, `MARIADB_` goes before `MYSQL_`, and the files ran in the database."""
    assert services.starts(stack, "sql").split(", ")[1].startswith("version 11.")
    assert lines(ask_mariadb(stack, "shop", "battery", "Orders")) == ["from sql"]
    assert lines(ask_mariadb(stack, "root", _PASSWORD, "Orders")) == ["from sql"]
    assert "the script ran for Orders" in stack.read_log("sql", None)
    assert "Access denied" in ask_mariadb(stack, "shop", "wrong", "Orders").streams.errors
    assert "Access denied" in ask_mariadb(stack, "shop", "battery", "mysql").streams.errors


def test_rabbitmq(stack: Stack) -> None:
    """User, password and virtual host are as told, and nobody else is there."""
    assert services.starts(stack, "broker").split(", ")[1].startswith("version 4.")
    authenticated = run(stack, "broker", "rabbitmqctl", "--quiet", "authenticate_user", "shop", _PASSWORD)
    assert authenticated.code == 0, authenticated.streams
    assert lines(run(stack, "broker", "rabbitmqctl", "--quiet", "--no-table-headers", "list_vhosts")) == ["orders"]
    (user,) = lines(run(stack, "broker", "rabbitmqctl", "--quiet", "--no-table-headers", "list_users"))
    assert user.split("\t")[0] == "shop"


def test_data_is_kept_or_lost(stack: Stack) -> None:
    """A row outlives a kill while another container has the folder, and does not if nobody has."""
    assert ask_postgres(stack, "INSERT INTO things VALUES ('mine')").code == 0
    with outages._keep_data(stack, "db"):
        outages._kill(stack, "db")
        stack.engine.start(stack.build_name("db"))
        assert lines(ask_postgres(stack, "SELECT name FROM things")) == ["from sql", "mine"]
    outages._kill(stack, "db")
    stack.engine.start(stack.build_name("db"))
    assert lines(ask_postgres(stack, "SELECT name FROM things")) == ["from sql"]
