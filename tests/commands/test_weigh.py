"""An engine's images become a report whose sums hold."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import LAYOUTS, Entry, ImageSpec, hexdigest, tar_of
from tests.support.shelf import IDENTITY, Shelf
from tests.support.wheels import wheel
from weighbridge.cache import Cache
from weighbridge.commands.requirements import find_demands
from weighbridge.commands.weigh import weigh
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, NoSuchImage, SourceError, UnreadableImage
from weighbridge.image import requirements, weighing
from weighbridge.image.base_image import FROM_LABEL, NAME_LABEL, NOTHING_LABEL, STANDS_FOR_LABEL, TOP_LABEL
from weighbridge.image.base_image import NOTHING as NOTHING_BELOW
from weighbridge.image.requirements import Demand
from weighbridge.model.engine import LocalImage
from weighbridge.model.report import Base, Image, Pull, Report
from weighbridge.report.removable import find_removals
from weighbridge.settings.project import check as settings_check
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.locations import DOCKER, Location

ROOT = Path(__file__).parents[2]

SYSTEM, TOOLS, APP = (Entry("os", b"1" * 100),), (Entry("a", b"22"), Entry("b", b"333")), (Entry("main.py", b"4444"),)

BASE = ImageSpec(tags=("debian:slim",), layers=(SYSTEM, TOOLS))
OTHER = ImageSpec(tags=("alpine:3",), layers=(TOOLS,))
NOTHING = ImageSpec(tags=("nothing:1",), layers=())


def built(base: str | None, variant: str = "multi") -> ImageSpec:
    """Return an image on BASE that names its base so."""
    return ImageSpec(
        tags=(f"backend:{variant}",),
        layers=(SYSTEM, TOOLS, APP),
        history=(
            {"created_by": "ADD x in /"},
            {"created_by": "RUN /bin/sh -c y # buildkit"},
            {"created_by": "ENV a=b", "empty_layer": True},
        ),
        labels={} if base is None else {NAME_LABEL: base},
    )


def docker(variants: Mapping[str, str]) -> dict[str, Location]:
    """Return the locations of an engine's images."""
    return {variant: Location(DOCKER, reference) for variant, reference in variants.items()}


def hold_sums(image: Image) -> None:
    """Hold what must hold of every image in every record."""
    assert image.shipped_bytes == sum(layer.shipped_bytes for layer in image.layers)
    assert image.shipped_bytes == sum(row.bytes for row in image.ledger)
    assert image.live_bytes == sum(layer.live_bytes or 0 for layer in image.layers)
    assert image.wasted_bytes == image.shipped_bytes - image.live_bytes
    assert image.wasted_bytes == sum(row.bytes for row in image.waste)
    assert image.wasted_bytes == sum(layer.wasted_bytes or 0 for layer in image.layers)
    assert image.file_count == sum(layer.file_count for layer in image.layers)
    assert [layer.index for layer in image.layers] == list(range(len(image.layers)))
    assert all(row.bytes > 0 for row in image.ledger)
    assert all(row.bytes > 0 for row in image.waste)


def weighed(folder: Path, images: Sequence[ImageSpec], variants: dict[str, str], layout: str = "docker_20") -> Report:
    """Measure variants on an engine with these images, twice: what is known is not asked for again."""
    shelf, cache = Shelf(images, layout), Cache(folder)
    report = weigh(docker(variants), folder, cache=cache, engine=cast("Engine", shelf)).report
    assert shelf.saves == (1 if variants else 0)
    again = weigh(docker(variants), folder, cache=cache, engine=cast("Engine", shelf)).report
    assert replace(again, recorded_at=report.recorded_at) == report
    assert shelf.saves == (1 if variants else 0)
    for image in report.images:
        hold_sums(image)
    return report


