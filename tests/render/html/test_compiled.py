"""A template is compiled once; what is kept of it leads to the same page, and damage leads to compiling it again."""

from __future__ import annotations

import pickle
from pathlib import Path

import jinja2
import pytest

from weighbridge.cache import Cache
from weighbridge.render.html.compiled import Compiled

TEXT = "{% for each in range(3) %}{{ each }}{{ word }}{% endfor %}"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the test a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def drawn(monkeypatch: pytest.MonkeyPatch, text: str = TEXT) -> tuple[str, int]:
    """Return what a template gives, and how often it was compiled for that."""
    count, real = 0, jinja2.Environment.compile

    def counted(*arguments: object, **more: object) -> object:
        nonlocal count
        count += 1
        return real(*arguments, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(jinja2.Environment, "compile", counted)
        environment = jinja2.Environment(
            loader=jinja2.DictLoader({"x": text}), bytecode_cache=Compiled(), autoescape=True
        )
        return environment.get_template("x").render(word="é<"), count


def test_template_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time it is not compiled; another text is."""
    assert drawn(monkeypatch) == ("0é&lt;1é&lt;2é&lt;", 1)
    assert drawn(monkeypatch) == ("0é&lt;1é&lt;2é&lt;", 0)
    assert drawn(monkeypatch, "{{ word }}") == ("é&lt;", 1)


def test_other_versions_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of Jinja compiled is not used."""
    drawn(monkeypatch)
    monkeypatch.setattr(jinja2, "__version__", "0")
    assert drawn(monkeypatch)[1] == 1


@pytest.mark.parametrize("data", [b"", b"x", pickle.dumps(1)])
def test_damage_is_as_good_as_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path, data: bytes) -> None:
    """Other bytes in its place: it is compiled again, and kept."""
    before = drawn(monkeypatch)
    (file,) = folder.rglob("template-*")
    whole = Cache().read_bytes(file.name)
    assert whole
    Cache().keep_bytes(file.name, whole[: len(whole) - 30] if data == b"x" else data)
    assert drawn(monkeypatch) == before
    assert drawn(monkeypatch) == (before[0], 0)


def test_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder for the cache it is compiled each time."""

    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", fail)
    assert [drawn(monkeypatch)[1] for _ in range(2)] == [1, 1]
