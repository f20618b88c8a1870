"""What is kept of layers: it comes back, or the layer is read anew; nothing else can happen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import directory, hard_link, layer, symbolic_link
from weighbridge import code_digest
from weighbridge.cache import Cache, locate_user_folder

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
