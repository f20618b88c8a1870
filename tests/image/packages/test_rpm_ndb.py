"""rpm's own database format: slots lead to headers, and a damaged one hides no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.rpm_databases import ndb
from weighbridge.image.packages.rpm_ndb import read_headers

HEADERS = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


@given(HEADERS, st.integers(0, 9))
def test_round_trip(headers: list[bytes], free: int) -> None:
    """Headers of any length come back, wherever slots are free between them."""
    assert list(read_headers(ndb(headers, free))) == headers


@given(HEADERS, st.data())
def test_damage(headers: list[bytes], data: st.DataObject) -> None:
    """A byte that changes in the slots or around a header costs at most one header."""
    database = bytearray(ndb(headers))
    place = data.draw(st.integers(32, len(database) - 1))
    database[place] ^= data.draw(st.integers(1, 255))
    found = list(read_headers(bytes(database)))
    assert len(found) >= len(headers) - 1
    assert sum(len(header) not in map(len, headers) for header in found) == 0


def test_other_formats() -> None:
    """What is no such database, or one of a later version, has no headers."""
    database = ndb([b"header"])
    assert list(read_headers(b"RpmQ" + database[4:])) == []
    assert list(read_headers(database[:4] + b"\1" + database[5:])) == []
    assert list(read_headers(database[:20])) == []


def test_slots_that_share_a_header() -> None:
    """A package counts once, however many slots lead to it."""
    database = bytearray(ndb([b"header"]))
    for slot in range(48, 4096, 16):
        database[slot : slot + 16] = database[32:48]
    assert list(read_headers(bytes(database))) == [b"header"]
