"""Runs inside a container, as `python -c`: finds the shared libraries that the interpreter and its extensions miss.

It examines the interpreter and all shared objects in the folders that the interpreter imports from. It asks the dynamic
loader that the interpreter names, which knows its own search path, caches and versions of symbols.
"""

from __future__ import annotations

import json
import os
import re
import site
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_AT_ONCE = 4
_OBJECT_NAME = re.compile(r"\.so(\.|$)")
_LEFT_OUT_ON_PURPOSE = "_tkinter."
"""Python's official slim images contain this extension of the standard library, but not the library Tk."""
_PT_INTERP = 3
_FOUND = re.compile(r"^\s+(\S+) => \S*/", re.MULTILINE)
_LOOKED_FOR = (
    re.compile(r"^\s+(.+) => not found", re.MULTILINE),  # glibc
    re.compile(r"error while loading shared libraries: ([^:\n]+):"),  # glibc, of an object that is broken itself
    re.compile(r"^Error loading shared library ([^:\n]+):", re.MULTILINE),  # musl
)
_OTHER_VERSION = re.compile(r"([^/\s]+): version `([^']+)' not found")


def list_import_folders() -> list[str]:
    """Return the folders that the interpreter imports from when the image runs it normally, with site-packages."""
    home = Path(sys.executable).parent
    virtual = [folder for folder in (home.parent, home) if (folder / "pyvenv.cfg").is_file()]
    system = [Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    if virtual and not uses_system_packages(virtual[0] / "pyvenv.cfg"):
        system = []
    packages = [str(folder) for prefix in (*virtual, *system) for folder in find_site_packages(prefix)]
    if system and os.environ.get("HOME"):
        packages.append(site.getusersitepackages())
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    linked = [line for folder in packages for line in read_path_lines(Path(folder))]
    folders = (os.path.realpath(folder) for folder in [*sys.path, *packages, *linked, *given, os.curdir])
    return [folder for folder in dict.fromkeys(folders) if folder != os.sep and Path(folder).is_dir()]


def uses_system_packages(configuration: Path) -> bool:
    """Tell whether a virtual environment also imports from the interpreter's own site-packages."""
    lines = (line.partition("=") for line in configuration.read_text(encoding="utf-8").lower().splitlines())
    return any(key.strip() == "include-system-site-packages" and value.strip() == "true" for key, _, value in lines)


def find_site_packages(prefix: Path) -> list[Path]:
    """Return the folders for packages below a prefix; only the module `site` knows those of a Linux distribution."""
    usual = prefix.glob(f"lib*/{Path(os.__file__).parent.name}/site-packages")
    return [*usual, *map(Path, site.getsitepackages([str(prefix)]))]


def read_path_lines(folder: Path) -> Iterator[str]:
    """Yield the folders that `.pth` files add, for example those of editable installations."""
    for file in sorted(folder.glob("*.pth")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                yield str(folder / line.strip())


def find_shared_objects(folders: list[str]) -> dict[str, str]:
    """Return path -> file name of each shared object, and of each link to one."""
    found = {}
    for folder in folders:
        for parent, _, names in os.walk(folder):
            found.update({os.path.join(parent, name): name for name in names if _OBJECT_NAME.search(name)})  # noqa: PTH118 - thousands
    return found


def read_kind(path: str) -> tuple[int, int, int] | None:
    """Return ELF class, byte order and machine of a regular file; None if it is no ELF file, or unreadable."""
    if os.path.islink(path):  # noqa: PTH114 - thousands
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands
            head = file.read(20)
    except OSError:
        return None
    if len(head) < 20 or not head.startswith(b"\x7fELF"):  # noqa: PLR2004 - where the machine ends
        return None
    return head[4], head[5], struct.unpack_from(read_byte_order(head) + "H", head, 18)[0]


def read_byte_order(head: bytes) -> str:
    """Return the byte order of an ELF file as a format character of `struct`."""
    return ">" if head[5] == 2 else "<"  # noqa: PLR2004 - ELFDATA2MSB


def find_loader(interpreter: str) -> str:
    """Return the path of the dynamic loader that a program names; empty if the program is linked statically."""
    with open(interpreter, "rb") as file:  # noqa: PTH123 - as above
        head = file.read(64)
        wide = head[4] == 2  # noqa: PLR2004 - ELFCLASS64
        (table,) = struct.unpack_from(read_byte_order(head) + ("Q" if wide else "I"), head, 32 if wide else 28)
        size, count = struct.unpack_from(read_byte_order(head) + "HH", head, 54 if wide else 42)
        for number in range(count):
            file.seek(table + number * size)
            entry = file.read(size)
            (kind,) = struct.unpack_from(read_byte_order(head) + "I", entry)
            if kind == _PT_INTERP:
                layout, offset_at, size_at = ("Q", 8, 32) if wide else ("I", 4, 16)
                (offset,) = struct.unpack_from(read_byte_order(head) + layout, entry, offset_at)
                (length,) = struct.unpack_from(read_byte_order(head) + layout, entry, size_at)
                file.seek(offset)
                return file.read(length).rstrip(b"\0").decode()
    return ""


def trace(loader: str, path: str) -> str:
    """Return what the loader prints about an object. It maps the libraries that the object needs, and runs no code.

    The environment variable is used because glibc's `--list` stops at the first library that it does not find. musl has
    only `--list`.
    """
    option = ["--list"] if Path(loader).name.startswith("ld-musl") else []
    environment = {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}
    done = subprocess.run(
        [loader, *option, path],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    return f"error while loading shared libraries: {path}: ended the loader" if done.returncode < 0 else output


def find_missing_libraries(output: str) -> list[str]:
    """Return what the loader did not find: file names, and versions that a library would have to have."""
    missing = [os.path.basename(name) for pattern in _LOOKED_FOR for name in pattern.findall(output)]  # noqa: PTH119 - as above
    older = [f"{library} with {version}" for library, version in _OTHER_VERSION.findall(output)]
    return list(dict.fromkeys([*missing, *older]))


def examine(interpreter: str, folders: list[str]) -> dict[str, object]:
    """Return what the objects in the folders miss, and which are made for another machine than the interpreter.

    A library does not count as missing if the interpreter itself has loaded it, or if it is anywhere in these folders:
    a package may load the libraries that it contains by itself, or set a path at run time.
    """
    objects, own, loader = find_shared_objects(folders), read_kind(interpreter), find_loader(interpreter)
    kinds = {path: kind for path, kind in ((path, read_kind(path)) for path in objects) if kind}
    foreign = [{"file": path, "machine": kind[2]} for path, kind in kinds.items() if kind != own]
    wanted = [
        path for path, kind in kinds.items() if kind == own and not objects[path].startswith(_LEFT_OUT_ON_PURPOSE)
    ]
    missing: list[dict[str, str]] = []
    if loader:
        there = {*objects.values(), *_FOUND.findall(trace(loader, interpreter))}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for path, output in zip(wanted, pool.map(lambda path: trace(loader, path), wanted)):  # noqa: B905 - Python 3.9
                names = [name for name in find_missing_libraries(output) if name == objects[path] or name not in there]
                missing += [{"file": path, "library": name} for name in names]
    return {"loader": loader, "checked": len(wanted) + 1, "missing": missing, "foreign": foreign}


if __name__ == "__main__":
    print(json.dumps(examine(os.path.realpath(sys.executable), list_import_folders())))  # noqa: T201 - the output is the point
