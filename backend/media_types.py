"""Refuses bodies that say that they are something else than plain JSON."""

from __future__ import annotations

from email.message import Message

from fastapi import HTTPException
from starlette.datastructures import Headers

JSON = "application/json"


def check_media_type(headers: Headers) -> None:
    """Make sure that a body is JSON in UTF-8, uncompressed. One that says nothing about itself is taken for that.

    Raises:
        HTTPException: It is not (415).
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise HTTPException(
            415, f"Content-Encoding: send the body as it is, not {coding[:40]!a}", {"Accept-Encoding": "identity"}
        )
    if "content-type" not in headers:
        return
    message = Message()
    message["Content-Type"] = headers["content-type"]
    charset = message.get_content_charset("utf-8")
    # `get_content_type` calls what it cannot read text/plain
    if message.get_content_type() != JSON or charset not in {"utf-8", "utf8"}:
        given = headers["content-type"]
        raise HTTPException(415, f"Content-Type: must be {JSON}, in UTF-8, not {given[:80]!a}", {"Accept": JSON})