@pytest.mark.parametrize("layout", ["docker_20", "docker_25", "containerd"])
def test_report_is_the_same_on_every_engine(tmp_path: Path, layout: str) -> None:
    """Figures, instructions and base are those of the image, whatever the engine's store."""
    report = weighed(tmp_path, [BASE, built("debian:slim")], {"multi": "backend:multi"}, layout)
    assert (report.commit, report.dirty, report.engine, report.sharing) == (None, False, IDENTITY, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", report.recorded_at)
    (image,) = report.images
    assert (image.variant, image.reference, image.source, image.platform) == (
        "multi",
        "backend:multi",
        "docker",
        "linux/amd64",
    )
    assert image.id == f"sha256:{hexdigest(built('debian:slim').config)}"
    assert [(layer.instruction, layer.in_base, layer.shipped_bytes, layer.file_count) for layer in image.layers] == [
        ("ADD x in /", True, 100, 1),
        ("RUN y", True, 5, 2),
        ("(missing)", False, 4, 1),
    ]
    assert image.base == Base(reference="debian:slim", layers=2, shipped_bytes=105, known_by="label")
    assert {(row.category, row.bytes) for row in image.ledger} == {("base", 105), ("unowned", 4)}


def test_pull_is_exact_where_the_engine_has_blobs(tmp_path: Path) -> None:
    """The containerd store keeps what a registry has: sizes and digests are those, and the config is a blob too."""
    spec = built(None)
    (image,) = weighed(tmp_path, [spec], {"multi": "backend:multi"}, "containerd").images
    packed = [gzip.compress(archive, mtime=0) for archive in spec.archives]
    assert [layer.pull_bytes for layer in image.layers] == [len(data) for data in packed]
    assert [layer.blob for layer in image.layers] == [f"sha256:{hexdigest(data)}" for data in packed]
    assert image.pull == Pull(bytes=sum(map(len, packed)) + len(spec.config), basis="exact")


@pytest.mark.parametrize("layout", ["docker_20", "docker_25"])
def test_pull_is_estimated_where_layers_are_not_compressed(tmp_path: Path, layout: str) -> None:
    """It says so, and a short layer is packed by the real thing."""
    spec = built(None)
    (image,) = weighed(tmp_path, [spec], {"multi": "backend:multi"}, layout).images
    packed = [len(gzip.compress(archive, 6)) for archive in spec.archives]
    assert [layer.pull_bytes for layer in image.layers] == packed
    assert [layer.blob for layer in image.layers] == [None] * 3
    assert image.pull == Pull(bytes=sum(packed) + len(spec.config), basis="estimated")


@pytest.mark.parametrize("base", [None, "", " ", "gone:1", "no name", "alpine:3", "nothing:1", "backend:larger"])
@pytest.mark.parametrize("own", ["backend:older", "docker.io/library/backend:older"])
def test_base_that_is_not_known(tmp_path: Path, base: str | None, own: str) -> None:
    """No label, no such image, no valid name, or an image that this one does not stand on: there is no base."""
    larger = ImageSpec(tags=("backend:larger",), layers=(SYSTEM, TOOLS, APP, APP))
    older = ImageSpec(tags=(own, "copy:1"), layers=(SYSTEM, TOOLS))  # other builds of an image are no bases of it
    nameless = ImageSpec(tags=(), layers=(SYSTEM,))
    images = [older, OTHER, NOTHING, larger, nameless, built(base)]
    (image,) = weighed(tmp_path, images, {"multi": "backend:multi"}).images
    assert image.base is None
    assert not any(layer.in_base for layer in image.layers)


@pytest.mark.parametrize("base", [None, "gone:1", "alpine:3"])
@pytest.mark.parametrize("layout", ["docker_20", "containerd"])
def test_base_by_its_layers(tmp_path: Path, base: str | None, layout: str) -> None:
    """Where no label tells it, the base is the deepest image of the engine that begins this one."""
    shallow = ImageSpec(tags=("busybox:1",), layers=(SYSTEM,))
    (image,) = weighed(tmp_path, [shallow, BASE, OTHER, built(base)], {"multi": "backend:multi"}, layout).images
    assert image.base == Base(reference="debian:slim", layers=2, shipped_bytes=105, known_by="layers")


def test_copy_under_another_name(tmp_path: Path) -> None:
    """Another build of an image under a name that the image itself has, too, is no base of it."""
    older = ImageSpec(tags=("copy:1",), layers=(SYSTEM, TOOLS))
    image = replace(built(None), tags=("backend:multi", "copy:2"))
    (found,) = weighed(tmp_path, [older, image], {"multi": "backend:multi"}).images
    assert found.base is None


def test_images_are_listed_where_no_label_answers(tmp_path: Path) -> None:
    """The engine is asked for all its images once, and only for an image whose labels tell no base."""
    for base, times in (("debian:slim", 0), (None, 1)):
        shelf = Shelf([BASE, built(base), built(base, "twin")], "docker_20")
        places = docker({"multi": "backend:multi", "twin": "backend:twin"})
        weigh(places, tmp_path, cache=Cache(tmp_path), engine=cast("Engine", shelf))
        assert shelf.listed == times


def test_engine_that_cannot_list_its_images(tmp_path: Path) -> None:
    """Then the base is not known, and the report is made all the same."""

    class Closed(Shelf):
        def list_named_images(self) -> tuple[LocalImage, ...]:
            raise EngineFault("The engine says: no")

    shelf = Closed([BASE, built(None)], "docker_20")
    report = weigh(docker({"x": "backend:multi"}), tmp_path, cache=Cache(tmp_path), engine=cast("Engine", shelf)).report
    assert report.images[0].base is None


def test_engine_at_hand_tells_bases_of_other_sources(tmp_path: Path) -> None:
    """An image in a file has the base that it would have in the engine; without an engine its base is not known."""
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS["docker_25"]([built(None)])))
    place, shelf = {"x": Location("archive", str(tmp_path / "saved.tar"))}, Shelf([BASE], "docker_20")
    (image,) = weigh(place, tmp_path, engine=cast("Engine", shelf)).report.images
    assert image.base == Base(reference="debian:slim", layers=2, shipped_bytes=105, known_by="layers")
    (image,) = weigh(place, tmp_path).report.images
    assert image.base is None


