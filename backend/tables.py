"""The tables: what the statements of this version read and write, and which version of the schema that is.

A change here needs a migration in `migrations/` and a new `VERSION`. A test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from backend.contract import MAX_VARIANT_CHARACTERS

VERSION = "0002"
"""The version of the schema; the name of the newest migration."""
FIRST_VERSION = "0000"
"""The version of a database that was made before versions were kept: it has no table `alembic_version`."""

metadata = MetaData()
reports = Table(
    "reports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("recorded_at", String(20), nullable=False),
    Column("commit", Text),
    Column("dirty", Boolean, nullable=False),
    # Canonical JSON in UTF-8, as bytes: jsonb would rewrite numbers, and text needs four times the memory when read.
    Column("record", LargeBinary, nullable=False),
    Column("record_bytes", BigInteger, nullable=False),
    Index("reports_by_time", "recorded_at", "id", "record_bytes"),  # the sizes, so that adding them up reads no record
)
variants = Table(
    "report_variants",
    metadata,
    Column("report_id", ForeignKey("reports.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("variant", String(MAX_VARIANT_CHARACTERS), nullable=False),
    Column("shipped_bytes", BigInteger, nullable=False),
    Column("recorded_at", String(20), nullable=False),  # the report's, so that a list of one variant reads an index
    Index("report_variants_by_time", "variant", "recorded_at", "report_id"),
)
# A comparison is a job, and its row is the truth about it: a message in the queue only says which row to look at.
# `pending` with a lease is running; without one, it waits. Times are seconds since 1970, by the database's own clock.
comparisons = Table(
    "comparisons",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("before", ForeignKey("reports.id"), nullable=False),
    Column("after", ForeignKey("reports.id"), nullable=False),
    Column("status", String(8), nullable=False),
    Column("difference", LargeBinary),
    Column("difference_bytes", BigInteger, nullable=False),
    Column("why", Text),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("sent_at", Double),  # when its message was sent; null if there is certainly none
    Column("lease_until", Double),
    Column("leased_by", String(32)),
    Column("request_id", String(64)),  # of the request that asked for it, for a message that is sent once more
    Column("traceparent", String(55)),
    Index("comparisons_by_before", "before", "difference_bytes"),
    Index("comparisons_by_after", "after", "difference_bytes"),
    Index("comparisons_by_status", "status", "not_before"),
)
versions = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))
"""Alembic's own table, under its own name."""
