"""Writes a JSON document in its canonical form, from which its id follows.

Canonical means: sorted keys, no insignificant whitespace, UTF-8, no needless escapes. Two documents that differ only
in these points are the same document.
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
"""A value needs 64 bytes or more in memory but only two in the body, so their number decides what a body costs."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(body: bytes | bytearray) -> Any:
    """Parse JSON.

    Raises:
        Invalid: The text is not JSON by RFC 8259 (which has no NaN) in UTF-8, has a key twice in one object, is nested
            too deeply, or has a number or an amount of values that is too large to store.
    """
    if sum(map(body.count, _VALUE_STARTS)) >= MAX_VALUES:  # an upper bound, because strings may contain them too
        raise Invalid(f"The body holds more than {MAX_VALUES} values")
    try:
        text = body.decode()  # Python would also guess UTF-16 and UTF-32, and let halves of surrogates through
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unite)
    except RecursionError:
        raise Invalid("The body is nested too deeply") from None
    except ValueError as error:
        raise Invalid(f"The body is not JSON that can be stored: {str(error)[:200]}") from None


def canonical(value: Any) -> bytes:
    """Return the canonical text of a value from `parse`, in UTF-8.

    Raises:
        Invalid: A string contains U+0000, which PostgreSQL cannot store, or half a surrogate pair.
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
    raise Invalid(f"{place}: a string contains U+0000 or an unpaired surrogate, which cannot be stored")


def identify(text: bytes) -> str:
    """Return the id of a canonical text: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(text).hexdigest()


def _unstorable(value: Any) -> Iterator[str]:
    """Yield the places of strings that cannot be stored. Without recursion, because the sender chooses the depth."""
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
    raise ValueError(f"{name} is not a JSON number")


def _unite(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; refuse one that has a key twice, of which other readers might take another value than we."""
    united = dict(pairs)
    if len(united) == len(pairs):
        return united
    seen = set[str]()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"an object has the key {key[:40]!a} twice")
        seen.add(key)
    return united


def _finite(digits: str) -> float:
    """Parse a number; refuse one that would become infinity, which JSON cannot express."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number
