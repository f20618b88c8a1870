"""Of an engine's images exactly those go that a build recorded and that are still what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.build import built_images
from weighbridge.build.built_images import BuiltImage, record
from weighbridge.build.removal import list_unrecorded, remove_built
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoSuchImage
from weighbridge.model.engine import LocalImage


def made_id(number: int) -> str:
    """Return an id of that number."""
    return f"sha256:{number:064x}"


@dataclass
class Store:
    """An engine's images: names lead to ids, ids to layers; an image goes with its last name, unless it is in use."""

    names: dict[str, int]
    layers: dict[int, tuple[str, ...]]
    labelled: set[int]
    used: set[int] = field(default_factory=set)
    key: str = "engine"

    def find(self, reference: str) -> int | None:
        """Return the number of the image that has a name or an id."""
        return next((each for each in self.layers if made_id(each) == reference), self.names.get(reference))

    def inspect_image(self, reference: str) -> LocalImage:
        """Return an image by its name or its id."""
        number = self.find(reference)
        if number is None:
            raise NoSuchImage(reference)
        return LocalImage(
            reference=reference,
            id=made_id(number),
            platform="linux/amd64",
            diff_ids=self.layers[number],
            labels={},
            user="",
        )

    def has_image(self, reference: str) -> bool:
        """Tell whether there is an image of that name or id."""
        return self.find(reference) is not None

    def remove_image(self, reference: str) -> bool:
        """Remove a name, and with the last one the image."""
        number = self.find(reference)
        if number is None or (number in self.used and [*self.names.values()].count(number) < 2):
            return False
        self.names.pop(reference, None)
        if number not in self.names.values():
            del self.layers[number]
        return True

    def list_labelled_images(self, label: str) -> tuple[str, ...]:
        """Return the names of images that have our label, and the ids of those without a name."""
        assert label == "weighbridge=image"
        named = {name for name, number in self.names.items() if number in self.labelled}
        nameless = self.labelled & self.layers.keys() - set(self.names.values())
        return tuple(sorted({*named, *map(made_id, nameless)}))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def store(**changes: object) -> Store:
    """Return a store with two builds of `a:1`, the first of which has lost its name, and one of another project."""
    for reference, number in (("a:1", 1), ("a:1", 2), ("b:1", 3)):
        record("engine", BuiltImage(reference, made_id(number)))
    parts = {"names": {"a:1": 2, "b:1": 3}, "layers": {1: ("x",), 2: ("y",), 3: ("z",)}, "labelled": {1, 2, 3}}
    return Store(**{**parts, **changes})  # type: ignore[arg-type] # of the right types


def test_names_and_lost_ids_go() -> None:
    """The recorded name and the id that lost it are removed; another project's image stays."""
    shelf = store()
    removed = remove_built(cast("Engine", shelf), {"a"})
    assert (removed.count, removed.kept) == (2, ())
    assert shelf.names == {"b:1": 3}
    assert shelf.layers.keys() == {3}


def test_what_the_user_did_to_them_stays() -> None:
    """A name that leads to another image now, and a name that the user gave to an image of ours, stay."""
    shelf = store(names={"a:1": 9, "mine:1": 2}, layers={1: ("x",), 2: ("y",), 9: ("y", "own")}, labelled={1, 2, 9})
    removed = remove_built(cast("Engine", shelf), {"a"})
    assert (removed.count, removed.kept) == (1, ())
    assert shelf.names == {"a:1": 9, "mine:1": 2}


def test_what_is_in_use_is_kept_and_told() -> None:
    """An image that a container uses stays, whether it has its name or not."""
    shelf = store(used={1, 2})
    removed = remove_built(cast("Engine", shelf), {"a"})
    assert (removed.count, removed.kept) == (0, ("a:1", made_id(1)))


def test_another_engine_s_record_counts_not() -> None:
    """An engine with the same images, for which nothing is recorded, keeps all of them."""
    shelf = store(key="another")
    assert remove_built(cast("Engine", shelf), {"a", "b"}).count == 0
    assert len(shelf.layers) == 3


NUMBERS = st.integers(0, 5)
NAMES = st.sampled_from(["a:1", "a:2", "b:1", "mine:1"])


@settings(max_examples=200)
@given(
    st.lists(st.tuples(NAMES, NUMBERS), max_size=6),
    st.dictionaries(NAMES, NUMBERS),
    st.sets(NUMBERS),
    st.sets(NUMBERS),
)
def test_nothing_goes_that_is_not_recorded(
    recorded: list[tuple[str, int]], names: dict[str, int], nameless: set[int], used: set[int]
) -> None:
    """In any engine, a name goes only with its recorded id, and an id only if it is recorded and nameless."""
    built_images._locate("engine").unlink(missing_ok=True)
    for name, number in recorded:
        record("engine", BuiltImage(name, made_id(number)))
    there = {*names.values(), *nameless}
    shelf = Store(dict(names), {number: (str(number),) for number in there}, set(there), used)
    remove_built(cast("Engine", shelf), {"a"})
    ours = {(name, number) for name, number in recorded if name.startswith("a:")}
    assert names.items() - shelf.names.items() <= ours
    assert there - shelf.layers.keys() <= {number for _, number in ours}
    gone = {name for name, number in names.items() if (name, number) in ours and number not in used}
    assert not gone & shelf.names.keys()


def test_unrecorded_images_are_listed() -> None:
    """An image with our label and a name of ours is listed; one without the label, or with another name, is not."""
    shelf = store(
        names={"a:1": 2, "a:2": 4, "a:2-rebuild-0123abcd": 5, "a:mine": 6, "a:3": 7},
        layers={2: ("y",), 4: ("4",), 5: ("5",), 6: ("6",), 7: ("7",)},
        labelled={2, 4, 5, 6},
    )
    names = {"a:1", "a:2", "a:3"}
    assert list_unrecorded(cast("Engine", shelf), names) == ("a:2", "a:2-rebuild-0123abcd")
    assert list_unrecorded(cast("Engine", shelf), set()) == ()


def test_derived_images_are_not_listed() -> None:
    """An image on one of ours, which may have lost its name, is not ours, even under a name of ours."""
    layers = {1: ("x",), 2: ("y",), 4: ("x", "own"), 5: ("y", "own")}
    shelf = store(names={"a:1": 2, "a:2": 4, "a:3": 5}, layers=layers, labelled={1, 2, 4, 5})
    assert list_unrecorded(cast("Engine", shelf), {"a:1", "a:2", "a:3"}) == ()


def test_what_stands_on_a_stand_in_is_listed() -> None:
    """Our own images stand on stand-ins, and these on each other, which have our label, too."""
    layers = {1: ("root",), 2: ("root", "python"), 3: ("root", "python", "code")}
    shelf = Store({"root:1": 1, "python:3": 2, "a:1": 3}, layers, {1, 2, 3})
    names = {"root:1", "python:3", "a:1"}
    assert list_unrecorded(cast("Engine", shelf), names, {"root:1", "python:3"}) == ("a:1", "python:3", "root:1")
