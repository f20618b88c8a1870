"""Passwords and tokens."""

import base64
import hashlib
import hmac
import os
import time

from app.config import settings

HOURS = 8


def hash_password(password, salt=None):
    salt = salt or os.urandom(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{salt.hex()}:{digest.hex()}"


def is_password(password, stored):
    salt = bytes.fromhex(stored.partition(":")[0])
    return hmac.compare_digest(hash_password(password, salt), stored)


def _sign(text):
    digest = hmac.digest(settings.secret_key.encode(), text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def issue_token(user_id):
    text = f"{user_id}.{int(time.time()) + HOURS * 3600}"
    return f"{text}.{_sign(text)}"


def read_token(token):
    """Return the user's id, or None."""
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(text), signature):
        return None
    user_id, _, ends = text.partition(".")
    return int(user_id) if int(ends) > time.time() else None
