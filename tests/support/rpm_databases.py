"""Headers and databases as rpm writes them, made by hand, so that a test can break each rule by itself."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

Value = str | bytes | Sequence[str] | Sequence[int]
STRING, STRINGS, NUMBERS, STATES = 6, 8, 4, 1


def header(entries: Iterable[tuple[int, int, Value]]) -> bytes:
    """Write a header of tags, types and values."""
    index, store = b"", b""
    for tag, kind, value in entries:
        data, count = _encoded(kind, value)
        if kind == NUMBERS:
            store += bytes(-len(store) % 4)
        index += struct.pack(">IIII", tag, kind, len(store), count)
        store += data
    return struct.pack(">II", len(index) // 16, len(store)) + index + store


def _encoded(kind: int, value: Value) -> tuple[bytes, int]:
    if kind == STRING:
        return str(value).encode("utf-8", "surrogateescape") + b"\0", 1
    if kind == STRINGS:
        texts = [str(text).encode("utf-8", "surrogateescape") + b"\0" for text in value]
        return b"".join(texts), len(texts)
    return struct.pack(f">{len(value)}{'I' if kind == NUMBERS else 'b'}", *value), len(value)


def package(
    name: str = "x",
    version: str = "1",
    release: str = "1",
    files: Sequence[tuple[str, str]] = (),
    *more: tuple[int, int, Value],
) -> bytes:
    """Write the header of a package with files, each a folder and a name."""
    entries: list[tuple[int, int, Value]] = [(1000, STRING, name), (1001, STRING, version), (1002, STRING, release)]
    if files:
        folders = list(dict.fromkeys(folder for folder, _ in files))
        entries += [
            (1116, NUMBERS, [folders.index(folder) for folder, _ in files]),
            (1117, STRINGS, [file for _, file in files]),
            (1118, STRINGS, folders),
        ]
    return header([*entries, *more])


def ndb(headers: Iterable[bytes], free: int = 0) -> bytes:
    """Write a database in rpm's own format, after some slots that are free."""
    slots, blobs = [struct.pack("<4s3I", b"Slot", 0, 0, 0)] * free, b""
    for number, content in enumerate(headers, 1):
        head = struct.pack("<4s3I", b"BlbS", number, 1, len(content)) + content
        head += bytes(-(len(head) + 12) % 16)
        blob = head + struct.pack("<II4s", zlib.adler32(head), len(content), b"BlbE")
        slots.append(struct.pack("<4s3I", b"Slot", number, 256 + len(blobs) // 16, len(blob) // 16))
        blobs += blob
    slots += [struct.pack("<4s3I", b"Slot", 0, 0, 0)] * (254 - len(slots))
    return struct.pack("<4s4I12x", b"RpmP", 0, 1, 1, 99) + b"".join(slots) + blobs
