"""What the server starts: `uvicorn backend.main:app`. It imports little, so that `/livez` soon answers.

Wrong settings end the process before it serves. The application itself is imported behind `Front`.
"""

from __future__ import annotations

import gc
from functools import partial

from starlette.types import ASGIApp

from backend import logs
from backend.front import Front
from backend.settings import Settings, load_settings


def _load(settings: Settings) -> ASGIApp:
    """Import and return the application. None of it is garbage, so nobody looks for garbage in it, now or later."""
    gc.disable()
    try:
        from backend.application import create_app  # noqa: PLC0415 - takes most of the start

        return create_app(settings)
    finally:
        gc.freeze()
        gc.enable()


def _start() -> Front:
    """Configure the logs before uvicorn writes its first line, and return what answers first."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.secrets())
    return Front(partial(_load, settings))


app = _start()
