"""Who requires whom: as pip and apt say of real environments, and as a brute-force model says of any."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.wheels import wheel
from weighbridge.image import requirers
from weighbridge.image.packages.databases import is_database, parse_packages
from weighbridge.image.packages.package import Package
from weighbridge.image.requirements import normalize, split_requirement
from weighbridge.image.requirers import Node, link, link_distributions


def package(name: str, *requires: str, provides: tuple[str, ...] = (), requested: bool | None = True) -> Package:
    """Return a package without files."""
    return Package(
        kind="python", name=name, version="1", paths=(), requires=requires, provides=provides, requested=requested
    )


def linked(
    packages: Mapping[str, Iterable[Package]], named: Mapping[str, frozenset[str]] | None = None
) -> dict[str, set[str]]:
    """Return what requires each distribution of some folders."""
    nodes = [Node(package=each, folder=folder) for folder, group in packages.items() for each in group]
    assert link_distributions(nodes, "linux/amd64", named or {})
    return {f"{node.folder}/{node.package.name}".lstrip("/"): node.requirers for node in nodes}


NAMES = st.sampled_from("abcdef")
GRAPHS = st.dictionaries(NAMES, st.lists(st.sampled_from("abcdefxy"), max_size=4), max_size=6)


@given(GRAPHS, st.dictionaries(NAMES, st.lists(st.sampled_from("xy"), max_size=2)))
def test_any_packages(requires: dict[str, list[str]], provides: dict[str, list[str]]) -> None:
    """A package is required by each other that names it or something that it provides; in circles, too."""
    nodes = [Node(package=package(a, *b, provides=tuple(provides.get(a, ())))) for a, b in requires.items()]
    assert link(nodes)
    for node in nodes:
        answers = {node.package.name, *node.package.provides}
        assert node.requirers == {a for a, b in requires.items() if a != node.package.name and answers & set(b)}


@given(GRAPHS)
def test_any_distributions(requires: dict[str, list[str]]) -> None:
    """Without markers and extras, distributions are linked as other packages are."""
    found = linked({"": [package(a, *b) for a, b in requires.items()]})
    assert found == {name: {a for a, b in requires.items() if a != name and name in b} for name in requires}


def test_extras() -> None:
    """An extra counts where another distribution or a file asks for it, through extras of extras, and else not."""
    packages = [
        package("shop", "celery[all]"),
        package("celery", 'celery[redis]; extra == "all"', 'redis; extra == "redis"', 'boto3; extra == "sqs"'),
        package("redis", "async-timeout; python_full_version < '3.11.3'"),
        package("boto3"),
        package("async-timeout"),
        package("uvicorn", 'uvloop; sys_platform != "win32" and extra == "standard"', 'colorama; extra == "standard"'),
        package("uvloop"),
    ]
    found = linked({"lib/python3.13": packages})
    assert found["lib/python3.13/redis"] == {"celery"}
    assert found["lib/python3.13/boto3"] == found["lib/python3.13/uvloop"] == set()
    assert found["lib/python3.13/async-timeout"] == set()
    found = linked({"lib/python3.11": packages}, {"uvicorn": frozenset({"standard"}), "celery": frozenset({"sqs"})})
    assert found["lib/python3.11/boto3"] == {"celery"}
    assert found["lib/python3.11/uvloop"] == {"uvicorn"}
    assert found["lib/python3.11/async-timeout"] == {"redis"}  # for 3.11.0 to 3.11.2, which this may be


@pytest.mark.parametrize(("requested", "requirers"), [(False, {"uvicorn"}), (None, {"uvicorn"}), (True, set())])
def test_extras_that_no_file_tells(requested: bool | None, requirers: set[str]) -> None:  # noqa: FBT001 - a case
    """What nobody asked for and nothing else requires came by an extra; what somebody asked for may have come so."""
    packages = [package("uvicorn", 'uvloop; extra == "standard"'), package("uvloop", requested=requested)]
    assert linked({"": packages})["uvloop"] == requirers


def test_environments() -> None:
    """An environment has its own; what it does not have itself it has from another, as with the system's packages."""
    one = [package("a", "b", "c"), package("b")]
    other = [package("b"), package("c"), package("d", "B")]
    assert linked({"x": one, "y": other}) == {
        "x/a": set(),
        "x/b": {"a"},
        "y/b": {"d"},
        "y/c": {"a"},
        "y/d": set(),
    }


