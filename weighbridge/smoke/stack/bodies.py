"""Encodes what requests send: JSON, forms, and multipart bodies with files.

A body is a text whose UTF-8 bytes are sent; a byte that is no UTF-8 is half of a character in it, as Python's
`surrogateescape` has it. So our scripts get it as JSON, whatever a file contains.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

JSON = "application/json"
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends, and its media type."""

    text: str
    type: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a multipart body."""

    name: str
    type: str
    content: bytes


def encode_json(value: Any) -> Body:
    """Return a value as JSON."""
    return Body(json.dumps(value), JSON)


def encode_form(fields: Mapping[str, str]) -> Body:
    """Return fields as a browser sends a form."""
    return Body(urlencode(fields), "application/x-www-form-urlencoded")


def encode_multipart(fields: Mapping[str, str | Part]) -> Body:
    """Return fields and files as `multipart/form-data` (RFC 7578), with names quoted as the HTML standard says."""
    boundary = secrets.token_hex(16)
    content = b"".join(piece for name, value in fields.items() for piece in _iterate_part(boundary, name, value))
    text = (content + f"--{boundary}--\r\n".encode()).decode(errors="surrogateescape")
    return Body(text, f"multipart/form-data; boundary={boundary}")


def _iterate_part(boundary: str, name: str, value: str | Part) -> Iterator[bytes]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quote(name)}"'
    if isinstance(value, Part):
        yield f'{head}; filename="{_quote(value.name)}"\r\nContent-Type: {value.type}\r\n\r\n'.encode()
        yield value.content
    else:
        yield f"{head}\r\n\r\n{value}".encode()
    yield b"\r\n"


def _quote(name: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in name)
