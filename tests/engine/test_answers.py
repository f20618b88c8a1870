"""Images are asked for once and at the same time; errors come where they came without that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import cast

import pytest

from tests.support.images import Entry, ImageSpec
from tests.support.shelf import Shelf
from weighbridge.engine.answers import Answers
from weighbridge.engine.protocol import ImageStore
from weighbridge.errors import NoSuchImage
from weighbridge.model.engine import LocalImage

SPECS = [ImageSpec(tags=(name,), layers=((Entry("a", name.encode()),),)) for name in ("x:1", "x:2", "x:3")]


class Counted(Shelf):
    """An engine that answers only once it was asked for two images, and counts."""

    def __init__(self, specs: list[ImageSpec]) -> None:
        super().__init__(specs, "docker_25")
        self.both, self.asked = Barrier(2, timeout=20), list[str]()

    def inspect_image(self, reference: str) -> LocalImage:
        """Wait for the other question."""
        self.asked.append(reference)
        if reference in ("x:1", "x:2"):
            self.both.wait()
        return super().inspect_image(reference)


def test_images_are_asked_for_together_and_once() -> None:
    """However often they are inspected afterwards; one that was not named beforehand is asked for then."""
    store = Counted(SPECS)
    with ThreadPoolExecutor(2) as executor:
        answers = Answers(cast("ImageStore", store), ["x:1", "x:2", "x:1"], executor.submit)
        found = [answers.inspect_image(name) for name in ("x:2", "x:1", "x:1", "x:3")]
    assert [each.reference for each in found] == ["x:2", "x:1", "x:1", "x:3"]
    assert sorted(store.asked) == ["x:1", "x:2", "x:3"]


def test_something_else_meanwhile() -> None:
    """Each step is taken only if the engine has not answered yet."""

    class Slow(Shelf):
        def inspect_image(self, reference: str) -> LocalImage:
            """Answer when the second step is taken."""
            assert second.wait(20)
            return super().inspect_image(reference)

    def take_second() -> None:
        second.set()
        answers.inspect_image("x:1")

    second, taken = Event(), list[int]()
    with ThreadPoolExecutor(1) as executor:
        answers = Answers(cast("ImageStore", Slow(SPECS, "docker_25")), ["x:1"], executor.submit)
        answers.do_meanwhile(lambda: taken.append(1), take_second, lambda: taken.append(3))
    assert (taken, second.is_set()) == ([1], True)


def test_image_that_is_not_there() -> None:
    """It is an error where it is inspected, each time, and no harm to the others."""
    with ThreadPoolExecutor(2) as executor:
        answers = Answers(cast("ImageStore", Shelf(SPECS, "docker_25")), ["gone:1", "x:1"], executor.submit)
        for _ in range(2):
            with pytest.raises(NoSuchImage):
                answers.inspect_image("gone:1")
        assert answers.inspect_image("x:1").diff_ids == SPECS[0].diff_ids
        assert (answers.has_image("gone:1"), answers.has_image("x:1")) == (False, True)


def test_everything_else_is_the_stores() -> None:
    """Identity, folder, names and streams."""
    shelf = Shelf(SPECS, "docker_25")
    with ThreadPoolExecutor(1) as executor:
        answers = Answers(cast("ImageStore", shelf), [], executor.submit)
    assert (answers.identity, answers.data_root) == (shelf.identity, shelf.data_root)
    assert answers.list_named_images() == shelf.list_named_images()
    with answers.save(["x:1"]) as stream, shelf.save(["x:1"]) as other:
        assert stream.read() == other.read()
