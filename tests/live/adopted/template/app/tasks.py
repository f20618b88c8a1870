"""The jobs: `files` reads what was uploaded, `default` does the rest."""

import time
from pathlib import Path

import httpx
from celery.utils.log import get_task_logger
from sqlalchemy import func, select

from app.celery_app import celery
from app.config import settings
from app.db import Session
from app.models import Document, Quote

log = get_task_logger(__name__)


@celery.task
def read_document(document_id):
    with Session.begin() as session:
        document = session.get_one(Document, document_id)
        content = Path(document.path).read_bytes()
        document.size, document.lines = len(content), content.count(b"\n")
        document.state = "read"
        return document.lines


@celery.task
def convert(quote_id):
    with Session.begin() as session:
        quote = session.get_one(Quote, quote_id)
        answer = httpx.get(settings.rates_url, params={"base": quote.currency}, timeout=5)
        answer.raise_for_status()
        quote.converted = round(quote.cents * answer.json()["rates"]["USD"])
        quote.state = "converted"
        return quote.converted


@celery.task
def sum_up(pause=0):
    """Count the lines of all documents, in the night and without haste."""
    time.sleep(pause)
    with Session() as session:
        return session.scalar(select(func.coalesce(func.sum(Document.lines), 0)))


@celery.task(ignore_result=True)
def count_waiting():
    with Session() as session:
        waiting = session.scalar(select(func.count()).select_from(Document).where(Document.state == "waiting"))
    log.info("%s documents wait", waiting)