def test_engine_is_asked_before_something_else_is_done(tmp_path: Path) -> None:
    """It answers meanwhile: it would wait here for the other thing."""

    class Slow(Shelf):
        def inspect_image(self, reference: str) -> LocalImage:
            """Answer only when that is done."""
            assert done.wait(20)  # before the answer is waited for, since this is another thread
            return super().inspect_image(reference)

    done, shelf = Event(), Slow([BASE], "docker_20")
    weighed = weigh(
        {"x": Location(DOCKER, BASE.tags[0])},
        tmp_path,
        cache=Cache(tmp_path),
        engine=cast("Engine", shelf),
        while_asking=(done.set,),
    )
    assert [image.variant for image in weighed.report.images] == ["x"]


def test_two_variants_of_one_image_both_come_out(tmp_path: Path) -> None:
    """Variants keep their order, also where names or bytes are the same."""
    image = built(None)
    twin = ImageSpec(tags=("backend:multi", "backend:twin"), layers=image.layers, history=image.history)
    variants = {"b": "backend:twin", "a": "backend:multi", "c": "backend:multi"}
    report = weighed(tmp_path, [twin], variants)
    assert [(one.variant, one.reference) for one in report.images] == list(variants.items())
    assert len({one.id for one in report.images}) == 1


def test_base_is_known_by_what_the_build_wrote_down(tmp_path: Path) -> None:
    """The label of `invoke build` tells the base where the base image is gone; one that fits no layer tells nothing."""
    for top, layers in ((f"2 {BASE.diff_ids[1]}", 2), (f"1 {BASE.diff_ids[1]}", None), ("2 sha256:0", None)):
        spec = replace(built("gone:1"), labels={NAME_LABEL: "gone:1", TOP_LABEL: top})
        (image,) = weighed(tmp_path, [spec], {"multi": "backend:multi"}).images
        assert (image.base and image.base.layers) == layers


def test_standin_is_told_where_the_build_wrote_it_down(tmp_path: Path) -> None:
    """A record names the image that a stand-in stands for, unless the label was inherited."""
    told = {NAME_LABEL: "gone:1", TOP_LABEL: f"2 {BASE.diff_ids[1]}", STANDS_FOR_LABEL: "official:1"}
    for read, stands_for in (({FROM_LABEL: "gone:1"}, "official:1"), ({}, None)):
        (image,) = weighed(tmp_path, [replace(built("gone:1"), labels={**told, **read})], {"a": "backend:multi"}).images
        assert image.base is not None
        assert image.base.stands_for == stands_for


