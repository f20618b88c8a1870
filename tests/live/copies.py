"""Copies of images that other people's tools make: archives and layouts of skopeo's, and a registry of our own."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pytest

from tests.live import evidence
from weighbridge.engine.client import DockerEngine

SAVED, SKOPEOS_ARCHIVE, LAYOUT, ZSTD, OCI_ARCHIVE, REGISTRY = KINDS = (
    "docker-save",
    "docker-archive",
    "oci-layout",
    "oci-layout-zstd",
    "oci-archive",
    "registry",
)
COMPRESSED = (LAYOUT, ZSTD, OCI_ARCHIVE, REGISTRY)
TAG = "tagged"
_REGISTRY = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, maintenance: {{uploadpurging: {{enabled: false}}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_START_SECONDS = 20
_SECONDS = 120


def need(*tools: str) -> None:
    """Skip where a tool is not installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


def run(*words: str | Path) -> bytes:
    """Run a tool and return what it prints."""
    done = subprocess.run(list(map(str, words)), capture_output=True, check=False, timeout=_SECONDS)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def skopeo(source: str, target: str, *options: str) -> None:
    """Copy an image."""
    run("skopeo", "--insecure-policy", "copy", "--quiet", *options, source, target)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of an image."""

    location: str
    """As we name it."""
    theirs: str
    """As skopeo names it."""

    def manifest(self) -> Mapping[str, Any]:
        """Return the image's manifest as skopeo tells it."""
        options = ["--tls-verify=false"] if self.theirs.startswith("docker:") else []
        found: Mapping[str, Any] = json.loads(run("skopeo", "inspect", *options, "--raw", self.theirs))
        return found

    def pull_bytes(self) -> int:
        """Return what the manifest says that a node pulls: each blob once, and the config."""
        manifest = self.manifest()
        blobs = {blob["digest"]: int(blob["size"]) for blob in (manifest["config"], *manifest["layers"])}
        return sum(blobs.values())


def copies(
    engine: DockerEngine, reference: str, folder: Path, registry: str, kinds: Sequence[str] = KINDS
) -> Mapping[str, Copy]:
    """Copy an image of the engine; return the copies by their kinds.

    Args:
        engine: Has the image.
        reference: The image.
        folder: Is empty.
        registry: Host and port.
        kinds: Those to be made.
    """
    name, saved = folder.name, folder / "saved.tar"
    with evidence.saved(engine, [reference]) as stream, saved.open("wb") as file:
        shutil.copyfileobj(stream, file)
    places = {
        SAVED: (f"archive:{saved}", f"docker-archive:{saved}"),
        SKOPEOS_ARCHIVE: (f"archive:{folder}/plain.tar", f"docker-archive:{folder}/plain.tar"),
        LAYOUT: (f"oci:{folder}/layout#{TAG}", f"oci:{folder}/layout:{TAG}"),
        ZSTD: (f"oci:{folder}/layout#zstd", f"oci:{folder}/layout:zstd"),
        OCI_ARCHIVE: (f"oci:{folder}/packed.tar", f"oci-archive:{folder}/packed.tar"),
        REGISTRY: (f"registry:{registry}/weighed/{name}:{TAG}", f"docker://{registry}/weighed/{name}:{TAG}"),
    }
    found = {kind: Copy(*place) for kind, place in places.items()}
    source, options = {OCI_ARCHIVE: found[LAYOUT].theirs}, {ZSTD: ["--dest-compress-format", "zstd"]}
    options[REGISTRY] = ["--dest-tls-verify=false"]
    ending = {SKOPEOS_ARCHIVE: f":weighed:{TAG}", OCI_ARCHIVE: f":{TAG}"}
    for kind in (kind for kind in kinds if kind != SAVED):
        target = found[kind].theirs + ending.get(kind, "")
        skopeo(source.get(kind, found[SAVED].theirs), target, *options.get(kind, ()))
    return found


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry on a free port of this machine's own; give its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(folder=folder / "registry", port=port), encoding="utf-8")
    words = ["docker-registry", "serve", str(settings)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        try:
            connection.request("GET", "/v2/")
            assert connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            assert time.monotonic() < end, "the registry does not start"
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()


def gzip_bytes(archive: Path, known: Mapping[str, int]) -> Mapping[str, int]:
    """Return by diff ID what `gzip -6` makes of the layers in an archive of skopeo's, which names them so.

    Args:
        archive: What skopeo wrote as `docker-archive:`.
        known: Layers that were packed before.
    """
    sizes = dict[str, int]()
    with tarfile.open(archive) as outer:
        for member in outer:
            diff_id = f"sha256:{member.name.removesuffix('.tar')}"
            file = outer.extractfile(member) if member.isreg() and member.name.endswith(".tar") else None
            if file and diff_id not in known:
                packer, size = zlib.compressobj(6, zlib.DEFLATED, 31), 0
                while block := file.read(2**20):
                    size += len(packer.compress(block))
                sizes[diff_id] = size + len(packer.flush())
            elif file:
                sizes[diff_id] = known[diff_id]
    return sizes


def stored_bytes(archive: Path) -> int:
    """Return how long the layers and the config are as they lie in an archive of the engine's, each once."""
    with tarfile.open(archive) as outer:
        (entry,) = json.load(cast("IO[bytes]", outer.extractfile("manifest.json")))
        return sum(outer.getmember(name).size for name in {entry["Config"], *entry["Layers"]})


def unpacked(layout: Path, tag: str, folder: Path) -> Path:
    """Unpack an image with umoci; return its root."""
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    run("umoci", "unpack", *rootless, "--image", f"{layout}:{tag}", folder)
    return folder / "rootfs"


def on_disk(root: Path) -> evidence.Exported:
    """Return the regular files below a folder."""
    found = dict[str, os.stat_result]()
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found[str(path.relative_to(root))] = status
    once = {(each.st_dev, each.st_ino): each.st_size for each in found.values()}
    return evidence.Exported(sum(once.values()), {name: each.st_size for name, each in found.items()})
