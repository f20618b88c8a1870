"""The script that asks the dynamic loader, on real objects, unchanged and with one name changed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.scripts import run
from weighbridge.smoke.scripts import libraries

INTERPRETER = os.path.realpath(sys.executable)
NEEDED, MISSING = b"libc.so.6", b"libq.so.6"


def is_glibc() -> bool:
    """Tell whether this machine's interpreter runs on glibc."""
    return sys.platform == "linux" and "ld-linux" in libraries.find_loader(INTERPRETER)


pytestmark = pytest.mark.skipif(not is_glibc(), reason="patches objects that are linked against glibc")


def extension() -> bytes:
    """Return a real extension that needs libc."""
    found = importlib.util.find_spec("xxhash._xxhash")
    assert found is not None
    assert found.origin is not None
    data = Path(found.origin).read_bytes()
    assert NEEDED in data
    return data


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Return a folder with a package that has one correct extension, and files that only look like extensions."""
    package = tmp_path / "packages" / "thing"
    package.mkdir(parents=True)
    (package / "fine.so").write_bytes(extension())
    (package / "text.so").write_text("INPUT(libm.so)", encoding="ascii")
    (package / "empty.so.1").touch()
    (package / "link.so").symlink_to("nowhere")
    (package / "folder.so").mkdir()
    (package / "solid.txt").write_bytes(extension().replace(NEEDED, MISSING))
    return tmp_path / "packages"


def missing(folder: Path) -> list[tuple[str, str]]:
    """Return file names and the libraries that they miss."""
    told = libraries.examine(INTERPRETER, [str(folder)])["missing"]
    assert isinstance(told, list)
    return [(Path(each["file"]).name, each["library"]) for each in told]


def test_all_found(good: Path) -> None:
    """Objects that the loader can load are counted, and the interpreter; other files are ignored."""
    assert libraries.examine(INTERPRETER, [str(good)]) == {
        "loader": libraries.find_loader(INTERPRETER),
        "checked": 2,
        "missing": [],
        "foreign": [],
    }


def test_library_that_is_not_there(good: Path) -> None:
    """For an object whose library does not exist, the script names the library."""
    (good / "bad.so.2").write_bytes(extension().replace(NEEDED, MISSING))
    assert missing(good) == [("bad.so.2", "libq.so.6")]


def test_library_that_a_package_brings(good: Path) -> None:
    """A library inside the packages does not count as missing, because a package may load it itself."""
    (good / "bad.so").write_bytes(extension().replace(NEEDED, MISSING))
    (good / "thing.libs").mkdir()
    (good / "thing.libs" / "libq.so.6").write_bytes(extension())
    assert missing(good) == []


def test_library_that_is_too_old(good: Path) -> None:
    """If a library lacks the version that an object needs, the script names both."""
    wanted, other = b"GLIBC_2.2.5\0", b"GLIBC_9.2.5\0"
    numbers = [elf_hash(name).to_bytes(4, sys.byteorder) for name in (wanted[:-1], other[:-1])]
    data = extension()
    assert wanted in data
    (good / "new.so").write_bytes(data.replace(wanted, other).replace(numbers[0], numbers[1]))
    assert missing(good) == [("new.so", "libc.so.6 with GLIBC_9.2.5")]


def elf_hash(name: bytes) -> int:
    """Return the hash by which the loader compares names of versions (System V ABI)."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value


@pytest.mark.parametrize("size", [300, 20000])
def test_object_that_is_cut_off(good: Path, size: int) -> None:
    """A truncated object, on which the loader may crash, is reported by its own name."""
    (good / "cut.so").write_bytes(extension()[:size])
    assert missing(good) == [("cut.so", "cut.so")]


def test_tk_is_left_out_on_purpose(good: Path) -> None:
    """The extension that the official slim images ship without its library is not reported."""
    (good / "_tkinter.cpython-399-x86_64-linux-gnu.so").write_bytes(extension().replace(NEEDED, MISSING))
    assert missing(good) == []


