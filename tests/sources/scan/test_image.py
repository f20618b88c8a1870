"""What an image's layers hold, as a container sees it: found in one stream, and never looked for twice."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from tests.support.images import containerd, docker_20, docker_25, tar_of
from tests.support.modes import File, Stacked, elf, folder
from tests.test_secret_detection import KEY
from weighbridge.cache import Cache
from weighbridge.engine.inspect import read_image as inspected
from weighbridge.engine.protocol import Engine
from weighbridge.image.base_image import NAME_LABEL, NOTHING, NOTHING_LABEL, TOP_LABEL
from weighbridge.model.engine import LocalImage
from weighbridge.model.scan import ScanHit, ScannedImage
from weighbridge.sources.scan import layer
from weighbridge.sources.scan.image import screen


class Saving:
    """An engine of a few lines that has these images and counts what it saves."""

    can_save_at_once = False

    def __init__(self, *images: Stacked, layout: Any = docker_20, others: Sequence[LocalImage] = ()) -> None:
        self.images = {image.tags[0]: image for image in images}
        self.layout, self.saved, self.others = layout, list[Sequence[str]](), tuple(others)

    def inspect_image(self, reference: str) -> LocalImage:
        """Return what `docker inspect` says."""
        image = self.images[reference]
        facts = {"Id": f"sha256:{reference}", "Os": "linux", "Architecture": "amd64", "Config": dict(image.told or {})}
        return inspected(reference, facts | {"RootFS": {"Layers": image.diff_ids}})

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return the images that may be a base."""
        return self.others

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Return the archive."""
        self.saved.append(references)
        yield io.BytesIO(tar_of(self.layout([self.images[each] for each in references])))


def stacked(*layers: tuple[File, ...], tag: str = "app:good", **told: Any) -> Stacked:
    """Return an image of these layers; each was made by an instruction of that number."""
    history = tuple({"created_by": f"RUN |1 A=b /bin/sh -c step {index}"} for index in range(len(layers)))
    return Stacked(tags=(tag,), layers=(), history=history, stacked=layers, told=told)


def screened(cache: Path, *layers: tuple[File, ...], **told: Any) -> ScannedImage:
    """Return what is found in an image of these layers."""
    engine = Saving(stacked(*layers, **told))
    return screen(cast("Engine", engine), ["app:good"], Cache(cache))["app:good"]


def brief(traces: Sequence[ScanHit]) -> list[tuple[str, str, int, bool]]:
    """Return what matters of traces."""
    return [(trace.kind, trace.path, trace.layer, trace.live) for trace in traces]


def test_deleted_and_replaced(tmp_path: Path) -> None:
    """A layer that deletes or replaces a file does not take it out of the layer that shipped it."""
    found = screened(
        tmp_path,
        (
            File(path="app/key.pem", data=KEY.encode()),
            File(path="bin/su", mode=0o4755),
            File(path="bin/cc", mode=0o755),
        ),
        (File(path="app/.wh.key.pem"), File(path="bin/su", mode=0o755), File(path="bin/.wh..wh..opq")),
        (File(path="app/id_rsa"),),
    )
    assert brief(found.traces) == [
        ("secret", "/app/key.pem", 0, False),
        ("setuid", "/bin/su", 0, False),
        ("compiler", "/bin/cc", 0, False),
        ("secret", "/app/id_rsa", 2, True),
    ]
    assert [trace.instruction for trace in found.traces] == ["RUN step 0"] * 3 + ["RUN step 2"]
    assert found.history[0] == "RUN |1 A=b /bin/sh -c step 0"
    assert found.layer_count == 3


def test_environment_files(tmp_path: Path) -> None:
    """One that is seen is a fault of its own; a deleted one is a secret if it has values."""
    values, none = File(path="a/.env", data=b"# x\nexport A=b\n"), File(path="b/.env", data=b"# A=b\nC=\n")
    live = File(path="c/.env", data=b"A=b\n")
    found = screened(tmp_path, (values, none, live), (File(path="a/.wh..env"), File(path=".wh.b")))
    assert brief(found.traces) == [
        ("secret", "/a/.env", 0, False),
        ("env-file", "/b/.env", 0, False),
        ("env-file", "/c/.env", 0, True),
    ]


def test_writable_folders(tmp_path: Path) -> None:
    """The last layer with an entry for a folder decides its mode; it counts if the whole image has code below it."""
    code, data = File(path="app/inner/a.py"), File(path="data/a.db", uid=7)
    chown = (folder("app", uid=7), folder("data", uid=7), folder("srv", uid=7), folder("opt", uid=7))
    later = (folder("srv"), File(path="srv/b.py"), File(path="opt/tool/bin/run", mode=0o755))
    found = screened(tmp_path, (code, data), chown, later)
    assert brief(found.traces) == [("writable", "/app", 1, True), ("writable", "/opt", 1, True)]
    assert (found.traces[0].uid, found.traces[0].mode) == (7, 0o755)


def test_writable_root(tmp_path: Path) -> None:
    """The root itself is a folder like others."""
    found = screened(tmp_path, (folder("./", uid=7), File(path="app/a.py")))
    assert brief(found.traces) == [("writable", "/", 0, True)]


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ({"Entrypoint": ["/start"]}, True),
        ({"Entrypoint": ["./start"], "WorkingDir": "/"}, True),
        ({"Cmd": ["sh", "../start"], "WorkingDir": "/app"}, True),
        ({"Cmd": ["start"], "WorkingDir": "/app"}, False),
        ({}, False),
    ],
)
def test_writable_entrypoint(tmp_path: Path, told: dict[str, Any], counts: bool) -> None:  # noqa: FBT001 - the expected value
    """A program outside the folders of commands is code where the image starts it."""
    found = screened(tmp_path, (File(path="start", mode=0o755, uid=7),), **told)
    assert [trace.path for trace in found.traces] == ["/start"] * counts


def test_hard_links(tmp_path: Path) -> None:
    """A compiler's second name is one more; a setuid file that lost a name lives on under the other."""
    link = File(path="usr/bin/gmake", type=tarfile.LNKTYPE, target="usr/bin/make")
    twin = File(path="bin/b", type=tarfile.LNKTYPE, target="bin/a")
    found = screened(
        tmp_path,
        (File(path="usr/bin/make", mode=0o755), link, File(path="bin/a", mode=0o4755), twin),
        (File(path="usr/bin/.wh.gmake"), File(path="bin/.wh.a")),
    )
    assert brief(found.traces) == [
        ("compiler", "/usr/bin/make", 0, True),
        ("compiler", "/usr/bin/gmake", 0, False),
        ("setuid", "/bin/a", 0, True),
    ]


