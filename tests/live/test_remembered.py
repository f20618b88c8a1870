"""What was learned of an engine's layers is not read again, and whatever happens to it, the figures stay right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.live import evidence, stages
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.commands import weigh
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.lookup import Lookup
from weighbridge.model.report import Image
from weighbridge.settings.project import check
from weighbridge.sources.locations import DOCKER, Location

pytestmark = pytest.mark.engine

TARGETS = ("dives-own-test", "odd-names", "linked-pair-chowned")
PROJECT = Path(__file__).parents[2]
_PROCESSES = 3
_SECONDS = 60
_MEASURE = """
import dataclasses, json, sys
from pathlib import Path
from weighbridge.commands.weigh import weigh
from weighbridge.cache import Cache
from weighbridge.sources.locations import DOCKER, Location

locations = {name: Location(DOCKER, place) for name, place in json.loads(sys.argv[1]).items()}
input()
report = weigh(locations, Path(), cache=Cache(Path(sys.argv[2]))).report
print(json.dumps([dataclasses.asdict(image) for image in report.images]))
"""


class Saves:
    """Counts what an engine was asked to save."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Sequence[str]] = []
        save = Lookup.save

        def counted(engine: Lookup, references: Sequence[str]) -> AbstractContextManager[BinaryIO]:
            self.asked.append(references)
            return save(engine, references)

        monkeypatch.setattr(Lookup, "save", counted)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> Saves:
    """Return the counter of all engines."""
    return Saves(monkeypatch)


@pytest.fixture(scope="module")
def references(
    engine: DockerEngine, python_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """Build some images; return their names."""
    folder = tmp_path_factory.mktemp("remembered")
    stages.write(folder)
    targets = (*TARGETS, "empty-layers")
    with evidence.built(engine, folder, targets, {"PYTHON": python_base.reference}) as made:
        yield made


def weighed(
    references: Mapping[str, str], cache: Path, targets: Sequence[str] = TARGETS, *, in_folder: bool = False
) -> Sequence[Image]:
    """Measure images with what a cache folder holds; what it lacks the engine saves, or its own folder has."""
    locations = {name: Location(DOCKER, references[name]) for name in targets}
    settings = check({"engine": {"local_store": in_folder}})
    return weigh.weigh(locations, PROJECT, cache=Cache(cache), settings=settings).report.images


def test_images_that_are_known_are_not_saved(references: Mapping[str, str], saves: Saves, tmp_path: Path) -> None:
    """The second time nothing is asked of the engine but the images' ids, and the figures are the same."""
    first = weighed(references, tmp_path)
    asked = [*saves.asked]
    assert sorted(each for group in asked for each in group) == sorted(references[name] for name in TARGETS)
    assert weighed(references, tmp_path) == first
    assert saves.asked == asked


def test_images_that_were_read_in_the_folder_are_known(
    engine: DockerEngine, references: Mapping[str, str], saves: Saves, tmp_path: Path
) -> None:
    """What was read in the engine's folder is known also to a run that leaves the folder alone."""
    if not os.access(engine.data_root.path, os.R_OK):
        pytest.skip("this user may not read the engine's folder")
    first = weighed(references, tmp_path, in_folder=True)
    assert weighed(references, tmp_path) == first
    assert saves.asked == []


def test_layers_without_entries_are_known_too(references: Mapping[str, str], saves: Saves, tmp_path: Path) -> None:
    """An image with a layer in which there is nothing is remembered like any other."""
    first = weighed(references, tmp_path, ["empty-layers"])
    assert weighed(references, tmp_path, ["empty-layers"]) == first
    assert len(saves.asked) == 1


def test_only_the_image_that_is_new_is_saved(references: Mapping[str, str], saves: Saves, tmp_path: Path) -> None:
    """Of several images those are saved that are not known."""
    weighed(references, tmp_path, TARGETS[:2])
    count = len(saves.asked)
    weighed(references, tmp_path)
    assert saves.asked[count:] == [[references[TARGETS[2]]]]


def test_known_layers_of_a_new_image_are_right(references: Mapping[str, str], tmp_path: Path) -> None:
    """An image that shares layers with one that is known has the figures that it has by itself."""
    weighed(references, tmp_path / "shared", TARGETS[:1])
    assert weighed(references, tmp_path / "shared", TARGETS[1:]) == weighed(references, tmp_path / "own", TARGETS[1:])


@pytest.mark.parametrize("damage", ["deleted", "emptied", "cut off", "garbled"])
def test_damaged_file_is_read_anew(references: Mapping[str, str], saves: Saves, tmp_path: Path, damage: str) -> None:
    """Each file may be deleted, cut off or garbled: the image is read again, right, and known thereafter."""
    first = weighed(references, tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files
    for path in files:
        data = path.read_bytes()
        if damage == "deleted":
            path.unlink()
        elif damage == "emptied":
            path.write_bytes(b"")
        else:
            path.write_bytes(data[: len(data) // 2] + (b"garbled" if damage == "garbled" else b""))
        assert weighed(references, tmp_path) == first
        count = len(saves.asked)
        assert weighed(references, tmp_path) == first
        assert len(saves.asked) == count, path.name


def test_processes_share_a_cache(references: Mapping[str, str], tmp_path: Path) -> None:
    """Processes that fill one folder at the same time all give the right figures, and leave a folder that does."""
    chosen = json.dumps({name: references[name] for name in TARGETS})
    command = [sys.executable, "-c", _MEASURE, chosen, str(tmp_path / "shared")]
    started = [
        subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(_PROCESSES)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=_SECONDS)[0] for process in started]
    assert [process.returncode for process in started] == [0] * _PROCESSES
    assert len(set(printed)) == 1
    alone = weighed(references, tmp_path / "alone")
    assert [each["live_bytes"] for each in json.loads(printed[0])] == [image.live_bytes for image in alone]
    assert weighed(references, tmp_path / "shared") == alone


def test_known_images_need_nothing_that_reads_or_weighs(references: Mapping[str, str], tmp_path: Path) -> None:
    """Neither Docker's SDK nor what reads and weighs layers is loaded for images whose figures are known."""
    first = weighed(references, tmp_path)
    places = json.dumps({name: references[name] for name in TARGETS})
    program = f"{_MEASURE}\nprint(json.dumps([*sys.modules]))"
    words = [sys.executable, "-c", program, places, str(tmp_path)]
    ran = subprocess.run(words, input="\n", capture_output=True, text=True, check=True, cwd=PROJECT, timeout=_SECONDS)
    images, loaded = map(json.loads, ran.stdout.splitlines())
    assert [image["shipped_bytes"] for image in images] == [image.shipped_bytes for image in first]
    heavy = {
        "docker",
        "requests",
        "weighbridge.image.weighing",
        "weighbridge.image.packages",
        "weighbridge.model.container",
        "weighbridge.sources.tar",
    }
    assert not heavy & {*loaded}
