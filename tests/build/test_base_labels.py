"""What a build writes down of its base: what it read, what the engine knows, and nothing that was inherited."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.base_labels import describe_base
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.image.base_image import (
    DIGEST_LABEL,
    FROM_LABEL,
    NAME_LABEL,
    NOTHING_LABEL,
    STANDS_FOR_LABEL,
    TOP_LABEL,
    read_base_label,
)
from weighbridge.model.engine import LocalImage
from weighbridge.model.report import EngineIdentity

LAYERS = ("sha256:a", "sha256:b")
OWN = (NAME_LABEL, DIGEST_LABEL, NOTHING_LABEL, FROM_LABEL, STANDS_FOR_LABEL, TOP_LABEL)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Dockerfile of one stage on the image that the engine has."""
    path = tmp_path_factory.mktemp("known") / "Dockerfile"
    path.write_text("FROM base:1\n")
    return path


class Shelf:
    """An engine with one image, `base:1`."""

    identity = EngineIdentity(version="0", store="overlay2", platform="linux/amd64")

    def __init__(self, labels: Mapping[str, str], digest: str = "") -> None:
        self._labels, self._digest = labels, digest

    def inspect_image(self, reference: str) -> LocalImage:
        """Return that image; capitals are no name."""
        if reference != reference.lower():
            raise EngineFault("The engine says: repository name must be lowercase")
        if reference != "base:1":
            raise NoSuchImage(f"The engine has no image {reference}")
        return LocalImage(
            reference=reference,
            id="sha256:i",
            platform="linux/amd64",
            diff_ids=LAYERS,
            labels=self._labels,
            user="",
            digest=self._digest,
        )


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    """Return a Dockerfile with a stage for each kind of base."""
    path = tmp_path / "Dockerfile"
    stages = {"known": "base:1", "gone": "gone:1", "wrong": "GONE:1", "nothing": "scratch", "unclear": "a-$TARGETOS"}
    path.write_text("".join(f"FROM {image} AS {name}\n" for name, image in stages.items()))
    return path


def described(dockerfile: Path, target: str, inherited: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Return the labels of a target on a base with these labels."""
    platforms = options.pop("platforms", ())
    engine: Any = Shelf(inherited or {}, **options)
    return describe_base(engine, dockerfile, target, {}, platforms)


def test_base_that_the_engine_has(dockerfile: Path) -> None:
    """Its name, its digest where it has one, and its layers are written down; what is not known is left out."""
    expected = {NAME_LABEL: "base:1", FROM_LABEL: "base:1", TOP_LABEL: "2 sha256:b"}
    assert described(dockerfile, "known") == expected
    assert described(dockerfile, "known", digest="sha256:d") == {**expected, DIGEST_LABEL: "sha256:d"}


def test_scratch(dockerfile: Path) -> None:
    """That there is no base is known, too; nothing is inherited from nothing."""
    assert described(dockerfile, "nothing") == {FROM_LABEL: "scratch"}


@pytest.mark.parametrize("platforms", [("linux/arm64",), ("linux/amd64", "linux/arm64")])
def test_layers_of_another_platform(dockerfile: Path, platforms: tuple[str, ...]) -> None:
    """They are not those of the engine's image, nor are its labels those of the base."""
    written = {label: value for label, value in described(dockerfile, "known", platforms=platforms).items() if value}
    assert written == {NAME_LABEL: "base:1", FROM_LABEL: "base:1"}


@pytest.mark.parametrize("target", ["gone", "wrong"])
def test_base_that_the_engine_has_not(dockerfile: Path, target: str) -> None:
    """Its name is known; all else that it may say of its own base is overwritten."""
    name = {"gone": "gone:1", "wrong": "GONE:1"}[target]
    written = {NAME_LABEL: name, FROM_LABEL: name}
    assert described(dockerfile, target) == dict.fromkeys(OWN, "") | written


def test_base_that_cannot_be_told(dockerfile: Path) -> None:
    """What the base says that its build has read is not what this build has read, nor are those its layers."""
    expected = {FROM_LABEL: "", TOP_LABEL: ""}
    assert described(dockerfile, "unclear") == expected
    assert described(dockerfile.with_name("missing"), "known") == expected
    os.mkfifo(dockerfile.with_name("fifo"))
    assert described(dockerfile.with_name("fifo"), "known") == expected


@given(st.dictionaries(st.sampled_from(OWN), st.sampled_from(["", "base:1", "x:1", "scratch", "1 sha256:a"])))
def test_inherited_labels_do_not_lie(known: Path, inherited: dict[str, str]) -> None:
    """Whatever the base says of itself, an image that is built on it tells this base, and that its build read it."""
    engine: Any = Shelf(inherited)
    labels = {**inherited, **describe_base(engine, known, None, {})}
    assert read_base_label(labels, (*LAYERS, "sha256:c"), lambda _: None) == ("base:1", 2, "dockerfile")


@given(st.dictionaries(st.sampled_from(OWN), st.sampled_from(["", "x:1", "scratch", "1 sha256:a"])))
def test_inherited_labels_are_not_the_builds_word(known: Path, inherited: dict[str, str]) -> None:
    """Where the FROM cannot be read, nothing that is inherited passes for what this build has read."""
    engine: Any = Shelf(inherited)
    labels = {**inherited, **describe_base(engine, known.with_name("missing"), None, {})}
    found = read_base_label(labels, (*LAYERS, "sha256:c"), lambda _: LAYERS)
    assert found is None or found[2] == "label"


def test_standin_of_the_build(tmp_path: Path) -> None:
    """Where a stand-in takes the place of the image in FROM, the labels tell of it, and for what it stands."""
    path = tmp_path / "Dockerfile"
    path.write_text("FROM official:1\n")
    engine: Any = Shelf({})
    labels = describe_base(engine, path, None, {}, others={"official:1": "base:1"})
    assert labels[NAME_LABEL] == labels[FROM_LABEL] == "base:1"
    assert labels[STANDS_FOR_LABEL] == "official:1"
    assert labels[TOP_LABEL] == "2 sha256:b"
