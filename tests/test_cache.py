"""What is kept of layers: it comes back, or the layer is read anew; nothing else can happen."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import directory, hard_link, layer, symbolic_link
from weighbridge import code_digest
from weighbridge.cache import Cache, locate_user_folder
from weighbridge.image.layer import FILE, LayerContent

CONTENT = layer(
    directory("d"),
    Entry("d/a", b"12345"),
    Entry("d/é\udcff", b"x"),
    hard_link("b", "d/a"),
    symbolic_link("l", "d"),
    Entry("var/lib/dpkg/status", b"Package: a\n"),
    Entry("d/.wh.c"),
)
KEY = "sha256:" + "0" * 64
MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]


def files(folder: Path) -> list[Path]:
    """Return the files of a cache."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_layer_comes_back(tmp_path: Path) -> None:
    """All columns, links and documents are what they were, for another process too."""
    Cache(tmp_path).keep_layer(KEY, CONTENT)
    assert Cache(tmp_path).read_layer(KEY) == CONTENT
    assert Cache(tmp_path).has_layer(KEY)
    assert Cache(tmp_path).read_layer("sha256:other") is None


def test_layer_is_read_again_for_other_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the code on package databases changes, what was kept of a layer no longer counts; other code may change."""
    Cache(tmp_path).keep_layer(KEY, CONTENT)
    copy = tmp_path / "weighbridge"
    shutil.copytree(code_digest._ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "_ROOT", copy)
    for module, is_known in ((copy / "render/json.py", True), (copy / "image/packages/apk.py", False)):
        module.write_text(module.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        code_digest._compute_digest.cache_clear()
        assert Cache(tmp_path).has_layer(KEY) is is_known
        assert Cache(tmp_path).read_layer(KEY) == (CONTENT if is_known else None)
    code_digest._compute_digest.cache_clear()


def test_document_comes_back(tmp_path: Path) -> None:
    """A JSON object is what it was; a key may hold slashes."""
    Cache(tmp_path).keep_document("member-blobs/x", {"a": [1, None]})
    assert Cache(tmp_path).read_document("member-blobs/x") == {"a": [1, None]}
    assert Cache(tmp_path).read_document("member-other") is None
    assert [Cache(tmp_path).has_document(key) for key in ("member-blobs/x", "member-other")] == [True, False]


def test_bytes_come_back(tmp_path: Path) -> None:
    """Bytes are what they were."""
    Cache(tmp_path).keep_bytes("x", b"\0a")
    assert Cache(tmp_path).read_bytes("x") == b"\0a"
    assert Cache(tmp_path).read_bytes("y") is None


@pytest.mark.parametrize("change", ["a module", "a module of the same size", "a module more", "a module less"])
def test_code_digest_follows_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """The digest that is kept is that of the code, whatever happened to it; without a change no file is read."""
    copy, name = tmp_path / "weighbridge", "weighbridge.image.packages"
    shutil.copytree(code_digest._ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "_ROOT", copy)
    code_digest._compute_digest.cache_clear()
    before = Cache(tmp_path).compute_code_digest(name)
    assert before == code_digest.compute_digest(name)
    with monkeypatch.context() as closed:
        closed.setattr(code_digest, "collect_files", None)
        assert Cache(tmp_path).compute_code_digest(name) == before
    module = copy / "image/packages/apk.py"
    text, times = module.read_text(encoding="utf-8"), module.stat()
    if change == "a module more":
        module.with_name("new.py").write_text("", encoding="utf-8")
    elif change == "a module less":
        module.unlink()
    else:
        module.write_text(text.replace(" of ", " fo ") + "x" * (change == "a module"), encoding="utf-8")
        os.utime(module, ns=(times.st_atime_ns, times.st_mtime_ns))
    code_digest._compute_digest.cache_clear()
    after = Cache(tmp_path).compute_code_digest(name)
    assert after == code_digest.compute_digest(name) != before
    code_digest._compute_digest.cache_clear()


def test_layer_is_marked_as_used(tmp_path: Path) -> None:
    """A layer of which only something that was worked out is read stays as long as if it were read itself."""
    Cache(tmp_path).keep_layer(KEY, CONTENT)
    (path,) = tmp_path.glob("*/*")
    os.utime(path, (0, 0))
    assert Cache(tmp_path).touch_layer(KEY)
    assert path.stat().st_mtime > 0
    assert not Cache(tmp_path).touch_layer("sha256:other")
    path.write_bytes(path.read_bytes()[:-1])  # it counts only as long as it can be read
    assert not Cache(tmp_path).touch_layer(KEY)


@given(st.data())
def test_damage_is_as_good_as_nothing(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bits flipped, an end cut off, other bytes: the layer is not known, or is the right one."""
    folder = tmp_path_factory.mktemp("cache")
    Cache(folder).keep_layer(KEY, CONTENT)
    (path,) = files(folder)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert Cache(folder).read_layer(KEY) in (None, CONTENT)
    assert Cache(folder).read_document(path.name) is None