def test_images_share_layers(tmp_path: Path) -> None:
    """A shared layer counts once; the result has each image's own bytes, and unshared layers with equal files."""
    first = ImageSpec(tags=("a:1",), layers=(SYSTEM, TOOLS, APP))
    second = ImageSpec(tags=("b:1",), layers=(SYSTEM, tuple(reversed(TOOLS))))
    sharing = weighed(tmp_path, [first, second], {"a": "a:1", "b": "b:1"}).sharing
    assert sharing is not None
    assert sharing.shipped_bytes == 100 + 5 + 4 + 5
    assert [(each.variant, each.shipped_bytes) for each in sharing.unique] == [("a", 9), ("b", 5)]
    (twins,) = sharing.twins
    assert (twins.first, twins.second, twins.shipped_bytes) == ("a:1", "b:1", 5)
    assert twins.why == "the archives are written differently"


def test_image_that_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """The engine is asked for every image at once, and nothing is saved where one is missing."""
    shelf = Shelf([BASE], "docker_20")
    with pytest.raises(NoSuchImage, match="no image backend:multi"):
        weigh(
            docker({"a": "debian:slim", "b": "backend:multi"}),
            tmp_path,
            cache=Cache(tmp_path),
            engine=cast("Engine", shelf),
        )
    assert shelf.saves == 0


def test_advice_on_a_missing_image(tmp_path: Path) -> None:
    """The advice for a missing variant is to build it; for other images it lists those present and how to pull one."""
    engine = cast("Engine", Shelf([BASE, OTHER], "docker_20"))
    settings = settings_check({"repository": "backend", "variants": {"multi": {}}})
    advice = {}
    for name in ("backend:multi", "debian:other", "sha256:0123"):
        with pytest.raises(NoSuchImage, match=f"^The engine has no image {name}") as caught:
            weigh(docker({"a": name}), tmp_path, cache=Cache(tmp_path), engine=engine, settings=settings)
        advice[name] = caught.value.advice
    assert advice == {
        "backend:multi": "Run `invoke build` first.",
        "debian:other": "It has debian:slim, alpine:3; to fetch this one from its registry, "
        "run `docker pull debian:other`.",
        "sha256:0123": "It has alpine:3, debian:slim.",
    }


@pytest.mark.parametrize(("count", "listed"), [(0, "It has no images"), (5, "x:4;"), (6, "x:4 and 1 more;")])
def test_a_few_names_are_told(tmp_path: Path, count: int, listed: str) -> None:
    """Up to five of the engine's images are named, and the others are counted."""
    engine = cast(
        "Engine", Shelf([ImageSpec(tags=(f"x:{number}",), layers=()) for number in range(count)], "docker_20")
    )
    with pytest.raises(NoSuchImage) as caught:
        weigh(docker({"a": "y:1"}), tmp_path, cache=Cache(tmp_path), engine=engine)
    assert listed in caught.value.advice


def test_image_without_layers_and_no_image_at_all(tmp_path: Path) -> None:
    """Nothing weighs nothing."""
    (image,) = weighed(tmp_path, [NOTHING], {"x": "nothing:1"}).images
    assert (image.shipped_bytes, image.file_count, image.layers) == (0, 0, ())
    assert weighed(tmp_path / "other", [], {}).images == ()


def test_archive_gives_what_the_engine_gives(tmp_path: Path) -> None:
    """An image in a file has the figures that it has in an engine; of one image the name may be left out."""
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS["docker_25"]([built(None)])))
    location = Location("archive", str(tmp_path / "saved.tar"))
    (image,) = weigh({"x": location}, tmp_path).report.images
    (expected,) = weighed(tmp_path, [built(None)], {"x": "backend:multi"}, "docker_25").images
    assert replace(image, source="docker") == expected


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """The error for a wrong path says what to give instead."""
    with pytest.raises(UnreadableImage, match=r"gone.tar cannot be read: No such file or directory. Give the path"):
        weigh({"x": Location("archive", str(tmp_path / "gone.tar"))}, tmp_path)


