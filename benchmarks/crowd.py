"""Runs inside a container: fills the service's database with small reports, far faster than requests would."""

from __future__ import annotations

import hashlib

from sqlalchemy import insert

from backend.settings import load_settings
from backend.store import Store
from backend.tables import reports, variants

REPORTS = 100_000
_BATCH = 5000
_VARIANT = "multi"


def fill(url: str, count: int = REPORTS) -> None:
    """Store so many reports, each with the variant that the bench lists."""
    store = Store(url)
    for start in range(0, count, _BATCH):
        rows = [_make_row(number) for number in range(start, min(start + _BATCH, count))]
        sizes = [
            {
                "report_id": row["id"],
                "position": 0,
                "variant": _VARIANT,
                "shipped_bytes": 1,
                "recorded_at": row["recorded_at"],
            }
            for row in rows
        ]
        with store.transaction(write=True) as connection:
            connection.execute(insert(reports), rows)
            connection.execute(insert(variants), sizes)
    store.close()


def _make_row(number: int) -> dict[str, object]:
    stamp = f"2025-{1 + number % 12:02}-{1 + number // 12 % 28:02}T{number // 336 % 24:02}:00:00Z"
    report_id = hashlib.sha256(b"crowd %d" % number).hexdigest()
    return {
        "id": report_id,
        "recorded_at": stamp,
        "commit": str(number),
        "dirty": False,
        "record": b"{}",
        "record_bytes": 2,
    }


if __name__ == "__main__":
    fill(load_settings().database_url)