def seal(folder: Path, key: str, content: bytes) -> Path:
    """Write a file of the cache with the digest that belongs to it, and return its path."""
    Cache(folder).keep_document(key, {})
    path = next(path for path in files(folder) if path.name == key)
    sealed = hashlib.sha256(f"{path.parent.name}\0{key}\0".encode() + content).digest() + content
    path.write_bytes(sealed)
    return path


def test_file_of_another_key_is_not_believed(tmp_path: Path) -> None:
    """A whole file that was copied or renamed to another key is not used, and neither is one without its digest."""
    cache = Cache(tmp_path)
    cache.keep_layer("a", CONTENT)
    cache.keep_document("b", {"ok": True})
    layer_file, document = files(tmp_path)
    for name, path in ((f"x{layer_file.name.removeprefix('a')}", layer_file), ("y", document)):
        path.with_name(name).write_bytes(path.read_bytes())
    assert cache.read_layer("x") is None
    assert cache.read_document("y") is None
    assert files(tmp_path) == [layer_file, document], "they are gone, so that they are written anew"
    document.write_bytes(zlib.compress(b'{"ok": true}'))
    assert cache.read_document("b") is None
    other = Cache(tmp_path / "other")
    other.keep_document("b", {"ok": False})
    assert seal(tmp_path, "b", zlib.compress(b"{}")).exists()
    assert cache.read_document("b") == {}


def test_file_of_another_version_is_not_believed(tmp_path: Path) -> None:
    """A file that was moved from the folder of another version is not used, though it has a digest."""
    cache = Cache(tmp_path)
    cache.keep_document("a", {"x": 1})
    (path,) = files(tmp_path)
    content = path.read_bytes()[32:]
    path.write_bytes(hashlib.sha256(b"3-little\0a\0" + content).digest() + content)
    assert cache.read_document("a") is None


def test_cache_waits_for_nothing(tmp_path: Path) -> None:
    """A FIFO in a file's place is not read."""
    cache = Cache(tmp_path)
    cache.keep_document("a", {})
    (path,) = files(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert cache.read_document("a") is None


HEAD = {
    "shipped_bytes": 2,
    "file_count": 2,
    "deflated_bytes": 3,
    "implied_folders": 0,
    "fingerprint": {"content": 1, "ownership": 2, "times": 3},
    "columns": [4, 2, 16, 16],
    "documents": [[1, 1]],
    "targets": [[0, "a"]],
}
"""The first line of a layer of two entries, `a` and `b`, of one byte each."""
REST = b"a\0b\0" + bytes([FILE, FILE]) + struct.pack("=qqQQ", 1, 1, 5, 6) + b"x"


def read_as_layer(folder: Path, head: object, rest: bytes) -> LayerContent | None:
    """Return what the cache makes of a file whose digest is right."""
    Cache(folder).keep_layer("a", CONTENT)
    key = next(path.name for path in files(folder) if path.name.startswith("a"))
    seal(folder, key, zlib.compress(json.dumps(head).encode() + b"\n" + rest))
    return Cache(folder).read_layer("a")


def test_layer_with_the_right_types(tmp_path: Path) -> None:
    """The file that the next test changes is a layer, in the form that this page of tests says."""
    found = read_as_layer(tmp_path, HEAD, REST)
    assert found
    assert [(entry.path, entry.size, entry.digest, entry.target) for entry in found.iterate_entries()] == [
        ("a", 1, 5, "a"),
        ("b", 1, 6, ""),
    ]
    empty = HEAD | {"columns": [0, 0, 0, 0], "documents": [], "targets": []}
    assert read_as_layer(tmp_path, empty, b"")


@pytest.mark.parametrize(
    ("changes", "rest"),
    [
        ({"shipped_bytes": "2"}, REST),
        ({"shipped_bytes": 2.0}, REST),
        ({"shipped_bytes": True}, REST),
        ({"file_count": None}, REST),
        ({"deflated_bytes": -1}, REST),
        ({"implied_folders": None}, REST),
        ({"fingerprint": {"content": 1, "ownership": 2}}, REST),
        ({"fingerprint": {"content": "1", "ownership": 2, "times": 3}}, REST),
        ({"fingerprint": 7}, REST),
        ({"columns": [4, 2, 16]}, REST[:-17] + b"x"),
        ({"columns": [4, 1, 16, 16]}, REST[:5] + REST[6:]),
        ({"columns": [4, 2, 8, 16]}, REST[:6] + REST[14:]),
        ({"columns": [4, 2, 16, 8]}, REST[:22] + REST[30:]),
        ({"columns": [4, 2, 15, 17]}, REST),
        ({"columns": [4, 2, 16, -16]}, REST),
        ({"columns": [2, 2, 16, 16]}, REST[2:]),
        ({"columns": [5, 2, 16, 16]}, b"a\0b\0c" + REST[4:]),
        ({"columns": [1, 0, 0, 0], "documents": [], "targets": []}, b"a"),
        ({}, REST[:4] + bytes([FILE, 5]) + REST[6:]),
        ({}, REST[:6] + struct.pack("=qq", -1, 1) + REST[22:]),
        ({}, REST + b"more"),
        ({"documents": [[2, 1]]}, REST),
        ({"documents": [["1", 1]]}, REST),
        ({"documents": [[1, True]]}, REST),
        ({"documents": [[1]]}, REST),
        ({"targets": [[2, "a"]]}, REST),
        ({"targets": [[0, 1]]}, REST),
        ({"targets": [["0", "a"]]}, REST),
        ({"targets": 1}, REST),
    ],
)
def test_layer_with_wrong_types_is_not_believed(tmp_path: Path, changes: dict[str, object], rest: bytes) -> None:
    """A file whose digest is right, but whose values have the wrong type or length, is not used."""
    assert read_as_layer(tmp_path, HEAD | changes, rest) is None


JSON = st.recursive(st.none() | st.booleans() | st.integers(-3, 20) | st.floats() | st.text(max_size=3), st.lists)


@given(st.dictionaries(st.sampled_from([*HEAD]), JSON), st.binary(max_size=60) | st.just(REST))
def test_no_values_raise_anything(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object], rest: bytes
) -> None:
    """Whatever a file with the right digest holds, it is not used, or is a layer whose entries can be read."""
    found = read_as_layer(tmp_path_factory.mktemp("cache"), HEAD | changes, rest)
    if found:
        assert len([*found.iterate_entries()]) == found.entry_count


