"""Celery's remote control answers inspection, and obeys nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]  # Celery ships no types
from celery.worker.control import Panel  # type: ignore[import-untyped]  # Celery ships no types

from backend import health, remote_control

ROOT = Path(__file__).parents[2]
WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")


@pytest.mark.services
def test_a_worker_cannot_be_stopped_or_changed_through_redis(redis_url: str, start: Any, tmp_path: Path) -> None:
    """Every command that Celery knows is sent by its own client: the worker is as before, and tells so."""
    env = {
        "REDIS_URL": redis_url.replace("/0", "/3"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/w.db",
        "HEARTBEAT_PATH": str(tmp_path / "beat"),
    }
    worker = start("worker", *WORKER, env=env)
    client = Celery(broker=env["REDIS_URL"])
    deadline = time.monotonic() + 20
    while not client.control.ping(timeout=1):
        assert time.monotonic() < deadline
    before = client.control.inspect(timeout=5).stats(), client.control.inspect(timeout=5).active_queues()
    for command, arguments in {
        "revoke": {"task_id": "some-id"},
        "revoke_by_stamped_headers": {"headers": {"a": ["b"]}},
        "terminate": {"task_id": "some-id", "signal": "KILL"},
        "rate_limit": {"task_name": "backend.compare", "rate_limit": "1/h"},
        "time_limit": {"task_name": "backend.compare", "hard": 1, "soft": 1},
        "pool_grow": {"n": 3},
        "pool_shrink": {"n": 1},
        "pool_restart": {},
        "autoscale": {"max": 5, "min": 5},
        "add_consumer": {"queue": "other"},
        "cancel_consumer": {"queue": "celery"},
        "enable_events": {},
        "election": {"id": "x", "topic": "y", "action": None},
        "hello": {"from_node": "x", "revoked": {"some-id": time.time()}},
        "shutdown": {},
    }.items():
        client.control.broadcast(command, arguments)
    time.sleep(1)
    inspection = client.control.inspect(timeout=5)
    after = inspection.stats(), inspection.active_queues()
    revoked = inspection.revoked()
    alive = worker.poll() is None and health.check_worker(env["HEARTBEAT_PATH"])[0]
    told = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "backend.worker", "inspect", "registered"],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    client.close()
    [[pool_before], [pool_after]] = [[each["pool"] for each in stats.values()] for stats, _ in (before, after)]

    assert alive
    assert (pool_after["processes"], after[1]) == (pool_before["processes"], before[1])
    assert list(revoked.values()) == [[]]
    assert "backend.compare" in told


def test_what_is_left_only_tells() -> None:
    """Of what Celery registers, no command of the kind `control` is left, and none of those that use memory or disk."""
    remote_control.allow_inspection_alone()

    assert {"ping", "active", "stats", "registered"} <= Panel.data.keys()
    assert {name for name in Panel.data if name in Panel.meta and Panel.meta[name].type != "inspect"} == set()
    assert not {"hello", "memdump", "memsample", "objgraph"} & Panel.data.keys()
