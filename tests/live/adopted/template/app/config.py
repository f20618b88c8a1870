"""What the environment sets."""

from pathlib import Path

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_url: str
    celery_broker_url: str
    secret_key: str
    first_user: str
    first_user_password: str
    uploads: Path = Path("/var/lib/intake/uploads")
    rates_url: str = "https://rates.example.com/v1/latest"


settings = Settings()
