"""What the server imports is small, and brings the whole application later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = "{'alembic', 'celery', 'fastapi', 'kombu', 'prometheus_client', 'redis', 'sqlalchemy'}"


def _run(program: str) -> str:
    command = [sys.executable, "-c", f"import gc, sys, backend.main\n{program}"]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True).stdout.strip()


def test_no_framework_and_no_driver_is_imported_before_livez_answers() -> None:
    """Each of them takes a tenth of a second or more."""
    assert _run(f"print(sorted({HEAVY} & set(sys.modules)))") == "[]"


def test_the_application_is_loaded_with_collection_off() -> None:
    """Nothing looks for garbage meanwhile, which a fifth of the time would go to, nor later in what was loaded."""
    program = (
        "seen = []; gc.callbacks.append(lambda phase, _: seen.append(phase))\n"
        "app = backend.main._load(backend.main.load_settings())\n"
        "print(type(app).__name__, seen, gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    assert _run(program) == "FastAPI [] True True"
