"""Version 2: a comparison's row keeps the id and the trace of the request that asked for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns. Of what was asked for before, nobody knows them."""
    op.add_column("comparisons", sa.Column("request_id", sa.String(64)))
    op.add_column("comparisons", sa.Column("traceparent", sa.String(55)))
