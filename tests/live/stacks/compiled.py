"""The API with a driver for PostgreSQL that is compiled against libpq."""

from __future__ import annotations

import psycopg2  # type: ignore[import-untyped]  # noqa: F401 - the import is the point
from words.service import app  # type: ignore[import-not-found]  # noqa: F401 - it is in the image
