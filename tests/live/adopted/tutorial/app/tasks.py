import os
import time

from celery import Celery

app = Celery(
    "app",
    broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379"),
    backend=os.environ.get("CELERY_RESULT_BACKEND", "redis://localhost:6379"),
)


@app.task(name="shout")
def shout(text):
    # pretend that this takes long
    time.sleep(1)
    return text.upper() + "!"
