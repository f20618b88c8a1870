"""What a server's refusal means to the user: an error for each status, with the server's words where they are fit."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel, TypeAdapter, ValidationError

from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.quoting import quoted

AGAIN = "Try again later; if it stays so, ask whoever runs the registry."


class _Fault(BaseModel):
    code: str = ""
    message: str = ""


class _Faults(BaseModel):
    errors: tuple[_Fault, ...] = ()


_FAULTS = TypeAdapter(_Faults)


def refusal(status: int, *, host: str, what: str, login: str, said: str = "", is_image: bool = False) -> SourceError:
    """Return the error that a status stands for.

    Args:
        status: Of the answer, anything but 200.
        host: Who answered.
        what: What it was asked for.
        login: The registry to log in to.
        said: Why, in its words; may be empty.
        is_image: Whether it was asked for the image itself, and not for a part of it.
    """
    log_in = f"`docker login {login}`"
    reason = f": {said}" if said else ""
    if status == HTTPStatus.UNAUTHORIZED:
        return UnreadableImage(
            f"{host} gives {what} only to who is logged in{reason}", advice=f"Run {log_in} and try again."
        )
    if status == HTTPStatus.FORBIDDEN:
        return UnreadableImage(
            f"{host} does not allow to read {what}{reason}",
            advice=f"Run {log_in} as somebody who may.",
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
            f"{host} was asked too often{reason}", advice=f"Wait, or run {log_in}: who is known may ask more often."
        )
    return UnreadableImage(f"{host} answers {status} when asked for {what}{reason}", advice=AGAIN)


def words(body: bytes) -> str:
    """Return what an error's body says, by the distribution specification, "Error Codes"; empty if it says nothing."""
    try:
        faults = _FAULTS.validate_json(body).errors
    except ValidationError:
        return ""
    return next((quoted(each.message or each.code) for each in faults), "").rstrip(".")
