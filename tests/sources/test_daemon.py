"""Images out of an engine, over real HTTP; the engine that goes away in mid-stream included."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import BinaryIO, cast

import docker
import pytest

from tests.support.images import Entry, ImageSpec, docker_20, hexdigest, tar_of
from tests.support.layerdb import Layerdb
from tests.support.shelf import Shelf
from weighbridge.cache import Cache
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, NoEngine, NoSuchImage, UnreadableImage, WeighbridgeError
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import DataRoot
from weighbridge.sources import daemon

SPEC = ImageSpec(tags=("backend:multi",), layers=((Entry("a", b"1" * 300_000),),))
SAVED = tar_of(docker_20([SPEC]))


def chunk(data: bytes) -> bytes:
    """Return a piece of an HTTP body whose length is not known before."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@contextmanager
def engine_that_saves(status: int, body: bytes) -> Iterator[DockerEngine]:
    """Yield an engine with one image, which answers a request to save it with this raw chunked body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            saves = "/images/get?" in self.path
            config = {"Id": f"sha256:{hexdigest(SPEC.config)}", "RootFS": {"Layers": SPEC.diff_ids}}
            known = saves or "/images/backend:multi/" in self.path
            self.send_response(status if saves else 200 if known else 404)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            answer = config if known else {"message": "No such image: other:1"}
            self.wfile.write(body if saves else chunk(json.dumps(answer).encode()) + chunk(b""))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with DockerEngine(docker.DockerClient(base_url=url, version="1.41"), url) as engine:
                yield engine
        finally:
            server.shutdown()
            thread.join()


def test_image_comes_in_one_stream(tmp_path: Path) -> None:
    """Each name gets its image, and progress ends at the number of bytes sent."""
    seen = list[int]()
    with engine_that_saves(200, chunk(SAVED[:999]) + chunk(SAVED[999:]) + chunk(b"")) as engine:
        (content,) = dict(daemon.read(engine, ["backend:multi"], Cache(tmp_path), seen.append)).values()
    assert content.diff_ids == SPEC.diff_ids
    assert seen[-1] == len(SAVED)


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (200, chunk(SAVED[:99_999]), NoEngine, "The engine does not answer: "),
        (200, chunk(SAVED)[:99_999], NoEngine, "The engine does not answer: "),
        (200, chunk(SAVED[:99_999]) + chunk(b""), UnreadableImage, "The archive is cut off or damaged: "),
        (
            200,
            chunk(b'{"message": "no space left"}') + chunk(b""),
            UnreadableImage,
            "The archive is cut off or damaged: ",
        ),
        (
            500,
            chunk(b'{"message": "no space left"}') + chunk(b""),
            EngineFault,
            "The engine cannot save backend:multi",
        ),
    ],
)
def test_stream_that_ends_too_soon(
    tmp_path: Path, status: int, body: bytes, error: type[WeighbridgeError], message: str
) -> None:
    """A connection that breaks is the engine's fault; a stream that ends well but lacks something is the image's."""
    with engine_that_saves(status, body) as engine, pytest.raises(error, match=message):
        dict(daemon.read(engine, ["backend:multi"], Cache(tmp_path)))


def test_missing_image_is_told_at_once(tmp_path: Path) -> None:
    """No stream is opened where the engine lacks an image."""
    with engine_that_saves(500, b"") as engine, pytest.raises(NoSuchImage, match="no image other:1"):
        dict(daemon.read(engine, ["backend:multi", "other:1"], Cache(tmp_path)))


def test_folder_comes_first(tmp_path: Path) -> None:
    """What lies in the engine's folder is read there, and what does not is asked for; each is told in a line."""
    other = ImageSpec(tags=("other:1",), layers=((Entry("b", b"2"),),))
    kept, shelf, told = Layerdb(tmp_path / "root"), Shelf([SPEC, other], "docker_20"), list[str]()
    shelf.data_root = DataRoot(path=str(kept.folder), store="overlay2")
    kept.add(SPEC)
    engine, names = cast("Engine", shelf), ["backend:multi", "other:1"]
    found = dict(daemon.read(engine, names, Cache(tmp_path / "one"), local_store=True, on_note=told.append))
    assert shelf.saves == 1
    assert found == dict(daemon.read(engine, names, Cache(tmp_path / "two")))
    assert told == [
        f"Read in {kept.folder}: backend:multi",
        "Read through the engine: other:1; No such file or directory",
    ]


