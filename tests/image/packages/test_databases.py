"""All databases of an image together: which files they are, and what comes of them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import stays_inside
from weighbridge.image.packages import databases
from weighbridge.image.packages.databases import is_database, parse_packages, shorten
from weighbridge.image.packages.package import Package

DATABASES = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/diversions",
    "var/lib/dpkg/info/libc6:amd64.list",
    "var/lib/dpkg/status.d/base",
    "var/lib/dpkg/status.d/base.md5sums",
    "var/lib/dpkg/status.d/YmFzZS1maWxlcw==",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "usr/local/lib/python3.13/site-packages/redis-8.1.0.dist-info/RECORD",
    "redis-8.1.0.dist-info/RECORD",
    "var/lib/dpkg/odd-1.dist-info/RECORD",
    "a/demo-1.egg-info/PKG-INFO",
    "a/demo-1.egg-info/installed-files.txt",
    "a/demo-1.egg-info/requires.txt",
    "a/demo-1.egg/EGG-INFO/PKG-INFO",
    "demo-1.egg-info",
    "opt/conda/conda-meta/demo-1-0.json",
    "conda-meta/history",
    "app/node_modules/demo/package.json",
    "app/node_modules/@demo/demo/package.json",
    "app/package.json",
    "package.json",
    "a/redis-8.1.0.dist-info/METADATA",
    "a/redis-8.1.0.dist-info/INSTALLER",
    "a/redis-8.1.0.dist-info/direct_url.json",
    "var/lib/apt/extended_states",
    "etc/apk/world",
    "app/requirements.txt",
    "app/requirements-dev.txt",
    "requirements/base.txt",
    "app/requirements.lock",
    "app/requirements.in",
    "pyproject.toml",
    "app/setup.cfg",
    "app/Pipfile",
    "app/package.json",
]
OTHERS = [
    "",
    "usr/bin/dpkg",
    "var/lib/dpkg",
    "var/lib/dpkg/",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/status.d",
    "var/lib/dpkg/status.d/",
    "var/lib/dpkg/status.d/a/b",
    "var/lib/dpkg/info/libc6:amd64.md5sums",
    "var/lib/dpkg/info/.list",
    "var/lib/dpkg/info/a/b.list",
    "srv/var/lib/dpkg/status",
    "etc/apk/installed",
    "srv/lib/apk/db/installed",
    "RECORD",
    "a/RECORD",
    ".dist-info/RECORD",
    "a/.dist-info/RECORD",
    "a/redis-8.1.0.dist-info/REQUESTED",
    "a/.dist-info/METADATA",
    "METADATA",
    "a/redis-8.1.0.dist-info/RECORD/b",
    "a/demo-1.egg-info/SOURCES.txt",
    ".egg-info/PKG-INFO",
    "a/demo-1.egg",
    "a/EGG-INFO/PKG-INFO",
    "PKG-INFO",
    "opt/conda/conda-meta/pinned",
    "conda-meta/a/b.json",
    "conda-meta/.json",
    "app/node_modules/demo/esm/package.json",
    "app/node_modules/.bin/package.json",
    "app/node_modules/package.json",
    "app/node_modules/@demo/package.json",
    "app/my-package.json",
    "app/tsconfig.json",
    "venv/lib/python3.13/site-packages/redis/requirements.txt",
    "usr/lib/python3/dist-packages/x/pyproject.toml",
    "usr/share/doc/x/requirements.txt",
    "app/my-requirements.txt",
    "app/base.lock",
    "app/base.txt",
    "srv/etc/apk/world",
    "srv/var/lib/apt/extended_states",
]
RULE = re.compile(
    r"var/lib/dpkg/(?:status|status\.d/[^/]+|info/[^/]+\.list|diversions)"
    r"|(?:usr/)?lib/apk/db/installed|etc/apk/world|var/lib/apt/extended_states"
    r"|(?:.*/)?[^/]+\.dist-info/(?:RECORD|METADATA|INSTALLER|direct_url\.json)"
    r"|(?:.*/)?[^/]+\.egg(?:-info|/EGG-INFO)/(?:PKG-INFO|installed-files\.txt|requires\.txt)|(?:.*/)?[^/]+\.egg-info"
    r"|(?:.*/)?conda-meta/(?:history|[^/]+\.json)"
    r"|(?:.*/)?node_modules/(?:@[^/]+/)?[^@./][^/]*/package\.json"
    r"|(?:(?!node_modules/)[^/]*/)*package\.json"
    r"|(?!(?:.*/)?(?:site-packages|dist-packages|node_modules|share/doc)/)(?:.*/)?"
    r"(?:requirements[^/]*\.(?:txt|in|lock)|requirements/[^/]*\.(?:txt|in|lock)|pyproject\.toml|setup\.cfg|Pipfile|package\.json)",
    re.DOTALL,
)
PIECES = sorted({piece for path in [*DATABASES, *OTHERS] for piece in path.split("/")} | {"\n"})


@pytest.mark.parametrize("path", DATABASES)
def test_databases(path: str) -> None:
    """Each file that a parser reads is asked for."""
    assert is_database(path)


@pytest.mark.parametrize("path", OTHERS)
def test_other_files(path: str) -> None:
    """A file of a like name, and a database in another root's folder, is not."""
    assert not is_database(path)


@given(st.one_of(st.lists(st.sampled_from(PIECES)).map("/".join), st.sampled_from([*DATABASES, *OTHERS]), st.text()))
def test_the_rule_in_one_expression(path: str) -> None:
    """The quick tests let through what one regular expression does."""
    assert is_database(path) == (RULE.fullmatch(path) is not None)