def test_foreign_code(tmp_path: Path) -> None:
    """What the image's own machine runs is not told, however much of it there is."""
    native = tuple(File(path=f"app/{index}.so", data=elf(62)) for index in range(layer.MOST + 1))
    found = screened(tmp_path, (*native, File(path="app/x.so", data=elf(183)), File(path="app/y.so", data=elf(3, 1))))
    assert [(trace.path, trace.detail) for trace in found.traces] == [("/app/x.so", "built for arm64")]
    assert found.cut == frozenset()


def test_cut(tmp_path: Path) -> None:
    """If a layer has more hits than are kept, the result says for which kinds."""
    foreign = tuple(File(path=f"app/{index}.so", data=elf(183)) for index in range(layer.MOST + 1))
    tests = tuple(File(path=f"app/test_{index}.py") for index in range(layer.MOST + 1))
    found = screened(tmp_path, (*foreign, *tests))
    assert found.cut == {"foreign-code", "test-suite"}
    assert len(found.traces) == 2 * layer.MOST


@pytest.mark.parametrize(
    ("user", "group"),
    [("10001:7", 7), ("10001", 9), ("10002", 0), ("app", 9), ("other", None), ("10001:staff", None), ("", None)],
)
def test_group(tmp_path: Path, user: str, group: int | None) -> None:
    """A user without a group has that of the image's last /etc/passwd, and root's where it is not there."""
    old, new = b"x:x:10001:8:::\n", b"app:x:10001:9:::\n"
    passwd = [(File(path="etc/passwd", data=data),) for data in (old, new)]
    assert screened(tmp_path, *passwd, User=user).group == group


