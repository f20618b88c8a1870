"""Waits until the database and the broker accept connections."""

import socket
import sys
import time

from kombu.utils.url import url_to_parts
from sqlalchemy.engine import make_url

from app.config import settings

SECONDS = 60


def wait_for(host, port):
    end = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection((host, port), timeout=2).close()
        except OSError as error:
            if time.monotonic() > end:
                sys.exit(f"{host}:{port} is away: {error}")
            time.sleep(0.5)
        else:
            print(f"{host}:{port} is up", flush=True)
            return


if __name__ == "__main__":
    database = make_url(settings.database_url)
    broker = url_to_parts(settings.celery_broker_url)
    wait_for(database.host, database.port or 5432)
    wait_for(broker.hostname, broker.port or 5672)
