"""Takes orders for letters. It knows the worker's jobs by their names only."""

import os

from celery import Celery
from fastapi import FastAPI, HTTPException
from kombu.exceptions import OperationalError
from pydantic import BaseModel

queue = Celery(broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])
queue.conf.broker_transport_options = {"socket_timeout": 3, "socket_connect_timeout": 3}
queue.conf.task_publish_retry_policy = {"max_retries": 2}
app = FastAPI(title="Letters")


class Order(BaseModel):
    name: str
    lines: list[str]


@app.get("/health")
def health():
    return {"status": "up"}


@app.get("/ready")
def ready():
    try:
        with queue.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError) as error:
        raise HTTPException(503, "the broker is away") from error
    return {"status": "ready"}


@app.post("/letters", status_code=202)
def order_letter(order: Order):
    job = queue.send_task("letters.write", kwargs={"name": order.name, "lines": order.lines})
    return {"id": job.id}


@app.get("/letters/{letter_id}")
def get_letter(letter_id: str):
    job = queue.AsyncResult(letter_id)
    if job.failed():
        return {"state": "failed", "text": None}
    return {"state": "written" if job.successful() else "waiting", "text": job.result if job.successful() else None}