def test_image_of_the_folder_is_remembered(tmp_path: Path) -> None:
    """Once its layers are known, an image is read neither there nor through the engine."""
    kept, shelf, told = Layerdb(tmp_path / "root"), Shelf([SPEC], "docker_20"), list[str]()
    shelf.data_root = DataRoot(path=str(kept.folder), store="overlay2")
    kept.add(SPEC)
    engine, cache = cast("Engine", shelf), Cache(tmp_path / "cache")
    (first,) = dict(daemon.read(engine, ["backend:multi"], cache, local_store=True)).values()
    for diff_id, layer in zip(first.diff_ids, first.layers, strict=True):
        cache.keep_layer(diff_id, layer)
    kept.remove()
    assert dict(daemon.read(engine, ["backend:multi"], cache, local_store=True, on_note=told.append)) == {
        "backend:multi": first
    }
    assert (shelf.saves, told) == (0, [])


def test_folder_is_left_alone(tmp_path: Path) -> None:
    """Where it is switched off, the folder is not looked at."""
    kept, shelf, told = Layerdb(tmp_path / "root"), Shelf([SPEC], "docker_20"), list[str]()
    shelf.data_root = DataRoot(path=str(kept.folder), store="overlay2")
    kept.add(SPEC)
    engine, cache = cast("Engine", shelf), Cache(tmp_path / "cache")
    dict(daemon.read(engine, ["backend:multi"], cache, local_store=False, on_note=told.append))
    assert shelf.saves == 1
    assert told == ["Read through the engine: backend:multi; its folder is not to be read"]


@pytest.mark.parametrize("local_store", [True, False])
def test_time_of_waiting_is_used(tmp_path: Path, *, local_store: bool) -> None:
    """Once the engine collects images, or their layers are begun, the caller can do something else."""
    told = list[str]()

    class Watched(Shelf):
        """Tells when it begins to collect, and when it is read."""

        @contextmanager
        def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
            told.append("asked")
            with super().save(references) as stream:
                yield stream
            told.append("read")

    kept, shelf = Layerdb(tmp_path / "root"), Watched([SPEC], "docker_20")
    shelf.data_root = DataRoot(path=str(kept.folder), store="overlay2")
    kept.add(SPEC)
    (content,) = dict(
        daemon.read(
            cast("Engine", shelf),
            ["backend:multi"],
            Cache(tmp_path / "cache"),
            local_store=local_store,
            while_waiting=lambda: told.append("waiting"),
        )
    ).values()
    assert content.diff_ids == SPEC.diff_ids
    assert told == (["waiting"] if local_store else ["asked", "waiting", "read"])
    assert Cache(tmp_path / "cache").has_layer(SPEC.diff_ids[0]) == local_store


SHARED = Entry("shared", b"s" * 50_000)


def image(tag: str, *layers: Entry) -> ImageSpec:
    """Return an image with a layer for each entry."""
    return ImageSpec(tags=(tag,), layers=tuple((each,) for each in layers))


