"""Version 1: comparisons are jobs with a lease, sizes stand beside what they are of, lists of a variant read an index.

The new columns that must not be null have a default, without which SQLite adds none. It also lets the programs of
version 0 go on writing until they are replaced; what they write without its size and time is the smaller harm.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = "0000"


def upgrade() -> None:
    """Add the columns, fill them from what is there, and replace the indexes."""
    op.add_column("reports", _number("record_bytes", sa.BigInteger))
    op.add_column("report_variants", sa.Column("recorded_at", sa.String(20), nullable=False, server_default=""))
    op.add_column("comparisons", _number("difference_bytes", sa.BigInteger))
    op.add_column("comparisons", _number("not_before", sa.Double))
    op.add_column("comparisons", sa.Column("sent_at", sa.Double))
    op.add_column("comparisons", sa.Column("lease_until", sa.Double))
    op.add_column("comparisons", sa.Column("leased_by", sa.String(32)))
    op.execute("UPDATE reports SET record_bytes = length(record)")
    op.execute("UPDATE comparisons SET difference_bytes = length(difference) WHERE difference IS NOT NULL")
    op.execute(
        "UPDATE report_variants SET recorded_at = "
        "(SELECT reports.recorded_at FROM reports WHERE reports.id = report_variants.report_id)"
    )
    op.drop_index("reports_by_time", "reports")
    op.create_index("reports_by_time", "reports", ["recorded_at", "id", "record_bytes"])
    op.drop_index("report_variants_by_name", "report_variants")
    op.create_index("report_variants_by_time", "report_variants", ["variant", "recorded_at", "report_id"])
    op.create_index("comparisons_by_before", "comparisons", ["before", "difference_bytes"])
    op.create_index("comparisons_by_after", "comparisons", ["after", "difference_bytes"])
    op.create_index("comparisons_by_status", "comparisons", ["status", "not_before"])


def _number(name: str, kind: type[sa.BigInteger | sa.Double[float]]) -> sa.Column[int] | sa.Column[float]:
    return sa.Column(name, kind, nullable=False, server_default="0")
