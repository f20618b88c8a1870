"""Turns a registry's refusal into our error: one for each status, with the server's reason if it gives one."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel, TypeAdapter, ValidationError

from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.quoting import quote

AGAIN = "Try again later; if the error stays, ask whoever runs the registry."


class _Fault(BaseModel):
    code: str = ""
    message: str = ""


class _Faults(BaseModel):
    errors: tuple[_Fault, ...] = ()


_FAULTS = TypeAdapter(_Faults)


def describe_refusal(
    status: int, *, host: str, what: str, login: str, said: str = "", is_image: bool = False
) -> SourceError:
    """Return the error for a status.

    Args:
        status: The response's status, anything but 200.
        host: The host that answered.
        what: What we asked for.
        login: The registry that the user should log in to.
        said: The server's reason in its own words; may be empty.
        is_image: Whether we asked for the image itself instead of a part of it.
    """
    log_in = f"`docker login {login}`"
    reason = f": {said}" if said else ""
    if status == HTTPStatus.UNAUTHORIZED:
        return UnreadableImage(f"{host} refuses {what} without a login{reason}", advice=f"Run {log_in} and try again.")
    if status == HTTPStatus.FORBIDDEN:
        return UnreadableImage(
            f"{host} does not allow this user to read {what}{reason}",
            advice=f"Run {log_in} as a user who may.",
        )
    if status == HTTPStatus.NOT_FOUND and is_image:
        return NoSuchImage(
            f"{host} has no {what}{reason}",
            advice=f"Check the name and the tag; if it is private, run {log_in}.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return UnreadableImage(f"{host} lacks {what}{reason}", advice="Push the image again.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return UnreadableImage(
            f"{host} limits the number of requests{reason}",
            advice=f"Wait, or run {log_in}: the limit is higher for users who are logged in.",
        )
    return UnreadableImage(f"{host} answers {status} when asked for {what}{reason}", advice=AGAIN)


def extract_reason(body: bytes) -> str:
    """Return the reason in an error's body (distribution specification, "Error Codes"); empty if it has none."""
    try:
        faults = _FAULTS.validate_json(body).errors
    except ValidationError:
        return ""
    return next((quote(each.message or each.code) for each in faults), "").rstrip(".")