@pytest.mark.parametrize(
    ("specs", "groups"),
    [
        ([image("x:1", SHARED)], [["x:1"]]),
        (
            [image("x:1", Entry("a", b"1")), image("x:2", Entry("a", b"2" * 90_000)), image("x:3", Entry("a", b"3"))],
            [["x:2"], ["x:1", "x:3"]],
        ),
        (  # what most layers are the same of comes in one stream
            [image("x:1", SHARED, Entry("a", b"1"), Entry("b")), image("x:2", SHARED, Entry("a", b"1"), Entry("c"))],
            [["x:1", "x:2"]],
        ),
        (
            [image("x:1", SHARED, Entry("a", b"1")), image("x:2", SHARED, Entry("b", bytes(20_000)))],
            [["x:2"], ["x:1"]],
        ),
        (  # the first one is the largest of all, and still less than the others together
            [image("x:1", Entry("a", b"1" * 60_000)), *(image(f"x:{n}", Entry(str(n), bytes(50_000))) for n in (2, 3))],
            [["x:2", "x:3"], ["x:1"]],
        ),
    ],
)
def test_engine_collects_groups_at_once(tmp_path: Path, specs: list[ImageSpec], groups: list[list[str]]) -> None:
    """It is asked for all before one is read; images, progress and what is remembered are those of one stream."""
    told = list[str | list[str]]()

    class AtOnce(Shelf):
        can_save_at_once = True

        @contextmanager
        def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
            told.append([*references])
            with super().save(references) as stream:
                yield stream

    shelf, progress, cache = AtOnce(specs, "docker_20"), list[int](), Cache(tmp_path / "one")
    names = [spec.tags[0] for spec in specs]
    found = dict[str, ImageContent]()
    for name, content in daemon.read(
        cast("Engine", shelf), names, cache, progress.append, while_waiting=lambda: told.append("waiting")
    ):
        found[name] = content
        cache.keep_layers(content.diff_ids, content.layers)
    assert told == [*groups, "waiting"]
    assert found == dict(daemon.read(cast("Engine", Shelf(specs, "docker_20")), names, Cache(tmp_path / "two")))
    assert [*found] == [name for group in reversed(groups) for name in group]
    assert progress == sorted(progress)
    assert progress[-1] == sum(
        len(tar_of(docker_20([spec for spec in specs if spec.tags[0] in group]))) for group in groups
    )
    again = dict(daemon.read(cast("Engine", shelf), names, cache))
    assert (again, len(told)) == (found, len(groups) + 1)


@pytest.mark.parametrize("at", ["asked", "read"])
def test_engine_without_space_for_two_streams(tmp_path: Path, at: str) -> None:
    """What does not come is asked for again, in one stream; what came is not."""
    specs = [image(f"x:{number}", Entry("a", b"a" * number)) for number in (1, 2, 30_000)]
    asked = list[list[str]]()

    class Full(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise EngineFault("The engine says: no space left on device")

    class Small(Shelf):
        can_save_at_once = True

        @contextmanager
        def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
            asked.append([*references])
            if at == "asked" and len(asked) == 2:
                raise EngineFault("The engine says: no space left on device")
            with super().save(references) as stream:
                yield Full() if at == "read" and len(asked) == 1 else stream

    names = [spec.tags[0] for spec in specs]
    found = dict(daemon.read(cast("Engine", Small(specs, "docker_20")), names, Cache(tmp_path / "one")))
    assert found == dict(daemon.read(cast("Engine", Shelf(specs, "docker_20")), names, Cache(tmp_path / "two")))
    assert asked == [["x:30000"], ["x:1", "x:2"], *([["x:1", "x:2", "x:30000"]] if at == "asked" else [["x:30000"]])]


READERS = "weighbridge.sources.archive_members", "weighbridge.sources.tar.layer"
ORDER = f"""
import sys
from contextlib import contextmanager
from pathlib import Path
from tests.support.images import Entry, ImageSpec
from tests.support.shelf import Shelf
from weighbridge.cache import Cache
for name in [name for name in sys.modules if name.startswith("weighbridge.sources")]:
    del sys.modules[name]  # as in a program that has not read anything
from weighbridge.sources import daemon

SPEC = ImageSpec(tags=("backend:multi",), layers=((Entry("a", b"1"),),))

class Watched(Shelf):
    @contextmanager
    def save(self, references):
        loaded = [name for name in {READERS!r} if name in sys.modules]
        assert not loaded, loaded
        with super().save(references) as stream:
            yield stream

engine = Watched([SPEC], "docker_20")
(found,) = dict(daemon.read(engine, ["backend:multi"], Cache(Path(sys.argv[1])), local_store=True)).values()
assert found.diff_ids == SPEC.diff_ids
assert all(name in sys.modules for name in {READERS!r})
"""


def test_engine_collects_while_the_readers_are_loaded(tmp_path: Path) -> None:
    """It is asked before they are, also by a user who may not read its folder."""
    words = [sys.executable, "-c", ORDER, str(tmp_path)]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
