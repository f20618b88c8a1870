"""The API with a driver for PostgreSQL that looks for libpq when it is imported."""

from __future__ import annotations

import psycopg  # noqa: F401 - the import is the point
from words.service import app  # type: ignore[import-not-found]  # noqa: F401 - it is in the image
