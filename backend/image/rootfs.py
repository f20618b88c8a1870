"""Assembles the root of the `minimal` image: the interpreter, what both roles need besides it, and nothing else.

usage: python -m image.rootfs LIST SYSTEM ENVIRONMENT

SYSTEM gets the interpreter, the standard library, certificates, time zones, and all shared libraries. ENVIRONMENT gets
the Python environment that runs this module. LIST names what to leave out (`pruning`). All files keep their paths, so
this works on any base with glibc: with Debian's Python below /usr and with the official image's below /usr/local. It
ends with an error if a library is missing, or if the result cannot import what the roles import. It must run as root.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

from .bake import MODULES, compile_in_place, compile_to, settle
from .dpkg import record
from .pruning import Pruning

LOADED_BY_NAME = ("libgcc_s.so.1",)
"""Libraries that no file lists as needed: glibc loads this one when a thread ends."""
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DATA = ("/etc/os-release", "/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/usr/share/zoneinfo")
WRITTEN = {
    "etc/passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\napp:x:10001:10001::/tmp:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\napp:x:10001:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_ELF = b"\x7fELF"


def main(listed: Path, folder: Path, environment: Path) -> None:
    """Assemble the root, and test it."""
    root = Root(folder, Pruning.read(listed))
    root.copy_environment()
    root.copy(interpreter(), Path(sysconfig.get_path("stdlib")), BUNDLE, *filter(Path.exists, map(Path, DATA)))
    root.copy(*libraries(folder))
    root.trust()
    for name, text in WRITTEN.items():
        (folder / name).write_text(text, encoding="utf-8")
    (compile_beside if root.pruning.keeps_sources else compile_in_place)(folder)
    record(folder)
    make_writable(folder)
    root.index_libraries()
    subprocess.run(
        ["chroot", folder, f"{sys.prefix}/bin/python", "-I", "-c", f"import {', '.join(MODULES)}"], check=True
    )
    environment.mkdir()
    shutil.move(root.inside(Path(sys.prefix)), environment)  # a layer of its own, because it changes more often
    settle(folder)
    settle(environment)
    print(*root.pruning.told(), sep="\n")  # noqa: T201 - the build's log


class Root:
    """A folder that becomes the root of an image, with files from this machine."""

    def __init__(self, folder: Path, pruning: Pruning) -> None:
        self._folder, self.pruning = folder, pruning
        folder.mkdir(parents=True)

    def inside(self, path: Path) -> Path:
        """Return the place in the folder for a path of the image."""
        return self._folder / path.relative_to("/")

    def copy_environment(self) -> None:
        """Copy the environment, with its links as they are."""

        def choose_ignored(place: str, names: list[str]) -> set[str]:
            return {name for name in names if name == "__pycache__" or self.pruning.drops(Path(place, name))}

        shutil.copytree(sys.prefix, self.inside(Path(sys.prefix)), symlinks=True, ignore=choose_ignored)

    def copy(self, *paths: Path) -> None:
        """Copy files and folders to the same path, with every symbolic link on the way and its target."""
        for path in paths:
            real = self._walk(path)
            if real.is_dir():
                children = [each for each in sorted(real.iterdir()) if each.name != "__pycache__"]
                self.copy(*(each for each in children if not self.pruning.drops(each)))
            elif real.exists() and not self.inside(real).exists():  # a link may lead nowhere
                shutil.copy2(real, self.inside(real))

    def _walk(self, path: Path) -> Path:
        """Create the folders and links that lead to a path, and return the path with links resolved."""
        at = Path("/")
        for part in path.parts[1:]:
            at /= part
            here = self.inside(at)
            if at.is_symlink():
                if not here.is_symlink():
                    here.symlink_to(at.readlink())
                at = self._walk(Path(os.path.normpath(at.parent / at.readlink())))
            elif at.is_dir():
                here.mkdir(exist_ok=True)
        return at

    def trust(self) -> None:
        """Put a link to the certificates where OpenSSL looks by default."""
        place = Path(ssl.get_default_verify_paths().openssl_cafile)
        if not self.inside(place).is_symlink() and place != BUNDLE:
            self.inside(place).parent.mkdir(parents=True, exist_ok=True)
            self.inside(place).symlink_to(BUNDLE)

    def index_libraries(self) -> None:
        """Index libraries outside of the loader's own folders, such as the official image's in /usr/local/lib."""
        settings = [Path("/etc/ld.so.conf"), *Path("/etc/ld.so.conf.d").glob("*.conf")]
        self.copy(*(path for path in settings if path.exists()))
        subprocess.run(["ldconfig", "-X", "-r", self._folder], check=True)
        shutil.rmtree(self._folder / "var/cache", ignore_errors=True)


def interpreter() -> Path:
    """Return the interpreter outside of the environment to which the environment's own one links."""
    path = Path(sys.prefix, "bin", "python")
    while path.is_symlink() and path.is_relative_to(sys.prefix):
        path = Path(os.path.normpath(path.parent / path.readlink()))
    return path


def libraries(folder: Path) -> list[Path]:
    """Return the shared libraries that programs below a folder need, including the loader.

    Raises:
        SystemExit: A library is missing.
    """
    found = dict.fromkeys(map(by_name, LOADED_BY_NAME))
    for program in executables(folder):
        output = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        if missing := [line.split()[0] for line in output.splitlines() if "not found" in line]:
            sys.exit(f"{program} needs {', '.join(missing)}: install the package that has it in the builder")
        found |= dict.fromkeys(Path(word) for word in output.split() if word.startswith("/"))
    return [path for path in found if not path.is_relative_to(folder)]


def executables(folder: Path) -> Iterator[Path]:
    """Yield programs and shared libraries."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(_ELF)) == _ELF:
                    yield path


def by_name(name: str) -> Path:
    """Return where the loader finds a library; end the build if it does not find it."""
    output = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    path = next((line.split()[-1] for line in output.splitlines() if line.split()[:1] == [name]), None)
    if path is None:
        sys.exit(f"{name}, which glibc loads by its name, is missing")
    return Path(path)


def compile_beside(folder: Path) -> None:
    """Compile every source, and keep the source."""
    for source in sorted(each for each in folder.rglob("*.py") if not each.is_symlink()):
        compile_to(source, Path(cache_from_source(str(source))), shown=f"/{source.relative_to(folder)}")


def make_writable(folder: Path) -> None:
    """Create the two folders that containers may write to; a volume or a tmpfs is mounted there."""
    for name, mode in (("tmp", 0o1777), ("data", 0o775)):
        (folder / name).mkdir()
        (folder / name).chmod(mode)
    os.chown(folder / "data", 10001, 0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
