"""The API."""

import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, UploadFile
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from kombu.exceptions import OperationalError
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app import security
from app.celery_app import celery
from app.config import settings
from app.db import Session
from app.models import Document, Quote, User
from app.tasks import convert, read_document

app = FastAPI(title="Intake")
find_token = OAuth2PasswordBearer(tokenUrl="/login/access-token")


class DocumentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    state: str
    lines: int | None
    size: int | None


class QuoteIn(BaseModel):
    currency: str
    cents: int


class QuoteOut(QuoteIn):
    model_config = ConfigDict(from_attributes=True)

    id: int
    state: str
    converted: int | None


def get_user_id(token: Annotated[str, Depends(find_token)]) -> int:
    user_id = security.read_token(token)
    if user_id is None:
        raise HTTPException(401, "log in again")
    return user_id


UserId = Annotated[int, Depends(get_user_id)]


@app.get("/health/live")
def live():
    return {"status": "ok"}


@app.get("/health/ready")
def ready():
    try:
        with Session() as session:
            session.execute(text("SELECT 1"))
        with celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (SQLAlchemyError, OperationalError, OSError) as error:
        raise HTTPException(503, "the database or the broker is away") from error
    return {"status": "ok"}


@app.post("/login/access-token")
def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()]):
    with Session() as session:
        user = session.scalar(select(User).where(User.email == form.username))
    if user is None or not security.is_password(form.password, user.password_hash):
        raise HTTPException(400, "Incorrect email or password")
    return {"access_token": security.issue_token(user.id), "token_type": "bearer"}


@app.post("/documents", status_code=202)
def add_document(file: UploadFile, user_id: UserId) -> DocumentOut:
    path = settings.uploads / secrets.token_hex(16)
    path.write_bytes(file.file.read())
    with Session.begin() as session:
        document = Document(owner_id=user_id, name=file.filename or "unnamed", path=str(path))
        session.add(document)
        session.flush()
        out = DocumentOut.model_validate(document)
    read_document.delay(out.id)
    return out


@app.get("/documents/{document_id}")
def get_document(document_id: int, user_id: UserId) -> DocumentOut:
    with Session() as session:
        document = session.get(Document, document_id)
        if document is None or document.owner_id != user_id:
            raise HTTPException(404, "no such document")
        return DocumentOut.model_validate(document)


@app.post("/quotes", status_code=202)
def add_quote(wanted: QuoteIn, user_id: UserId) -> QuoteOut:
    with Session.begin() as session:
        quote = Quote(currency=wanted.currency, cents=wanted.cents)
        session.add(quote)
        session.flush()
        out = QuoteOut.model_validate(quote)
    convert.delay(out.id)
    return out


@app.get("/quotes/{quote_id}")
def get_quote(quote_id: int, user_id: UserId) -> QuoteOut:
    with Session() as session:
        quote = session.get(Quote, quote_id)
        if quote is None:
            raise HTTPException(404, "no such quote")
        return QuoteOut.model_validate(quote)
