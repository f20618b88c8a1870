"""The orders in PostgreSQL. Tables are made whenever they are missing, as after the database has lost its data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, item text NOT NULL, count integer NOT NULL, price integer);
CREATE TABLE IF NOT EXISTS rests (job uuid PRIMARY KEY, seconds real NOT NULL);
"""
_ONE_AT_A_TIME = 7
"""Number of the lock under which tables are made: two that make one at the same time collide."""


@contextmanager
def connect() -> Iterator[psycopg.Connection]:
    """Connect for one transaction."""
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection:
        if connection.execute("SELECT to_regclass('rests')").fetchone() == (None,):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            connection.execute(_TABLES)
        yield connection


def add(name: str, item: str, count: int) -> None:
    """Store an order."""
    with connect() as connection:
        connection.execute("INSERT INTO orders VALUES (%s, %s, %s)", [name, item, count])


def find(name: str) -> tuple[str, int, int | None] | None:
    """Return item, count and price of an order; the price is None until a job has found it."""
    with connect() as connection:
        return connection.execute("SELECT item, count, price FROM orders WHERE id = %s", [name]).fetchone()


def set_price(name: str, price: int) -> None:
    """Store the price of an order."""
    with connect() as connection:
        connection.execute("UPDATE orders SET price = %s WHERE id = %s", [price, name])


def note_rest(job: str, seconds: float) -> None:
    """Store that a job has rested, once."""
    with connect() as connection:
        connection.execute("INSERT INTO rests VALUES (%s, %s) ON CONFLICT DO NOTHING", [job, seconds])


def find_rest(job: str) -> float | None:
    """Return how long a job has rested; None until it has."""
    with connect() as connection:
        row = connection.execute("SELECT seconds FROM rests WHERE job = %s", [job]).fetchone()
    return None if row is None else float(row[0])
