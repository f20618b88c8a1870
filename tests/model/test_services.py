"""Which images are of which kind, and what the table promises of each kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weighbridge.build import bases
from weighbridge.model.services import KINDS, UNKNOWN, find_kind, name_kind


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("postgres", "postgres"),
        ("postgres:17-alpine", "postgres"),
        ("docker.io/library/postgres:17", "postgres"),
        ("registry.example:5000/mirror/rabbitmq@sha256:" + "0" * 64, "rabbitmq"),
        ("valkey/valkey:8", "valkey"),
        ("mysql:8.4", "mysql"),
        ("weighbridge/mariadb:11-trixie", "mariadb"),
        ("redis/redis-stack", ""),
        ("postgres/exporter:1", ""),
        ("mirror.example:5000/mail", ""),
    ],
)
def test_kind_of_an_image(image: str, kind: str) -> None:
    """The last part of the repository's name decides, whatever stands before and behind it."""
    assert name_kind(image) == kind
    assert find_kind(image) is (KINDS[kind] if kind else UNKNOWN)


@pytest.mark.parametrize("name", KINDS)
def test_kinds_are_complete(name: str) -> None:
    """Each kind can be asked whether it is ready and which version it is, has a place for its data, and its recipe."""
    kind = KINDS[name]
    assert kind.ready
    assert kind.version
    assert kind.folders
    assert bool(kind.standin) is bool(kind.recipe)
    if kind.standin:
        assert name_kind(kind.standin) == name
        assert Path(bases.__file__).with_name("standins").joinpath(f"{kind.recipe}.Dockerfile").is_file()


@pytest.mark.parametrize(
    ("name", "output", "version"),
    [
        ("postgres", "postgres (PostgreSQL) 17.6 (Debian 17.6-1.pgdg13+1)", "17.6"),
        ("redis", "Redis server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=7", "8.0.2"),
        ("mysql", "/usr/sbin/mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)", "8.4.3"),
        ("mariadb", "mariadbd  Ver 11.8.2-MariaDB-ubu2404 for debian-linux-gnu on x86_64", "11.8.2"),
        (
            "rabbitmq",
            "platformS\x00\x00\x00\x0aErlang 27.3\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x054.0.5",
            "4.0.5",
        ),
    ],
)
def test_versions_as_servers_print_them(name: str, output: str, version: str) -> None:
    """The version is found in what the servers print; of RabbitMQ's greeting it is not Erlang's."""
    found = re.search(KINDS[name].version_pattern, output)
    assert found is not None
    assert found[1] == version
