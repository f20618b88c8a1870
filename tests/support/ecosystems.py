"""Trees that real package managers installed, with the files that the managers say are each package's.

`record_ecosystems` makes the recorded ones; npm's can be made by any test, where npm is installed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import posixpath
import subprocess
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.images import Entry
from tests.support.layers import layer_of, symbolic_link
from tests.support.owned import rows
from weighbridge.image import filesystem, owners
from weighbridge.image.packages.databases import is_database
from weighbridge.image.packages.package import Package

RECORDS = Path(__file__).with_name("records") / "ecosystems"


@dataclass(frozen=True)
class Tree:
    """What a manager installed."""

    made_with: str
    entries: tuple[Entry, ...]
    packages: Mapping[str, Sequence[str]]
    """`NAME VERSION` -> the paths that the manager lists for it, bytecode aside."""

    def expected(self, category: str) -> dict[tuple[str, str, str], int]:
        """Return what each package has to weigh, by category, name and version."""
        sizes = {entry.name: len(entry.data) for entry in self.entries}
        found = Counter[tuple[str, str, str]]()
        for title, paths in self.packages.items():
            name, _, version = title.partition(" ")
            found[category, name, version] += sum(sizes[path] for path in paths)
        return dict(found)

    def weighed(self, category: str) -> dict[tuple[str, str, str], int]:
        """Return what the ledger says that each package of a category weighs; it is held to its sum."""
        found = Counter[tuple[str, str, str]]()
        for row in rows([self.entries]):
            if row.category == category:
                found[category, row.name, row.version or ""] += row.bytes
        return dict(found)

    def installed(self) -> list[Package]:
        """Return the packages that are found in the tree."""
        return list(owners.read_packages(filesystem.stack([layer_of(self.entries)])))


def recorded(name: str) -> Tree:
    """Return a tree that was recorded. Files that no parser reads have their size alone, and other bytes."""
    document = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    files = [
        Entry(path, content.encode() if isinstance(content, str) else b"x" * content)
        for path, content in document["files"].items()
    ]
    links = [symbolic_link(path, target) for path, target in document["links"].items()]
    return Tree(document["made_with"], (*files, *links), document["packages"])


def record(name: str, tree: Tree) -> None:
    """Write a tree down."""
    document = {
        "made_with": tree.made_with,
        "files": {
            entry.name: entry.data.decode() if is_database(entry.name) else len(entry.data)
            for entry in tree.entries
            if not entry.target
        },
        "links": {entry.name: entry.target for entry in tree.entries if entry.target},
        "packages": tree.packages,
    }
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    (RECORDS / f"{name}.json").write_text(text, encoding="utf-8")


def entries_below(folder: Path, root: Path) -> Iterator[Entry]:
    """Yield the files and symbolic links below a folder, their paths from `root`."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            yield symbolic_link(name, str(path.readlink()))
        elif path.is_file():
            yield Entry(name, path.read_bytes())


def described(name: str, version: str, **fields: Any) -> str:
    """Return a package.json."""
    return json.dumps({"name": name, "version": version, **fields})


NPM: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "tool": {
        "1.0.0": {
            "package.json": described("tool", "1.0.0", dependencies={"@demo/core": "^1.0.0", "left": "^1.0.0"}),
            "index.js": "tool" * 30,
        }
    },
    "@demo/core": {
        "1.2.0": {
            "package.json": described("@demo/core", "1.2.0", peerDependencies={"left": "*"}),
            "lib/index.js": "core" * 50,
            "esm/package.json": '{"type": "module"}',
            "test/node_modules/fake/package.json": described("fake", "9.9.9"),
            "test/node_modules/fake/index.js": "fake" * 7,
        }
    },
    "left": {
        "1.1.0": {"package.json": described("left", "1.1.0"), "left.js": "left" * 11},
        "2.0.0": {"package.json": described("left", "2.0.0"), "left.js": "left" * 22},
    },
    "linter": {
        "3.0.0": {
            "package.json": described("linter", "3.0.0", optionalDependencies={"left": "^2.0.0"}),
            "rules.json": "[]",
        }
    },
}
"""Packages of our own -> versions -> files: one of a scope, one in two versions, one with another in its tests."""
PROJECT = described(
    "application",
    "0.1.0",
    dependencies={"tool": "^1.0.0", "left": "^2.0.0", "nick": "npm:left@1.1.0"},
    devDependencies={"linter": "3.0.0"},
)


@contextmanager
def npm_registry() -> Iterator[str]:
    """Serve `NPM` on this machine, and yield the address."""
    archives = {
        f"/{name}/-/{version}.tgz": _archive(files)
        for name, versions in NPM.items()
        for version, files in versions.items()
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.replace("%2f", "/").replace("%2F", "/")
            name = path.removeprefix("/")
            body = archives.get(path) or (
                json.dumps(_document(name, archives, address)).encode() if name in NPM else b""
            )
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def _archive(files: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size, member.mode = len(text), 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def _document(name: str, archives: Mapping[str, bytes], address: str) -> dict[str, Any]:
    versions = {}
    for version, files in NPM[name].items():
        path = f"/{name}/-/{version}.tgz"
        digest = base64.b64encode(hashlib.sha512(archives[path]).digest()).decode()
        source = {"tarball": address + path, "integrity": f"sha512-{digest}"}
        versions[version] = {**json.loads(files["package.json"]), "dist": source}
    return {"name": name, "versions": versions, "dist-tags": {"latest": max(versions)}}


def install(command: Sequence[str], root: Path) -> Path:
    """Let npm or another manager install `PROJECT` in `root`'s folder `app`, from packages of ours alone."""
    folder = root / "app"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(PROJECT, encoding="utf-8")
    with npm_registry() as address:
        settings = {"npm_config_registry": address, "npm_config_cache": str(root / "cache"), "HOME": str(root)}
        quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
        environment = {"PATH": os.environ["PATH"], **settings, **quiet}
        subprocess.run([*command, "install"], cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    return folder


def node_tree(root: Path, command: Sequence[str] = ("npm",), depth: str = "--all") -> Tree:
    """Return what npm, or pnpm, installs. A package has the folder that the manager lists, without others' in it."""
    folder = install(command, root)
    folders = {}
    for line in _ask(*command, "ls", depth, "--parseable", "--long", cwd=folder).splitlines()[
        1:
    ]:  # without the project
        path, _, title = line.removeprefix(f"{root}/").partition(":")
        name, _, version = title.rpartition("npm:")[2].rpartition("@")  # `nick@npm:left@1.1.0` is left
        folders[path] = f"{name} {version}"
    made_with = f"{Path(command[0]).name} {_ask(*command, '--version', cwd=folder).strip()}"
    return folders_tree(made_with, tuple(entries_below(folder, root)), folders)


def _ask(*command: str, cwd: Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout


def folders_tree(made_with: str, entries: tuple[Entry, ...], folders: Mapping[str, str]) -> Tree:
    """Return a tree in which packages have folders; `folders` is path -> `NAME VERSION`."""
    packages: dict[str, list[str]] = {title: [] for title in folders.values()}
    for entry in entries:
        around = posixpath.dirname(entry.name)
        while around and around not in folders:
            around = posixpath.dirname(around)
        if around and not entry.target:
            packages[folders[around]].append(entry.name)
    return Tree(made_with, entries, packages)