OWNED = (
    Entry("var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\nVersion: 1\n"),
    Entry("var/lib/dpkg/info/a.list", b"/os\n/b\n"),
    Entry("v/x-1.dist-info/RECORD", b"x.py,,\n../../os,,\n"),
    Entry("v/x.py", b"7" * 50),
    Entry("b", type=tarfile.LNKTYPE, target="v/x.py"),
    Entry("l", type=tarfile.SYMTYPE, target="v"),
)
HIDING = (Entry(".wh.os"), Entry("v/.wh..wh..opq"), Entry("l/y", b"8"), Entry("a" * 300, b"9"))
WHOLE = {
    layout: tar_of(LAYOUTS[layout]([ImageSpec(tags=("x:1",), layers=(SYSTEM, OWNED, HIDING, OWNED))]))
    for layout in LAYOUTS
}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_of_what_an_engine_sends(layout: str, data: st.DataObject) -> None:
    """Nothing is hashed there: bits flipped anywhere give one of our errors, or figures whose sums hold."""
    content = bytearray(WHOLE[layout])
    for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), min_size=1, max_size=4)):
        content[place // 8] ^= 1 << place % 8
    try:
        image = Archive(archive_members.read(io.BytesIO(content), verified=False)).assemble_image("x:1")
    except SourceError:
        return
    hold_sums(weighing.weigh("x", "docker", image, None).image)


def test_cache_that_somebody_wrote_into(tmp_path: Path) -> None:
    """A document that is well-formed and wrong counts as none: the image is saved again."""
    shelf, cache, spec = Shelf([built(None)], "docker_20"), Cache(tmp_path), built(None)
    first = weigh(docker({"x": "backend:multi"}), tmp_path, cache=cache, engine=cast("Engine", shelf)).report
    cache.keep_document(f"sha256:{hexdigest(spec.config)}", {"config": "{}", "blobs": []})
    again = weigh(docker({"x": "backend:multi"}), tmp_path, cache=cache, engine=cast("Engine", shelf)).report
    assert again.images == first.images
    assert shelf.saves == 2


def test_trees_are_of_what_was_weighed(tmp_path: Path) -> None:
    """The parts of each image come after the report and without another look at the engine; they add up to it."""
    shelf, cache = Shelf([BASE, OTHER, NOTHING], "docker_20"), Cache(tmp_path)
    names = {"a": "debian:slim", "b": "alpine:3", "c": "nothing:1"}
    found = weigh(docker(names), tmp_path, cache=cache, engine=cast("Engine", shelf))
    saves = shelf.saves
    trees = found.trees()
    assert {name: node.bytes for name, node in trees.items()} == {
        image.variant: image.shipped_bytes for image in found.report.images
    }
    assert found.trees() is trees
    assert shelf.saves == saves


SITE = "venv/lib/python3.13/site-packages"


def installed(name: str, *requires: str) -> tuple[Entry, ...]:
    """Return the files of a distribution, as pip leaves them where nobody asked for it."""
    info, program = f"{SITE}/{name}-1.dist-info", f"venv/bin/{name}"
    record = f"{name}.py,,\n../../../bin/{name},,\n{name}-1.dist-info/METADATA,,\n"
    lines = ["Metadata-Version: 2.1", *(f"Requires-Dist: {each}" for each in requires), "", "Requires-Dist: none", ""]
    return (
        Entry(f"{info}/METADATA", "\n".join(lines).encode()),
        Entry(f"{info}/RECORD", record.encode()),
        Entry(f"{info}/INSTALLER", b"pip\n"),
        Entry(f"{SITE}/{name}.py", b"x" * 100),
        Entry(program, b"y"),
    )


def test_what_packages_are_there_for(tmp_path: Path) -> None:
    """The record says of each package who requires it and whether it was asked for, by the project and by the image."""
    spec = ImageSpec(
        tags=("x:1",),
        layers=(
            (*installed("pip"),),
            (*installed("web", "core"), *installed("core"), *installed("loose"), *installed("server")),
            (Entry("app/requirements.txt", b"server[fast]\n"),),
        ),
        command=("/bin/sh", "-c", "exec server web:app"),
    )
    spec = replace(spec, labels={NAME_LABEL: "base", TOP_LABEL: f"1 {spec.diff_ids[0]}"})
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS["docker_25"]([spec])))
    location = Location("archive", str(tmp_path / "saved.tar"))
    asked = requirements.read("requirements.txt", b"web")
    assert asked
    cache = Cache(tmp_path / "cache")
    for _ in range(2):  # as it is read, and as the cache has it
        calls = list[str]()

        def find() -> dict[str, Demand]:
            calls.append("once")  # noqa: B023 - called at once
            return {"x": Demand(requirements=(asked,))}

        (image,) = weigh({"x": location}, tmp_path, cache=cache, find_demands=find).report.images
        assert calls == ["once"]
        told = {
            row.name: (row.required_by, row.requested) for row in image.ledger if "python" in (row.category, row.kind)
        }
        assert told == {
            "pip": (None, None),
            "web": (("the image's command",), True),
            "core": (("web",), False),
            "loose": ((), False),
            "server": (("the image's command",), True),
        }
        assert image.file_count == sum(count for _, count in spec.figures)
    (alone,) = weigh({"x": location}, tmp_path, cache=cache).report.images
    assert {row.name: row.requested for row in alone.ledger if row.category == "python"} == {
        "web": False,
        "core": False,
        "loose": False,
        "server": True,
    }


