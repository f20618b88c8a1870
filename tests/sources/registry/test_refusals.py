"""What a registry's refusal means: an error for each status, with its words and a next step."""

from __future__ import annotations

import pytest

from weighbridge.errors import NoSuchImage, SourceError, UnreadableImage
from weighbridge.sources.registry.refusals import describe_refusal, extract_reason


@pytest.mark.parametrize(
    ("status", "is_image", "kind", "said"),
    [
        (401, True, UnreadableImage, "h refuses a:1 without a login: why. Run `docker login h` and try again."),
        (
            403,
            True,
            UnreadableImage,
            "h does not allow this user to read a:1: why. Run `docker login h` as a user who may.",
        ),
        (404, True, NoSuchImage, "h has no a:1: why. Check the name and the tag; if it is private, run "),
        (404, False, UnreadableImage, "h lacks a:1: why. Push the image again."),
        (429, False, UnreadableImage, "h limits the number of requests: why. Wait, or run `docker login h`"),
        (503, True, UnreadableImage, "h answers 503 when asked for a:1: why. Try again later"),
    ],
)
def test_refusal(status: int, kind: type[SourceError], said: str, *, is_image: bool) -> None:
    """Only an image that the registry does not know is no such image; all else is one that cannot be read."""
    found = describe_refusal(status, host="h", what="a:1", login="h", said="why", is_image=is_image)
    assert type(found) is kind
    assert str(found).startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors": [{"code": "DENIED", "message": "no\\u001b[31m way."}]}', "no [31m way"),
        (b'{"errors": [{"code": "DENIED"}, {"code": "OTHER"}]}', "DENIED"),
        (b'{"errors": []}', ""),
        (b"<html>", ""),
    ],
)
def test_words(body: bytes, said: str) -> None:
    """The first error's message, else its code, on one line and without a full stop; a page of HTML says nothing."""
    assert extract_reason(body) == said
