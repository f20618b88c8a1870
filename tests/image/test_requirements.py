"""What files ask for: each syntax, its extras, what it includes, and damage."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tests.support.packages import damaged
from weighbridge.image.requirements import (
    LONGEST_BYTES,
    Requirements,
    is_source,
    normalize,
    read,
    split_requirement,
)


def asked(path: str, text: str) -> dict[str, set[str]]:
    """Return what a file asks for."""
    found = read(path, text.encode())
    assert found is not None
    return {name: set(extras) for name, extras in found.names.items()}


LIST = """\
# a comment
-r base.txt
-c ../constraints.txt
--requirement=more/dev.txt
-r https://example.com/x.txt
--index-url https://example.com/simple
-e .
-e git+https://example.com/x.git#egg=Editable[fast]
FastAPI >= 0.1 # the framework
celery[Redis, msg_pack]==5.7 ; python_version > "3.8" \\
    --hash=sha256:0123 \\
    --hash=sha256:4567
zope.interface(>=5)
direct @ https://example.com/direct-1.tar.gz
git+https://example.com/y.git#subdirectory=z&egg=from_git
./wheels/local-1-py3-none-any.whl
wheels/local-1-py3-none-any.whl
bare
"""


def test_list() -> None:
    """Packages are read with their extras; options, comments, paths and hashes are not taken for packages."""
    assert asked("deps/requirements.txt", LIST) == {
        "editable": {"fast"},
        "fastapi": set(),
        "celery": {"redis", "msg-pack"},
        "zope-interface": set(),
        "direct": set(),
        "from-git": set(),
        "bare": set(),
    }
    found = read("deps/requirements.txt", LIST.encode())
    assert found is not None
    assert found.includes == ("deps/base.txt", "constraints.txt", "deps/more/dev.txt")


PROJECT = """\
[build-system]
requires = ["hatchling"]
[project]
name = "My.Shop"
dependencies = ["fastapi[standard]>=0.1", "redis; python_version > '3.8'"]
[project.optional-dependencies]
fast = ["uvloop"]
[dependency-groups]
dev = ["pytest", {include-group = "other"}]
other = ["ruff"]
[tool.uv]
dev-dependencies = ["mypy"]
[tool.pdm.dev-dependencies]
test = ["coverage"]
[tool.poetry]
name = "shop-of-poetry"
[tool.poetry.dependencies]
python = "^3.11"
celery = {version = "^5", extras = ["redis"]}
[tool.poetry.dev-dependencies]
black = "*"
[tool.poetry.group.docs.dependencies]
mkdocs = "^1"
"""


def test_project() -> None:
    """Each table that asks for something counts, the project itself too; what only the build needs does not."""
    found = asked("pyproject.toml", PROJECT)
    names = "my-shop redis uvloop pytest ruff mypy coverage shop-of-poetry python black mkdocs"
    assert {name for name, extras in found.items() if not extras} == set(names.split())
    assert {name: extras for name, extras in found.items() if extras} == {"fastapi": {"standard"}, "celery": {"redis"}}


def test_other_tables() -> None:
    """A Pipfile, a setup.cfg and a package.json name packages in tables of their own."""
    pipfile = (
        '[[source]]\nurl = "x"\n[packages]\nhttpx = {version = "*", extras = ["http2"]}\n[dev-packages]\na = "*"\n'
    )
    assert asked("Pipfile", pipfile) == {"httpx": {"http2"}, "a": set()}
    setup = (
        "[metadata]\nname = Shop\n[options]\ninstall_requires =\n  a>=1\n  b[c]\n[options.extras_require]\nx = d; e\n"
    )
    assert asked("setup.cfg", setup) == {"shop": set(), "a": set(), "b": {"c"}, "d": set()}
    package = {"name": "shop", "dependencies": {"@scope/a": "^1"}, "devDependencies": {"b": "1"}, "scripts": {"c": "d"}}
    assert asked("package.json", json.dumps(package)) == {"shop": set(), "@scope/a": set(), "b": set()}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", b"[project\n"),
        ("pyproject.toml", b"a = " + b"[" * 100_000),
        ("package.json", b'{"a":' * 100_000),
        ("package.json", b"{"),
        ("setup.cfg", b"no section\n"),
        ("requirements.txt", b"\xff"),
        ("requirements.txt", b"a\n" * LONGEST_BYTES),
        ("pyproject.toml", b"#" * LONGEST_BYTES),
        ("pyproject.toml", b"a." * 50_000 + b"a = 1"),
        ("pyproject.toml", b"[" + b"'a' . " * 50_000 + b"a]"),
        ("setup.cfg", b"[a]\nx" + b" " * 60_000 + b"x"),
        ("setup.cfg", b"[a]\n" + b"a\n" * 30_000),
        ("setup.cfg", b"[a]\n" + b"a\n" * 300_000),
    ],
)
def test_damage(path: str, content: bytes) -> None:
    """A file that is damaged, or too long for one, asks for nothing."""
    begin = time.process_time()
    assert read(path, content) is None
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    "text",
    [
        '[project]\ndependencies = "a"\n[tool]\npoetry = 5\n',
        "project = 5\n[dependency-groups]\na = 5\n",
        "[project]\ndependencies = [5, [], {}]\nname = 5\n",
        "[tool.poetry]\ngroup = [1]\ndependencies = 5\n",
    ],
)
def test_unlike_types(text: str) -> None:
    """A value of another type than the table has is passed over."""
    assert asked("pyproject.toml", text) == {}


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
EXTRAS = st.lists(NAMES, max_size=2).map(lambda names: f"[{', '.join(names)}]" if names else "")
ENDS = st.sampled_from(
    ["", ">=1", " == 2.*", " (>=1,<2)", "; python_version > '3.8'", "~=1.0 ; extra == 'x'", " @ file:///x"]
)


@given(NAMES, EXTRAS, ENDS)
def test_as_packaging_reads_it(name: str, extras: str, end: str) -> None:
    """Name and extras are those that the reference implementation finds."""
    text = f"{name}{extras}{end}"
    try:
        theirs = Requirement(text)
    except InvalidRequirement:
        return
    extras_of = frozenset(normalize(each) for each in theirs.extras)
    assert split_requirement(text) == (str(canonicalize_name(theirs.name)), extras_of)


PATHS = ["requirements.txt", "pyproject.toml", "setup.cfg", "Pipfile", "package.json", "any"]
PIECES = damaged(
    b"[project]\n", b"[options]\n", b'name = "x"\n', b"install_requires =\n a\n", b"{", b'"a":', b"-r ", b"a\n"
)


@given(st.sampled_from(PATHS), st.one_of(PIECES, st.text().map(str.encode)))
def test_anything(path: str, content: bytes) -> None:
    """Whatever a file holds, nothing is raised, and every name is normalised for its ecosystem."""
    found = read(path, content)
    assert found is None or isinstance(found, Requirements)
    if found and found.kind == "python":
        assert all(name == canonicalize_name(name) for name in found.names)


def test_what_was_installed_asks_for_nothing() -> None:
    """A package brings files of these names along, which are not the project's."""
    assert is_source("srv/app/requirements/prod.txt")
    assert not is_source("srv/app/node_modules/x/package.json")
    assert not is_source("opt/venv/lib/python3.13/site-packages/x/requirements.txt")


def test_line_of_many_signs() -> None:
    """A long line takes a time that grows with its length, not with the square of it."""
    begin = time.process_time()
    assert asked("requirements.txt", "-e git+https://host/x?egg=" + "#" * 500_000) == {}
    assert time.process_time() - begin < 3
