"""Images out of a running engine, all in one `docker save` stream that touches no disk on this side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from weighbridge.engine import Engine
from weighbridge.sources import ImageContent, archive


def read(
    engine: Engine, references: Iterable[str], on_progress: Callable[[int], None] | None = None
) -> dict[str, ImageContent]:
    """Return what the engine holds under each reference; names of the same image each get it.

    Args:
        engine: A connected engine.
        references: Names or ids of images.
        on_progress: Is told the number of bytes read so far.

    Raises:
        NoSuchImage: The engine lacks one; told at once, before anything is saved.
        UnreadableImage: What the engine sends is damaged.
        EngineError: The engine fails or goes away in mid-stream.
    """
    known = {reference: engine.image(reference) for reference in references}
    if not known:
        return {}
    with engine.save(tuple(known)) as stream:
        saved = archive.read(stream, on_progress)
    # A graph driver's id is the config digest. The containerd store's is not, and matches nothing: names do, then.
    return {reference: saved.image(reference, image.id) for reference, image in known.items()}