def test_cache_stays_below_its_limit(tmp_path: Path) -> None:
    """What was not used for longest goes first, and drafts of processes that were killed go too."""
    Cache(tmp_path).keep_layer("0", CONTENT)
    size = files(tmp_path)[0].stat().st_size
    draft = files(tmp_path)[0].with_name(".draft-killed")
    draft.write_bytes(b"x" * size)
    os.utime(draft, (0, 0))
    cache = Cache(tmp_path, limit_bytes=3 * size + size // 2)
    for number in range(1, 6):
        cache.keep_layer(str(number), CONTENT)
        for age, path in enumerate(sorted(files(tmp_path), key=lambda path: path.name)):
            os.utime(path, (1000 + age, 1000 + age))
        assert cache.read_layer("0") == CONTENT, "it was used just now"
    assert [path.name.partition("-")[0] for path in files(tmp_path)] == ["0", "4", "5"]


def test_nothing_fails_without_a_place(tmp_path: Path) -> None:
    """A file in the folder's place, or a folder in a file's: nothing is kept, and nothing is raised."""
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    cache.keep_layer(KEY, CONTENT)
    assert cache.read_layer(KEY) is None
    other = Cache(tmp_path)
    other.keep_layer("x", CONTENT)
    kept = files(tmp_path)[0]
    kept.with_name(kept.name.replace("x-", "y-", 1)).mkdir()
    other.keep_layer("y", CONTENT)
    assert other.read_layer("y") is None
    assert other.read_layer("x") == CONTENT


def test_read_only_folder(tmp_path: Path) -> None:
    """What was kept in a folder is read although nothing can be written there, not even when it was used."""
    cache = Cache(tmp_path)
    cache.keep_layer(KEY, CONTENT)
    cache.keep_document("a", {"b": 1})
    script = (
        "import sys; from pathlib import Path; from tests.test_cache import CONTENT, KEY\n"
        "from weighbridge.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "assert cache.read_layer(KEY) == CONTENT\n"
        "assert cache.read_document('a') == {'b': 1}\n"
        "assert cache.touch_layer(KEY) and not cache.touch_layer('other')\n"
        "cache.keep_document('c', {})\n"
        "assert cache.read_document('c') is None\n"
    )
    if not shutil.which("unshare") or subprocess.run([*MOUNT, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only who may mount something can make a folder read-only")
    make_read_only = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    command = [*MOUNT, "sh", "-c", make_read_only, str(tmp_path), sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_several_processes_at_once(tmp_path: Path) -> None:
    """Four processes keep and read the same layer: each sees it whole, and one file is left."""
    script = (
        "import sys; from pathlib import Path; from tests.test_cache import CONTENT, KEY\n"
        "from weighbridge.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for _ in range(60):\n"
        "    cache.keep_layer(KEY, CONTENT)\n"
        "    assert cache.read_layer(KEY) == CONTENT\n"
    )
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", script, str(tmp_path)]
    started = [subprocess.Popen(command, cwd=root) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0] * 4
    assert len(files(tmp_path)) == 1


def test_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where the user's desktop keeps caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert locate_user_folder() == Path("/somewhere/weighbridge")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert locate_user_folder() == Path("/home/me/.cache/weighbridge")
