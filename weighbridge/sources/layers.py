"""What one layer's archive holds, and its digest, from one pass over its bytes.

Rules: OCI image-spec, layer.md. A hard link carries no data of its own; a name that begins with `.wh.` is a whiteout.
"""

from __future__ import annotations

import hashlib
import posixpath

from weighbridge.model import LayerContent
from weighbridge.sources.compression import decompressed
from weighbridge.sources.tape import Part, Tape

_WHITEOUT = ".wh."


def read_layer(part: Part) -> tuple[str, LayerContent]:
    """Return the diff ID of a layer and what it holds.

    The diff ID is computed, not believed: it proves that these are the bytes which the image's config means, whatever
    the archive calls them.
    """
    digest = hashlib.sha256()
    tape = Tape(decompressed(part, part.head), digest)
    shipped_bytes = file_count = 0
    for member in tape.members():
        if member.isreg():
            shipped_bytes += member.size  # of a sparse file the real size
            file_count += not posixpath.basename(member.name).startswith(_WHITEOUT)
    tape.drain()
    return f"sha256:{digest.hexdigest()}", LayerContent(shipped_bytes=shipped_bytes, file_count=file_count)
