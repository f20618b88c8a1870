"""The migrations of the schema, one for each version; Alembic runs them, and `upgrading.py` says how."""
