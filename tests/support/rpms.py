"""Real packages and databases of rpm: built, installed, and asked what is in them.

`python -m tests.support.rpms RPM` writes the databases that the repository keeps anew, each compressed, with what rpm
itself says of them. `RPM` is a program that knows both formats: Debian's knows SQLite alone, and rpm's own sources give
one with `./configure --enable-ndb`. Debian's `rpm` brings `rpmbuild`; `gpg` has to be there, too.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

KEPT = Path(__file__).parents[1] / "image/packages/rpm"
"""Specs, and databases with what rpm says of them."""
DATABASE = "var/lib/rpm"
STATES_ON_DISK = {"normal", "net shared"}
_FORMAT = (
    "N\t%{NAME}\t%{EVR}\n[F\t%{FILEFLAGS:fflags}\t%{FILESTATES:fstate}\t%{FILENAMES}\n]"
    "[R\t%{REQUIRENAME}\n][P\t%{PROVIDENAME}\n]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What rpm says of one package."""

    name: str
    version: str
    paths: list[str] = field(default_factory=list)
    """From the root, without a slash: what rpm unpacked and no other package replaced."""
    requires: list[str] = field(default_factory=list)
    provides: list[str] = field(default_factory=list)


def run(*words: str | Path, folder: Path | None = None) -> str:
    """Run a program of rpm in English, and return what it prints."""
    environment = os.environ | {"LC_ALL": "C.UTF-8"} | ({"HOME": str(folder)} if folder else {})
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, env=environment)
    return done.stdout.decode("utf-8", "surrogateescape")


def build_packages(folder: Path) -> dict[str, Path]:
    """Build the packages of all specs; return their files by their names."""
    for spec in sorted(KEPT.glob("*.spec")):
        defined = [f"_topdir {folder}", "_buildhost localhost"]
        run(
            "rpmbuild",
            "-bb",
            "--quiet",
            *(word for name in defined for word in ("--define", name)),
            spec,
            folder=folder,
        )
    return {path.name.rsplit("-", 2)[0]: path for path in folder.glob("RPMS/*/*.rpm")}


def install_packages(root: Path, packages: dict[str, Path], rpm: str = "rpm", backend: str = "sqlite") -> None:
    """Install packages below a folder. One replaces a file of another, and one leaves out its documentation."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("shell", "library", "nothing", "rival", "tools"):
        extra = {"rival": ["--replacefiles"], "tools": ["--excludedocs"]}.get(name, [])
        run(rpm, *at(root, backend), "--nodeps", *extra, "-i", packages[name])


def import_key(root: Path, folder: Path, rpm: str = "rpm", backend: str = "sqlite") -> None:
    """Make a key that signs, and let the rpm below a folder trust it."""
    folder.mkdir(mode=0o700)
    gpg: list[str | Path] = ["gpg", "--homedir", folder, "--batch", "--quiet"]
    try:
        run(*gpg, "--passphrase", "", "--quick-generate-key", "Somebody <somebody@example.com>", "rsa2048", "sign")
        run(*gpg, "--armor", "--output", folder / "key", "--export")
    finally:
        run("gpgconf", "--homedir", folder, "--kill", "all")
    run(rpm, *at(root, backend), "--import", folder / "key")


def at(root: Path, backend: str = "sqlite") -> list[str]:
    """Return the options by which rpm works on the packages below a folder."""
    return ["--root", str(root), "--dbpath", f"/{DATABASE}", "--define", f"_db_backend {backend}"]


def ask_rpm(root: Path, rpm: str = "rpm", backend: str = "sqlite") -> list[Told]:
    """Return what rpm says of all packages below a folder, sorted by name, without keys."""
    told = list[Told]()
    for line in run(rpm, *at(root, backend), "-qa", "--qf", _FORMAT).split("\n"):
        match line.split("\t"):
            case ["N", name, version]:
                told.append(Told(name=name, version=version))
            case ["F", flags, state, path] if state in STATES_ON_DISK and "g" not in flags:
                told[-1].paths.append(path.removeprefix("/"))
            case ["R", name] if not name.startswith("rpmlib("):
                told[-1].requires.append(name)
            case ["P", name] if name != told[-1].name:
                told[-1].provides.append(name)
    return sorted((package for package in told if package.name != "gpg-pubkey"), key=lambda package: package.name)


def read_database(root: Path) -> dict[str, bytes]:
    """Return the files of a database by their paths from the root."""
    return {f"{DATABASE}/{path.name}": path.read_bytes() for path in (root / DATABASE).iterdir() if path.is_file()}


def kept_documents(name: str) -> dict[str, bytes]:
    """Return the files of a database that the repository keeps."""
    return {f"{DATABASE}/{path.stem}": gzip.decompress(path.read_bytes()) for path in (KEPT / name).glob("*.gz")}


def kept_answers(name: str) -> list[Told]:
    """Return what rpm said of such a database."""
    return [Told(**package) for package in json.loads((KEPT / name / "told.json").read_text(encoding="utf-8"))]


def _databases(folder: Path, packages: dict[str, Path], rpm: str) -> Iterator[tuple[str, Path, str]]:
    """Make databases of both formats, and one whose newest changes are only in its log."""
    for backend in ("sqlite", "ndb"):
        root = folder / backend
        install_packages(root, packages, rpm, backend)
        run(rpm, *at(root, backend), "--nodeps", "-e", "nothing")
        import_key(root, folder / f"{backend}-key", rpm, backend)
        yield backend, root, backend
    root = folder / "log"
    run(rpm, *at(root), "--nodeps", "-i", packages["shell"])
    reader = sqlite3.connect(root / DATABASE / "rpmdb.sqlite")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM Packages").fetchone()
    run(rpm, *at(root), "--nodeps", "-i", packages["library"])
    run(rpm, *at(root), "--nodeps", "-e", "shell")
    # rpm empties the log where no one else reads: what it left is copied while one does.
    copy = folder / "copy"
    shutil.copytree(root, copy)
    reader.close()
    yield "log", copy, "sqlite"


def main() -> None:
    """Write all databases and answers anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = build_packages(folder / "build")
        for label, root, backend in _databases(folder, packages, sys.argv[1]):
            kept = KEPT / label
            kept.mkdir(exist_ok=True)
            for path, content in read_database(root).items():
                if content and not path.endswith((".lock", "-shm", "Index.db")):
                    (kept / f"{Path(path).name}.gz").write_bytes(gzip.compress(content, mtime=0))
            told = [asdict(package) for package in ask_rpm(root, sys.argv[1], backend)]
            (kept / "told.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
