#!/bin/bash
# Waits for the database and the broker, then becomes the command.
set -e

python -m app.wait
exec "$@"
