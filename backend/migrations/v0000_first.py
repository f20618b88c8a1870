"""Version 0: the schema of databases that were made before versions were kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0000"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reports",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("recorded_at", sa.String(20), nullable=False),
        sa.Column("commit", sa.Text),
        sa.Column("dirty", sa.Boolean, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index("reports_by_time", "reports", ["recorded_at", "id"])
    op.create_table(
        "report_variants",
        sa.Column("report_id", sa.String(64), sa.ForeignKey("reports.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("variant", sa.String(200), nullable=False),
        sa.Column("shipped_bytes", sa.BigInteger, nullable=False),
    )
    op.create_index("report_variants_by_name", "report_variants", ["variant", "report_id"])
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("before", sa.String(64), sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("after", sa.String(64), sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("difference", sa.LargeBinary),
        sa.Column("why", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
