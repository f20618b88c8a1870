#!/bin/bash
set -e

# Bring the database to the newest revision
alembic upgrade head

# Make the first user
python -m app.initial_data