@pytest.mark.parametrize(("at", "value", "machine"), [(18, 183, 183), (4, 1, None)], ids=["machine", "class"])
def test_object_of_another_machine(good: Path, at: int, value: int, machine: int | None) -> None:
    """An object for another machine or of another class is reported with its machine, and not given to the loader."""
    own = extension()
    if own[18] == 183:
        value, machine = (62, 62) if at == 18 else (value, machine)
    foreign = bytearray(own)
    foreign[at] = value
    (good / "foreign.so").write_bytes(foreign)
    told = libraries.examine(INTERPRETER, [str(good)])
    assert told["foreign"] == [{"file": str(good / "foreign.so"), "machine": machine or own[18]}]
    assert (told["checked"], told["missing"]) == (2, [])


@pytest.mark.skipif(not shutil.which("ldd"), reason="there is no ldd")
def test_as_ldd_says(good: Path) -> None:
    """For each object on this machine, the script misses the same libraries as `ldd`."""
    (good / "bad.so").write_bytes(extension().replace(NEEDED, MISSING))
    for path in (good / "bad.so", good / "thing" / "fine.so", Path(INTERPRETER)):
        told = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        expected = [line.split()[0] for line in told.splitlines() if line.endswith("=> not found")]
        assert (
            libraries.find_missing_libraries(libraries.trace(libraries.find_loader(INTERPRETER), str(path))) == expected
        )


def test_musl() -> None:
    """In the output of musl's loader, missing libraries count, but not symbols that the interpreter provides."""
    said = (
        "\tlib/ld-musl-x86_64.so.1 (0x7fecc5e32000)\n"
        "Error loading shared library libq.so.6: No such file or directory (needed by bad.so)\n"
        "Error relocating bad.so: PyModule_AddIntConstant: symbol not found\n"
    )
    assert libraries.find_missing_libraries(said) == ["libq.so.6"]


def test_static_interpreter(tmp_path: Path, good: Path) -> None:
    """With a statically linked interpreter, no library can be missing."""
    static = bytearray(Path(INTERPRETER).read_bytes())
    static[56 if static[4] == 2 else 44] = 0  # it has no program headers
    (tmp_path / "python").write_bytes(static)
    told = libraries.examine(str(tmp_path / "python"), [str(good)])
    assert (told["loader"], told["missing"]) == ("", [])


def test_whole_output(tmp_path: Path) -> None:
    """In a virtual environment, the script looks in every folder that the environment imports from."""
    bad = extension().replace(NEEDED, MISSING)
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    linked, given, work = (tmp_path / name for name in ("linked", "given", "work"))
    for folder in (linked, given, work, packages):
        folder.mkdir(exist_ok=True)
        (folder / f"in_{folder.name}.so").write_bytes(bad)
    (packages / "editable.pth").write_text(f"# x\nimport os\n{linked}\n/nowhere\n", encoding="utf-8")
    python = str(tmp_path / "venv" / "bin" / "python")
    told = run(libraries, folder=work, environment={"PYTHONPATH": str(given)}, interpreter=python)
    files = {Path(each["file"]).name for each in told["missing"]}
    assert files == {"in_linked.so", "in_given.so", "in_work.so", "in_site-packages.so"}
    assert told["checked"] > 4


def test_packages_of_the_system(tmp_path: Path) -> None:
    """The configuration of a virtual environment says whether it also imports the interpreter's own packages."""
    for word, answer in (("true", True), ("false", False)):
        (tmp_path / "pyvenv.cfg").write_text(f"home = /x\nInclude-system-site-packages = {word}\n", encoding="utf-8")
        assert libraries.uses_system_packages(tmp_path / "pyvenv.cfg") is answer


def test_working_directory_of_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the working directory is the root, the system's files do not count as the application's."""
    monkeypatch.chdir("/")
    assert "/" not in libraries.list_import_folders()