def test_more_links_than_anybody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound the links are not followed, and that is said."""
    monkeypatch.setattr(requirers, "MOST_LINKS", 10)
    nodes = [Node(package=package(f"a{number}", *(["b"] * 3))) for number in range(5)] + [Node(package=package("b"))]
    assert not link(nodes)
    assert not link_distributions(nodes, "linux/amd64", {})


@pytest.mark.slow
def test_what_pip_shows(tmp_path: Path) -> None:
    """Of an environment that pip installed, each distribution is required by what `pip show` says."""
    shapes = {
        "wb-app": ["wb-web>=1", "WB_Queue[fast]; python_version >= '3.8'", "wb-old; python_version < '3'"],
        "wb-web": ["wb-core"],
        "wb-queue": ["wb-core", "wb-speed; extra == 'fast'", "wb-circle"],
        "wb-circle": ["wb-queue"],
        "wb-core": [],
        "wb-speed": [],
        "wb-alone": [],
    }
    for name, requires in shapes.items():
        wheel(tmp_path, name, requires=requires, extras=["fast"] if name == "wb-queue" else [])
    site = tmp_path / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    options = ["--no-index", "--no-cache-dir", "--no-compile", "--find-links", str(tmp_path), "--target", str(site)]
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "install", "-q", *options, "wb-app", "wb-alone"], check=True)
    environment = os.environ | {"PYTHONPATH": str(site)}
    shown = subprocess.run([*pip, "show", *shapes], check=True, capture_output=True, text=True, env=environment).stdout
    theirs = {
        name: {normalize(each) for each in requirers.split(", ") if each}
        for name, requirers in re.findall(r"^Name: (.*)$(?:.|\n)*?^Required-by: ?(.*)$", shown, re.MULTILINE)
    }
    documents = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    nodes = [Node(package=each) for each in parse_packages(documents)]
    assert link_distributions(nodes, "linux/amd64", {})
    ours = {node.package.name: node.requirers for node in nodes}
    assert ours.pop("wb-speed") == {"wb-queue"}  # by an extra, of which `pip show` says nothing
    theirs.pop("wb-speed")
    assert ours == theirs


@pytest.mark.slow
def test_what_this_environment_requires() -> None:
    """Each distribution here that another one requires without an extra, by importlib, has that noted."""
    documents = {
        str(path).lstrip("/"): path.read_bytes()
        for distribution in importlib.metadata.distributions()
        for path in Path(str(distribution.locate_file(""))).glob("*.dist-info/*")
        if is_database(str(path).lstrip("/"))
    }
    nodes = [Node(package=each) for each in parse_packages(documents)]
    assert link_distributions(nodes, "linux/amd64", {})
    ours = {node.package.name: node.requirers for node in nodes}
    plain = 0
    for distribution in importlib.metadata.distributions():
        requirer = normalize(distribution.metadata["Name"])
        for text in distribution.requires or []:
            asked = split_requirement(text)
            if asked and ";" not in text and asked[0] in ours and asked[0] != requirer:
                assert requirer in ours[asked[0]], text
                plain += 1
    assert plain > 30


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="apt is not installed")
def test_what_apt_says_of_this_machine(tmp_path: Path) -> None:
    """Each installed package that depends on another by its name, in apt's word, requires it in ours."""
    status = Path("/var/lib/dpkg/status").read_bytes()
    nodes = [Node(package=each) for each in parse_packages({"var/lib/dpkg/status": status})]
    assert link(nodes)
    ours = {node.package.name: node.requirers for node in nodes}
    names = sorted(ours)
    unwanted = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    nothing_else = ["-o", f"Dir::State::lists={tmp_path}", "-o", "Dir::Cache="]  # what is installed, not what could be
    words = ["apt-cache", *nothing_else, "rdepends", "--installed", *(f"--no-{each}" for each in unwanted), *names]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    theirs = dict[str, set[str]]()
    name = ""
    for line in shown.splitlines():
        if not line.startswith((" ", "|")) and line != "Reverse Depends:":
            name = line.partition(":")[0]
            theirs[name] = set()
        elif line.startswith(("  ", " |")) and line[2] != " ":  # further in: what else would do for that requirer
            theirs[name].add(line[2:].partition(":")[0])
    assert set(theirs) == set(names)
    for each, requirers_of in theirs.items():
        assert requirers_of & ours.keys() - {each} <= ours[each], each
    assert any(theirs.values())
