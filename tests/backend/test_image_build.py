"""What lays out the image: the list of what it does without, the record of packages, bytecode without sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.image import bake, dpkg
from backend.image.pruning import SOURCES, Pruning

LIST = Path(__file__).parents[2] / "backend/image/left-out.txt"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in the place of the environment's packages."""
    for name in ("a/b/c.pyx", "a/c.pyx", "a/testing/x/y.py", "a/testing.py", "tests"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 10)
    return tmp_path


def dropped(site: Path, *patterns: str) -> set[str]:
    """Return which paths are left out, folders by themselves."""
    pruning = Pruning(patterns, {"site": site})
    return {str(path.relative_to(site)) for path in site.rglob("*") if pruning.drops(path)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("site/**/*.pyx", {"a/b/c.pyx", "a/c.pyx"}),
        ("site/*.pyx", set()),
        ("site/a/*.pyx", {"a/c.pyx"}),
        ("site/a/testing", {"a/testing"}),
        ("site/test*", {"tests"}),
        ("site/a.b", set()),
        (SOURCES, set()),
    ],
)
def test_patterns(site: Path, pattern: str, expected: set[str]) -> None:
    """A star stays within a name, two cross folders, nothing else is special."""
    assert dropped(site, pattern) == expected


def test_what_a_line_saves_is_told(site: Path) -> None:
    """All that is in a folder counts, once for the first line that names it."""
    pruning = Pruning(("site/a/testing", "site/**/y.py"), {"site": site})
    assert pruning.drops(site / "a/testing")
    assert list(pruning.told()) == ["    0.00 MB  left out: site/a/testing"]
    assert pruning.saved["site/a/testing"] == 10


def test_the_list_that_ships_makes_sense() -> None:
    """Each line has a place that is known, and no line stands there twice."""
    found = Pruning.read(LIST)
    assert not found.keeps_sources
    assert len(found.patterns) == len(set(found.patterns)) > 20


def test_a_line_without_a_place_ends_the_build(tmp_path: Path) -> None:
    """The message has the line and what it may begin with."""
    (tmp_path / "list.txt").write_text("# a comment\n\nlib/test  # tests\n")
    with pytest.raises(SystemExit, match=r"list\.txt: lib/test: begin it with one of site, "):
        Pruning.read(tmp_path / "list.txt")


def test_bytecode_in_the_place_of_sources(tmp_path: Path) -> None:
    """Modules, packages and links to them import without a source; a traceback has path and line all the same."""
    package = tmp_path / "app" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "real.py").write_text("def fail():\n    raise ValueError('as it should')\n")
    (package / "link.py").symlink_to("real.py")
    (package / "real.py").chmod(0o600)  # as a checkout has it where others may read nothing
    package.chmod(0o700)
    bake.main("--in-place", str(tmp_path))
    words = [sys.executable, "-c", "import package.link; package.link.fail()"]
    done = subprocess.run(words, cwd=tmp_path / "app", capture_output=True, text=True, check=False)
    assert sorted(path.name for path in package.iterdir()) == ["__init__.pyc", "link.pyc", "real.pyc"]
    assert 'File "/app/package/real.py", line 2, in fail\nValueError: as it should' in done.stderr
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {0}
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.pyc")} == {"0o644"}
    assert oct(package.stat().st_mode & 0o777) == "0o755"


def test_packages_are_recorded_as_in_distroless_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stanza and the checksums of what is there, also of a source that is there as bytecode."""
    root, database = tmp_path / "root", tmp_path / "dpkg"
    files = {"/usr/lib/libz.so.1": "", "/usr/lib/python3/os.py": "c", "/usr/lib/absent.so": None}
    for name, ending in files.items():
        if ending is not None:
            (root / f"{name[1:]}{ending}").parent.mkdir(parents=True, exist_ok=True)
            (root / f"{name[1:]}{ending}").write_bytes(b"x")
    (database / "info").mkdir(parents=True)
    (database / "info/libz:amd64.list").write_text("/.\n/usr\n/usr/lib\n" + "".join(f"{name}\n" for name in files))
    sums = {name: f"{number:032x}  {name[1:]}\n" for number, name in enumerate(files)}
    (database / "info/libz:amd64.md5sums").write_text("".join(sums.values()))
    stanza = "Package: libz\nStatus: install ok installed\nVersion: 1.3\n"
    (database / "status").write_text(f"Package: other\nVersion: 2\n\n{stanza}\n")
    monkeypatch.setattr(dpkg, "DATABASE", database)
    dpkg.record(root)
    folder = root / "var/lib/dpkg/status.d"
    assert sorted(path.name for path in folder.iterdir()) == ["libz", "libz.md5sums"]
    assert (folder / "libz").read_text() == stanza
    assert (folder / "libz.md5sums").read_text() == sums["/usr/lib/libz.so.1"] + sums["/usr/lib/python3/os.py"]
