"""Puts the engine's images into an archive, a layout and a registry, and times reports there beside public tools.

What a report of such an image cannot do without is to fetch, unpack, list and hash its layers. The rows that our
reports refer to do that and nothing else: `skopeo copy`, `tar -t` and `sha256sum`, one layer after the other.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers import Peer
from benchmarks.programs import Workplace
from benchmarks.runs import Command, Contender

ARCHIVE, LAYOUT, REGISTRY = (f"invoke report, cold, {name}" for name in ("archive", "layout", "registry"))
TAR_ARCHIVE, TAR_LAYOUT, SKOPEO = "tar and sha256sum, archive", "tar and sha256sum, layout", "skopeo, tar, sha256sum"
SYFT_REGISTRY = "syft, registry"
SAVED = "docker save, tar, sha256sum"
"""What no report through the engine can do without: to save the images, and to list and hash their layers."""
HASHED = "sha256sum, folder"
"""Every file of the layers that the engine keeps unpacked, read and hashed on all cores."""
_TOOLS = "skopeo", "docker-registry", "tar", "sha256sum", "gzip"
_START_SECONDS = 20
_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/kept}}}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: error, accesslog: {{disabled: true}}}}
"""
_LIST_ARCHIVE = """
set -e; mkdir "$1"; cd "$1"; tar -xf "$0"
find . -type f ! -name '*.json' ! -name VERSION ! -name repositories -exec sha256sum {} + -exec tar -tf {} \\;
cd /; rm -r "$1"
"""
_LIST_LAYOUT = """
set -e; cd "$0/blobs/sha256"; sha256sum *
for blob in *; do tar -tzf "$blob" 2>/dev/null || :; done
"""
_HASH_FOLDER = """
set -e; form='{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}'
"$0" image inspect --format "$form" "$@" | tr : '\\n' | grep ^/ | sort -u | xargs -I{} find {} -type f -print0 |
    xargs -0 -n 500 -P "$(nproc)" sha256sum
"""
_COPY = """
set -e; from=$0; to=$1; shift
for tag in "$@"; do skopeo copy --quiet --src-tls-verify=false "docker://$from/bench:$tag" "oci:$to:$tag"; done
cd "$to/blobs/sha256"; sha256sum *
for blob in *; do tar -tzf "$blob" 2>/dev/null || :; done
rm -r "$to"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the images are."""

    archive: Path
    layout: Path
    registry: str
    """Host and port."""
    tags: tuple[str, ...]
    """Of each image, in the layout and the registry."""
    names: tuple[str, ...]
    """Of each image, in the archive."""


class CannotPut(Exception):
    """The images cannot be put there; the message says why."""


@contextmanager
def put(place: Workplace, references: Sequence[str], client: Sequence[str]) -> Iterator[Places]:
    """Put the engine's images there, for a while.

    Args:
        place: Below its folder.
        references: The images.
        client: The command of a Docker client.

    Raises:
        CannotPut: A program is missing, or fails.
    """
    if reason := find_missing() if client else "there is no Docker client":
        raise CannotPut(reason)
    folder = place.make_folder()
    archive, layout = folder / "saved.tar", folder / "oci"
    tags = tuple(f"v{number}" for number, _ in enumerate(references))
    with _serve_registry(folder) as host:
        run(place, *client, "save", "--output", str(archive), *references)
        for reference, tag in zip(references, tags, strict=True):
            run(place, "skopeo", "copy", "--quiet", f"docker-archive:{archive}:{reference}", f"oci:{layout}:{tag}")
            there = f"docker://{host}/bench:{tag}"
            run(place, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:{tag}", there)
        yield Places(archive=archive, layout=layout, registry=host, tags=tags, names=tuple(references))


def list_contenders(place: Workplace, places: Places, syft: Peer | None) -> tuple[Contender, ...]:
    """Return our cold reports there, and what each refers to."""
    archives = [f"archive:{places.archive}#{name}" for name in places.names]
    layouts = [f"oci:{places.layout}#{tag}" for tag in places.tags]
    registries = [f"registry:{places.registry}/bench:{tag}" for tag in places.tags]

    def list_archive() -> list[Command]:
        return [_make_script(_LIST_ARCHIVE, places.archive, place.make_folder() / "x")]

    def copy() -> list[Command]:
        return [_make_script(_COPY, places.registry, place.make_folder() / "x", *places.tags)]

    theirs = [place.make_syft_command(syft, each.partition(":")[2], "registry") for each in registries] if syft else []
    return (
        Contender(name=ARCHIVE, commands=lambda: [place.make_report_command(archives)]),
        Contender(name=TAR_ARCHIVE, commands=list_archive),
        Contender(name=LAYOUT, commands=lambda: [place.make_report_command(layouts)]),
        Contender(name=TAR_LAYOUT, commands=lambda: [_make_script(_LIST_LAYOUT, places.layout)]),
        Contender(name=REGISTRY, commands=lambda: [place.make_report_command(registries)]),
        Contender(name=SKOPEO, commands=copy),
        *([Contender(name=SYFT_REGISTRY, commands=lambda: theirs)] if theirs else []),
    )


def list_floors(
    place: Workplace, references: Sequence[str], client: Sequence[str], *, is_unpacked: bool
) -> tuple[Contender, ...]:
    """Return what no cold report of the engine's images can do without.

    Through the engine that is to save them, and to list and hash their layers. In the folder of `overlay2`, which
    `is_unpacked` says can be read here, it is to read and to hash every byte.
    """

    def save() -> list[Command]:
        folder = place.make_folder()
        saved = folder / "saved.tar"
        words = (*client, "save", *references)
        return [
            Command(words=words, environment=place.engine, output=saved),
            _make_script(_LIST_ARCHIVE, saved, folder / "x"),
            Command(words=("rm", str(saved))),
        ]

    script = _make_script(_HASH_FOLDER, *client, *references)
    command = replace(script, environment=place.engine)
    folder = Contender(name=HASHED, commands=lambda: [command])
    return (Contender(name=SAVED, commands=save), *([folder] if is_unpacked else []))


def _make_script(script: str, *arguments: object) -> Command:
    return Command(words=("sh", "-c", script, *map(str, arguments)))


@contextmanager
def _serve_registry(folder: Path) -> Iterator[str]:
    """Run a registry; return its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "registry.yml"
    settings.write_text(_CONFIG.format(folder=folder, port=port), encoding="utf-8")
    quiet = subprocess.DEVNULL
    with subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise CannotPut("docker-registry does not start")


def run(place: Workplace, *words: str) -> None:
    """Run a program; raise `CannotPut` with the last line of its errors if it fails."""
    done = subprocess.run(
        words, env={**os.environ, **place.engine}, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise CannotPut(f"{words[0]} failed: {(done.stderr.strip().splitlines() or [''])[-1]}")


def find_missing() -> str:
    """Return why images cannot be put there; empty if they can."""
    missing = [name for name in _TOOLS if not shutil.which(name)]
    return f"there is no {', '.join(missing)} here" if missing else ""