SHAPES = {
    "wb-web": ["wb-core", "wb-queue[fast]"],
    "wb-queue": ["wb-circle", "wb-speed; extra == 'fast'"],
    "wb-circle": ["wb-queue"],
    "wb-speed": [],
    "wb-core": [],
    "wb-loose": ["wb-core", "wb-only"],
    "wb-only": ["wb-deep"],
    "wb-deep": ["wb-only"],
}
"""Distributions -> what they require: two that somebody installs, and circles."""


@pytest.mark.slow
def test_what_can_go_is_what_pip_can_miss(tmp_path: Path) -> None:
    """Once all that is advised to go is gone from a real environment, pip finds nothing broken; the bytes are those."""
    for name, requires in SHAPES.items():
        wheel(tmp_path, name, requires=requires, extras=["fast"] if name == "wb-queue" else [])
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "--no-cache-dir", "-q"]
    offline = ["--no-index", "--find-links", str(tmp_path)]
    subprocess.run([*pip, "install", *offline, "wb-web", "wb-loose"], check=True)
    files = [path for path in sorted(venv.rglob("*")) if path.is_file() and not path.is_symlink()]
    layer = tuple(Entry(path.relative_to(tmp_path).as_posix(), path.read_bytes()) for path in files)
    (tmp_path / "requirements.txt").write_text("wb-web\n")
    spec = ImageSpec(tags=("x:1",), layers=(layer,), labels={NOTHING_LABEL: NOTHING_BELOW})
    (tmp_path / "saved.tar").write_bytes(tar_of(LAYOUTS["docker_25"]([spec])))
    locations = {"x": Location("archive", str(tmp_path / "saved.tar"))}
    cache = Cache(tmp_path / "cache")
    find = partial(find_demands, settings_check({"variants": {"x": {}}}), tmp_path, ["x"], cache=cache)
    (image,) = weigh(locations, tmp_path, cache=cache, find_demands=find).report.images
    (removal,) = find_removals(image)
    assert {removal.name, *removal.others} == {"wb-loose", "wb-only", "wb-deep"}
    subprocess.run([*pip, "uninstall", "--yes", removal.name, *removal.others], check=True)
    subprocess.run([*pip, "check"], check=True)
    gone = sum(len(entry.data) for entry, path in zip(layer, files, strict=True) if not path.exists())
    assert removal.bytes == gone


WEIGHING = """
import sys
from pathlib import Path
from weighbridge.cache import Cache
from weighbridge.commands.weigh import weigh
from weighbridge.sources.locations import DOCKER, Location
folder = Path(sys.argv[1])
weigh({name: Location(DOCKER, f"x:{name}") for name in "abc"}, folder, cache=Cache(folder))
"""


def test_ctrl_c_does_not_wait_for_an_engine(tmp_path: Path) -> None:
    """One that says what it is, and then answers nothing: the program ends at once, not when the engine is given up."""
    info = json.dumps({"ServerVersion": "28", "Driver": "overlay2", "DockerRootDir": "/d", "ID": "x"}).encode()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.settimeout(20)
        environment = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/s"}
        words = [sys.executable, "-c", WEIGHING, str(tmp_path)]
        with subprocess.Popen(words, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
            asked = [listener.accept()[0] for _ in range(4)]  # for the images, and what it is
            assert [each.recv(65536)[:12] for each in asked] == [b"GET /info HT", *[b"GET /images/"] * 3]
            asked[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(info), info))
            time.sleep(0.5)  # until it waits for the images
            began = time.monotonic()
            program.send_signal(signal.SIGINT)
            program.wait(30)
            for each in asked:
                each.close()
    assert time.monotonic() - began < 3
    assert program.returncode == -signal.SIGINT
