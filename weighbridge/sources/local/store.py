"""Reads images in an engine's own folder, if it is on this machine and this user may read it.

Nothing depends on it: what cannot be read here, for whatever reason, comes through the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from weighbridge.errors import LimitExceeded, NoSuchImage, UnreadableImage, WeighbridgeError
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.sources.local.beneath import Beneath, Unavailable
from weighbridge.sources.local.containerd import Containerd, find_content
from weighbridge.sources.local.overlay2 import Overlay2
from weighbridge.sources.local.reading import Note, Reading
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.headers import DamagedArchive

_FAULTS: tuple[type[Exception], ...] = (
    DamagedArchive,
    NoSuchImage,
    Unavailable,
    UnreadableImage,
    *compression.DAMAGE,
)
"""What the readers raise if a part is missing, closed to this user, damaged, or of an unknown form."""


def read(root: DataRoot, images: Mapping[str, LocalImage], reading: Reading) -> Iterator[tuple[str, ImageContent]]:
    """Yield reference and content of those images that can be read in the engine's folder, each as soon as it is read.

    Images without layers are not among them, because the engine has no archive for their figures to agree with.

    Raises:
        LimitExceeded: One of them exceeds a limit.
    """
    left = dict(images)
    try:
        with _open(root, images, reading) as (order, read_image):
            reading.while_waiting()
            for reference in order:
                image = left.pop(reference)
                if image.diff_ids and (content := _try(read_image, reference, image, reading.on_note)):
                    reading.on_note(f"Read in {root.path}: {reference}")
                    yield reference, content
    except (OSError, Unavailable) as error:
        reading.on_note(f"Read through the engine: {', '.join(left)}; {_describe(error)}")


_Read = Callable[[str, LocalImage], ImageContent]
_Opened = tuple[Iterable[str], _Read]
"""References in the order in which to read them, and the function that reads an image."""


@contextmanager
def _open(root: DataRoot, images: Mapping[str, LocalImage], reading: Reading) -> Iterator[_Opened]:
    """Give what reads images in the engine's folder.

    Raises:
        OSError: This user may not read the folder.
        Unavailable: The folder cannot be used.
    """
    if root.obstacle:
        raise Unavailable(root.obstacle)
    if root.store == "overlay2":
        with Beneath.open_root(root.path) as files:
            there = Overlay2(files, reading)
            yield there.begin(root.path, images), there.read
    elif root.store == "containerd":
        here = Containerd(find_content(root.path), reading)
        yield here.begin(images), here.read
    else:
        raise Unavailable(f"its store {root.store} is not read from outside")


def _try(read_image: _Read, reference: str, image: LocalImage, on_note: Note) -> ImageContent | None:
    try:
        return read_image(reference, image)
    except LimitExceeded:
        raise
    except _FAULTS as error:
        on_note(f"Read through the engine: {reference}; {_describe(error)}")
        return None


def _describe(error: Exception) -> str:
    """Return why something cannot be read, without the advice, because the user need not do anything."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return error.message if isinstance(error, WeighbridgeError) else str(error) or type(error).__name__
