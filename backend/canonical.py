"""The one spelling of a JSON document, and the id that follows from it.

Canonical means: keys sorted, no insignificant whitespace, UTF-8 and no needless escapes. Two documents that differ only
in spelling are one document.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from backend.errors import Invalid

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_VALUE_STARTS = (b",", b"[", b"{")
MAX_VALUES = 10**6
"""A value takes 64 bytes and more in memory, and two bytes in the body: this, not its size, is what a body costs."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(body: bytes | bytearray) -> Any:
    """Return the value that JSON text holds.

    Raises:
        Invalid: It is no JSON by RFC 8259 (NaN is not), or is nested or numbered beyond what can be kept.
    """
    if sum(map(body.count, _VALUE_STARTS)) >= MAX_VALUES:  # some of them stand in strings: an upper bound
        raise Invalid(f"The body holds more than {MAX_VALUES} values")
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise Invalid("The body is nested too deeply") from None
    except ValueError as error:
        raise Invalid(f"The body is no JSON that can be kept: {str(error)[:200]}") from None


def canonical(value: Any) -> bytes:
    """Return the canonical text of a value from `parse`, in UTF-8.

    Raises:
        Invalid: A string holds U+0000, which PostgreSQL cannot store, or half a surrogate pair, which is no Unicode.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        encoded = text.encode()
    except RecursionError:
        raise Invalid("The body is nested too deeply") from None
    except UnicodeEncodeError:
        pass
    else:
        if not _ESCAPED_NUL.search(text):
            return encoded
    place = next(_unstorable(value), "")
    raise Invalid(f"{place}: a string holds U+0000 or an unpaired surrogate, which cannot be kept")


def identify(text: bytes) -> str:
    """Return the id of a canonical text: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(text).hexdigest()


def _unstorable(value: Any) -> Iterator[str]:
    """Yield where strings are that cannot be kept. No recursion: the depth is the sender's choice."""
    left = [("The body", value)]
    while left:
        place, item = left.pop()
        if isinstance(item, str) and _UNSTORABLE.search(item):
            yield place
        elif isinstance(item, list):
            left += [(f"{place}.{index}", part) for index, part in enumerate(item)]
        elif isinstance(item, dict):
            left += [(f"{place}.{ascii(key)[1:-1]}", part) for key, part in item.items()]
            left += [(f"{place}, a key", key) for key in item]


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    """Refuse what would turn into infinity and could not be written back."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number
