"""Makes the first user, and the tables of Celery's results, before several workers try to."""

from sqlalchemy import select

from app.celery_app import celery
from app.config import settings
from app.db import Session
from app.models import User
from app.security import hash_password

if __name__ == "__main__":
    celery.backend.ResultSession().close()
    with Session.begin() as session:
        if session.scalar(select(User).where(User.email == settings.first_user)) is None:
            session.add(User(email=settings.first_user, password_hash=hash_password(settings.first_user_password)))
            print("made the first user", flush=True)
