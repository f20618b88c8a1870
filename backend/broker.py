"""The Celery app, through which both roles reach Redis; every wait here has a time limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

from celery import Celery  # type: ignore[import-untyped]  # Celery ships no types
from kombu.exceptions import KombuError, OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from backend import trails, transport
from backend.errors import BrokerUnavailable
from backend.settings import Settings
from backend.trails import Trail
from backend.undecodable import COUNTER, QUEUE

COMPARE = "backend.compare"
REHEARSE = "backend.rehearse"
SEND_SECONDS = 2.0
"""How long a request waits for the queue, including the time to resolve the broker's name."""
MAX_PROCESS_KIB = 120_000
"""Two such processes, the main one and a job of the costliest records fit into what compose.yaml grants a worker."""
_PING_SECONDS = 1.0
_READY = "backend.ready"
_TAKEN = "unacked"
"""Kombu's hash of the messages that workers hold."""


def make_celery(settings: Settings) -> Celery:
    """Return the Celery app, configured."""
    transport.install()
    app = Celery("backend", broker=settings.redis_url, backend=settings.redis_url)
    app.conf.update(
        # A message is acknowledged when its job is done, and sent again when its worker dies. It only says which row to
        # look at, so a doubled or late one does nothing; the sweeper sends what was lost.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # The soft limit raises an exception in the job, which can report it; the hard limit kills a job that hangs.
        task_soft_time_limit=settings.job_seconds,
        task_time_limit=settings.job_kill_seconds,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # Redis without memory, or that has become a copy, must not end the worker
        broker_transport_options={
            # Celery 5.7 reads it only from here. Lost jobs are looked for every ten seconds instead of every hundred.
            "visibility_timeout": settings.visibility_timeout_seconds,
            "unacked_restore_interval": settings.restore_seconds,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 1.0,
        },
        redis_socket_connect_timeout=1.0,
        redis_socket_timeout=5.0,
        result_expires=24 * 3600,
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_track_started=True,
        worker_concurrency=settings.worker_concurrency,
        # A process that large records have made large gives its memory back by ending, after the job.
        worker_max_memory_per_child=MAX_PROCESS_KIB,
        worker_hijack_root_logger=False,
        heartbeat_path=str(settings.heartbeat_path),  # ours, read by the Heartbeat bootstep
    )
    return app


class Broker:
    """The API's side of the queue."""

    def __init__(self, settings: Settings) -> None:
        self._celery = make_celery(settings)
        # The worker must be able to wait for work as long as it takes; a request must not.
        self._celery.conf.broker_transport_options |= {"socket_timeout": 1.0}
        once = Retry(NoBackoff(), 0)
        limits = {"socket_timeout": _PING_SECONDS, "socket_connect_timeout": _PING_SECONDS}
        self._redis = Redis.from_url(settings.redis_url, retry=once, **limits)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="broker")

    def send_comparison(self, comparison_id: str, trail: Trail | None = None) -> None:
        """Put a comparison on the queue.

        Args:
            comparison_id: Which one.
            trail: The request that it comes from; None: the current one.

        Raises:
            BrokerUnavailable: That did not succeed in time. It may still succeed later, which does no harm.
        """
        headers = trails.write_current_headers() if trail is None else trail.write_headers()
        future = self._threads.submit(self._send, comparison_id, headers)
        try:
            future.result(SEND_SECONDS)
        except (FutureTimeout, KombuError, OperationalError, RedisError, OSError) as error:
            future.cancel()
            raise BrokerUnavailable from error

    def ping(self) -> None:
        """Make sure that Redis takes what it is sent, which a PING would not show; raises what the client raises."""
        self._redis.set(_READY, 1, ex=60)

    def measure(self) -> tuple[int, int]:
        """Return how many messages wait, and how many workers hold; raises what the Redis client raises."""
        both = self._redis.pipeline()
        both.llen(QUEUE)
        both.hlen(_TAKEN)
        waiting, taken = both.execute()
        return waiting, taken

    def count_undecodable(self) -> int:
        """Return how many messages workers have dropped because nobody could read them, since Redis was emptied."""
        found = self._redis.get(COUNTER) or b"0"
        return int(found) if found.isdigit() else 0

    def close(self) -> None:
        """Close every connection."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._redis.close()
        self._celery.close()

    def _send(self, comparison_id: str, headers: dict[str, str]) -> None:
        # Celery stores no result: the result is the database's row, so the API need not wait for Redis.
        policy = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.1}
        options = {"ignore_result": True, "retry": True, "retry_policy": policy}
        self._celery.send_task(COMPARE, args=[comparison_id], headers=headers or None, **options)
