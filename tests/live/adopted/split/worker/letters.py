"""Writes the letters that the API orders, and counts every few seconds how many there were."""

import os
from pathlib import Path

from celery import Celery
from jinja2 import Environment, FileSystemLoader

app = Celery("letters", broker=os.environ["BROKER_URL"], backend=os.environ["BROKER_URL"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    beat_schedule={"count": {"task": "letters.count", "schedule": 5.0}},
    result_expires=3600,
)
pages = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=False)
GREETING = os.environ.get("GREETING", "Hello")


@app.task(name="letters.write")
def write(name, lines):
    return pages.get_template("letter.txt").render(greeting=GREETING, name=name, lines=lines)


@app.task(name="letters.count", ignore_result=True)
def count():
    done = app.backend.client.keys("celery-task-meta-*")
    print(f"{len(done)} letters are kept", flush=True)
