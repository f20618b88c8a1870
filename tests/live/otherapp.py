"""The settings of another application than this project's: `tests/live/other`, which counts words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("other")
VARIANT = "prod"
_PROGRAM = ("python", "-m", "words")


def settings(repository: str, variant: str = VARIANT) -> dict[str, Any]:
    """Return what its invoke.yaml would say, the images being called `repository:variant`."""
    write = {"post": "/texts", "body": {"text": "one two three {unique}"}, "status": 202, "keep": {"id": "id"}}
    read = {"get": "/texts/{id}", "status": 200, "until": {"status": "done"}, "expect": {"words": 4}}
    return {
        "repository": repository,
        "variants": {variant: {}},
        "roles": {
            "api": {"port": 9000, "live": "/healthz", "ready": "/health/ready", "grace_seconds": 15},
            "worker": {
                "command": ["work"],
                "registered": [*_PROGRAM, "registered"],
                "jobs": ["words.count"],
                "slow_job": [*_PROGRAM, "sleep", "3"],
                "job_result": [*_PROGRAM, "result"],
                "grace_seconds": 15,
            },
        },
        "smoke": {
            "timeout_seconds": 30,
            "user": 12345,
            "environment": {"CELERY_BROKER_URL": "redis://redis:6379/0"},
            "data": "/var/lib/words",
            "data_limit": "50 MB",
            "probes": [{"rule": "counts-words", "steps": [write, read]}],
            "faults": {"environment": {"WORDS_VISIBILITY_TIMEOUT": "10"}, "write": write, "read": "/texts/{id}"},
        },
    }
