"""What an engine says of images during one report: asked for at the same time, and once.

The containerd store takes ten times as long to describe an image as a graph driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from concurrent.futures import Future

    from weighbridge.engine.protocol import ImageStore
    from weighbridge.model.engine import DataRoot, LocalImage
    from weighbridge.model.report import EngineIdentity


_MOMENT_SECONDS = 0.003
"""An engine with a graph driver has described its images by then."""
Submit = Callable[..., "Future[LocalImage]"]
"""Calls a function in a thread, as the method of an executor does."""


class Answers:
    """An `ImageStore` whose images stay what they were, also if a name leads to another one by now."""

    def __init__(self, store: ImageStore, references: Iterable[str], submit: Submit) -> None:
        """Ask for images, each as `submit` calls it. What is wrong with one is raised when that is inspected."""
        self._store = store
        self._asked = {each: submit(store.inspect_image, each) for each in dict.fromkeys(references)}

    @property
    def host(self) -> str:
        """As the store's."""
        return self._store.host

    @property
    def key(self) -> str:
        """As the store's."""
        return self._store.key

    @property
    def described(self) -> str:
        """As the store's."""
        return self._store.described

    @property
    def identity(self) -> EngineIdentity:
        """As the store's."""
        return self._store.identity

    @property
    def data_root(self) -> DataRoot:
        """As the store's."""
        return self._store.data_root

    def do_meanwhile(self, *steps: Callable[[], object]) -> None:
        """Take steps, one after the other, for as long as the engine has not answered everything.

        A step cannot be broken off, and images that have to be read wait for its end. So the first one should be short,
        and before the second the engine has a moment to answer.
        """
        for number, step in enumerate(steps):
            if not wait(self._asked.values(), _MOMENT_SECONDS if number == 1 else 0).not_done:
                return
            step()

    def inspect_image(self, reference: str) -> LocalImage:
        """Return what the engine knows about an image; raise `NoSuchImage` if it has no image of that name."""
        asked = self._asked.get(reference)
        return asked.result() if asked else self._store.inspect_image(reference)

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""
        return self._store.has_image(reference)

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name."""
        return self._store.list_named_images()

    @property
    def can_save_at_once(self) -> bool:
        """As the store's."""
        return self._store.can_save_at_once

    def save(self, references: Sequence[str]) -> AbstractContextManager[BinaryIO]:
        """Open one `docker save` stream of all the images."""
        return self._store.save(references)
