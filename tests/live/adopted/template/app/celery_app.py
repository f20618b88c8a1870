"""Celery, its two queues and its schedule."""

from celery import Celery

from app.config import settings

celery = Celery("intake", include=["app.tasks"])
celery.conf.update(
    broker_url=settings.celery_broker_url,
    broker_connection_retry_on_startup=True,
    result_backend=f"db+{settings.database_url}",
    task_default_queue="default",
    task_routes={"app.tasks.read_document": {"queue": "files"}},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_publish_retry_policy={"max_retries": 2},
    worker_prefetch_multiplier=1,
    beat_schedule={"count-waiting": {"task": "app.tasks.count_waiting", "schedule": 5.0}},
)