def test_config(tmp_path: Path) -> None:
    """The config's facts come along."""
    found = screened(
        tmp_path,
        (File(path="a"),),
        Env=["A=b"],
        Labels={"l": "v"},
        User="7:8",
        Entrypoint=["e"],
        Cmd=["c"],
        Healthcheck={"Test": ["CMD", "h"]},
        ExposedPorts={"8000/tcp": {}, "53/udp": {}},
    )
    assert (found.environment, found.labels, found.user) == (("A=b",), {"l": "v"}, "7:8")
    assert (found.entrypoint, found.command, found.health_check) == (("e",), ("c",), ("CMD", "h"))
    assert (found.ports, found.platform, found.traces) == (("53/udp", "8000/tcp"), "linux/amd64", ())


def test_base(tmp_path: Path) -> None:
    """The layers of the base are known by the labels of a build, or by an image with those layers; else by nothing."""
    image = stacked((File(path="usr/bin/cc", mode=0o755),), (File(path="app/.env"),))
    labels = {NAME_LABEL: "debian:slim", TOP_LABEL: f"1 {image.diff_ids[0]}"}
    labelled = stacked(*image.stacked, Labels=labels)
    below = LocalImage(
        reference="x",
        id="x",
        platform="linux/amd64",
        diff_ids=image.diff_ids[:1],
        labels={},
        user="",
        names=("python:slim",),
    )

    def find(engine: Saving) -> tuple[str, int]:
        cache = Cache(tmp_path / secrets.token_hex(4))  # this engine gives all images of a name the same id
        found = screen(cast("Engine", engine), ["app:good"], cache)["app:good"]
        return found.base, found.base_layers

    assert find(Saving(labelled)) == ("debian:slim", 1)
    assert find(Saving(image, others=[below])) == ("python:slim", 1)
    assert find(Saving(image, others=[replace(below, diff_ids=("sha256:0",))])) == ("", 0)
    assert find(Saving(stacked(*image.stacked, Labels={NOTHING_LABEL: NOTHING}))) == ("", 0)


@pytest.mark.parametrize("layout", [docker_20, docker_25, containerd])
def test_layers_are_looked_at_once(tmp_path: Path, layout: Any) -> None:
    """Images that share a layer come in one stream; what is known is not asked for again, only what is new."""
    shared, own = (File(path="usr/bin/cc", mode=0o755),), (File(path="app/.env"),)
    first, second = stacked(shared, tag="app:first"), stacked(shared, own, tag="app:second")
    engine, cache = Saving(first, second, layout=layout), Cache(tmp_path)
    names = ["app:first", "app:second"]
    found = screen(cast("Engine", engine), names, cache)
    assert [brief(found[name].traces) for name in names] == [
        [("compiler", "/usr/bin/cc", 0, True)],
        [("compiler", "/usr/bin/cc", 0, True), ("env-file", "/app/.env", 1, True)],
    ]
    assert engine.saved == [names]
    assert screen(cast("Engine", engine), names, Cache(tmp_path)) == found
    assert engine.saved == [names]
    kept = next(each for each in tmp_path.rglob("exposure-*") if second.diff_ids[1][7:] in each.name)
    kept.unlink()
    assert screen(cast("Engine", engine), names, Cache(tmp_path)) == found
    assert engine.saved == [names, ["app:second"]]


def test_without_a_cache(tmp_path: Path) -> None:
    """Where nothing can be kept, all is found all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert brief(screened(blocked, (File(path=".env"),)).traces) == [("env-file", "/.env", 0, True)]


def test_damaged_cache(tmp_path: Path) -> None:
    """What somebody wrote into the cache leads nowhere, and to no crash."""
    image, wrong = (
        stacked((File(path="a"),)),
        {"spots": [["setuid", "a", 99, 0, "", 0, 0, 0]], "cut": [], "users": None},
    )
    for traces in ([], [("setuid", "/a", 0, False)]):
        found = screen(cast("Engine", Saving(image)), ["app:good"], Cache(tmp_path))
        assert brief(found["app:good"].traces) == traces
        Cache(tmp_path).keep_document(f"exposure-{layer.compute_version()}-{image.diff_ids[0]}", wrong)