def test_order() -> None:
    """Ecosystems come in the order of their table, the packages of each sorted, in whatever order the files are."""
    documents = {
        "app/node_modules/tool/package.json": b"{}",
        "opt/conda/conda-meta/numpy-2-0.json": b"{}",
        "lib/apk/db/installed": b"P:zlib\nV:1\n\nP:musl\nV:2\n",
        "var/lib/dpkg/info/orphan.list": b"/.\n/usr/bin/orphan\n",
        "var/lib/dpkg/status": b"Package: bash\nStatus: install ok installed\nVersion: 5\n",
        "b/Zope-1.dist-info/RECORD": b"",
        "c/amqp-2.dist-info/RECORD": b"",
        "a/amqp-2.dist-info/RECORD": b"amqp.py,,\n",
        "d/amqp-1.dist-info/RECORD": b"",
        "etc/passwd": b"Package: nobody\n",
    }
    packages = list(parse_packages(documents))
    assert packages == list(parse_packages(dict(reversed(documents.items()))))
    assert [(package.kind, package.name, package.version) for package in packages] == [
        ("conda", "numpy", ""),
        ("python", "amqp", "1"),
        ("python", "amqp", "2"),
        ("python", "amqp", "2"),
        ("python", "zope", "1"),
        ("debian", "bash", "5"),
        ("debian", "orphan", ""),
        ("alpine", "musl", "2"),
        ("alpine", "zlib", "1"),
        ("npm", "tool", ""),
    ]
    assert packages[2] == Package(
        kind="python",
        name="amqp",
        version="2",
        paths=("a/amqp.py", "a/amqp-2.dist-info/RECORD"),
        has_metadata=False,
    )


def test_an_image_without_any() -> None:
    """An image may hold no database at all."""
    assert list(parse_packages({})) == []


@given(st.dictionaries(st.sampled_from([*DATABASES, *OTHERS]), st.binary()))
def test_anything(documents: dict[str, bytes]) -> None:
    """Random bytes raise nothing and lead nowhere outside; files that are no database change nothing."""
    packages = list(parse_packages(documents))
    assert all(stays_inside(path) for package in packages for path in (*package.paths, *package.folders))
    assert packages == list(parse_packages({path: documents[path] for path in documents if is_database(path)}))


@given(st.sampled_from(DATABASES), st.binary(), st.binary())
def test_shortened(path: str, head: bytes, tail: bytes) -> None:
    """What is kept of a database is no longer, and tells the same packages as the whole."""
    whole = head + b"\n\n" + tail
    kept = shorten(path, whole)
    assert len(kept) <= len(whole)
    record = "a/redis-8.1.0.dist-info/RECORD"
    assert list(parse_packages({record: b"", path: kept})) == list(parse_packages({record: b"", path: whole}))


RECORDED = st.sampled_from([b"a/b.py", b'"a,b"', b"sha256=x", b",", b",sha256=aB-_,12", b",md5=,", b"\r", b"\n", b'"'])


@given(st.lists(RECORDED).map(b"".join))
def test_shortened_record(record: bytes) -> None:
    """Digests and sizes are left out of a RECORD, and its paths stay, whatever they look like."""
    path = "a/redis-8.1.0.dist-info/RECORD"
    kept = shorten(path, record)
    assert list(parse_packages({path: kept})) == list(parse_packages({path: record}))
    assert shorten(path, b"redis/a.py,sha256=aB_-9,1200\nredis/b.py,,\n") == b"redis/a.py,,\nredis/b.py,,\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [b"\n", b'"\n', b'"', b"/a\n/b\n", b"Package: a\n\n", b"P:a\n\n", b"F:a\nR:b\n", b" ", b"{", b"[0,"]
)
def test_much_of_the_same(line: bytes) -> None:
    """Many short lines, in every database, take seconds at most: nothing grows with the square of their number."""
    documents = dict.fromkeys(DATABASES, b"P:x\nPackage: x\n" + line * (200_000 // len(line)))
    start = time.process_time()
    packages = list(parse_packages(documents))
    assert time.process_time() - start < 10
    assert {package.kind for package in packages} == {"conda", "python", "debian", "alpine", "npm"}


def test_text_that_is_too_long_for_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of the most bytes is kept whole, a longer one is no database; RPM's databases are no text."""
    monkeypatch.setattr(databases, "MAX_TEXT_BYTES", 100)
    for path in ("var/lib/dpkg/status", "a/x-1.dist-info/RECORD", "lib/apk/db/installed"):
        assert shorten(path, b"1" * 100) == b"1" * 100
        assert shorten(path, b"1" * 101) == b""
    for path in ("var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db"):
        assert shorten(path, b"1" * 101) == b"1" * 101


def test_packages_of_a_system_cost_no_more_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system's packages are taken up to the most that they may list; those of other managers pass one by one."""
    documents = {f"var/lib/dpkg/info/p{number}.list": b"/a\n/b\n" for number in range(3)}
    documents |= {f"l/p{number}-1.dist-info/RECORD": b"p.py,,\n" for number in range(3)}
    for cost, count in ((3 * 12, 3), (3 * 12 - 1, 2), (11, 0)):
        monkeypatch.setattr(databases, "MAX_COST", cost)
        kinds = [package.kind for package in parse_packages(documents)]
        assert (kinds.count("debian"), kinds.count("python")) == (count, 3)
