"""The table of ecosystems: complete, asked by everything, and all that a new ecosystem takes besides its parser."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weighbridge.image.packages import apk, dist_info, dpkg, egg_info, rpm
from weighbridge.image.packages.databases import is_database
from weighbridge.image.packages.ecosystems import ECOSYSTEMS, Ecosystem

PROJECT = Path(__file__).parents[3]
PACKAGE = PROJECT / "weighbridge"
ROWS = pytest.mark.parametrize("row", ECOSYSTEMS, ids=lambda row: row.category)


@ROWS
def test_row(row: Ecosystem) -> None:
    """Each row tells all that people and programs read, and where its databases are."""
    assert re.fullmatch("[a-z]+", row.category)
    assert row.singular.startswith(row.title)
    assert row.plural == f"{row.singular}s"
    assert re.fullmatch(r"[A-Z].*[.]", row.remedy)
    assert re.fullmatch("#[0-9a-f]{6}", row.colour)
    assert re.fullmatch("[a-z]+", row.purl.type)
    assert "version" in re.compile(row.purl.version).groupindex
    assert row.parsers
    assert not row.distributions or row.is_system


def test_rows_are_apart() -> None:
    """No two rows share a category, a colour or a type of package URL."""
    for name in ("category", "title", "colour"):
        assert len({getattr(row, name) for row in ECOSYSTEMS}) == len(ECOSYSTEMS)
    assert len({row.purl.type for row in ECOSYSTEMS}) == len(ECOSYSTEMS)


PARSER = '''
"""What a manager that nobody has installed: one line of name, version and files."""

from weighbridge.image.packages.package import Package, normalise_paths


def is_database(path):
    return path == "var/lib/novel/list"


def parse_packages(documents):
    for line in documents.get("var/lib/novel/list", b"").decode().splitlines():
        name, version, *paths = line.split()
        yield Package(kind="novel", name=name, version=version, paths=normalise_paths(paths))
'''
ROW = '''
    Ecosystem(
        category="novel",
        title="Novel",
        noun="bundle",
        remedy="Write it out of the plot.",
        colour="#123456",
        purl=Purl(type="generic", vendor="shelf"),
        parsers=("novel",),
        beginnings=("var/lib/novel/",),
    ),
)
"""Every ecosystem'''
PROGRAM = """
import io, json
from dataclasses import replace
from weighbridge.image import filesystem, owners, waste
from weighbridge.image.ledger import build_ledger
from weighbridge.render import formats, verdict
from weighbridge.report import advice, baseline, components
from weighbridge.report.summary import Summary
from tests.support.images import Entry
from tests.support.ledgers import image_of
from tests.support.layers import layer_of
from weighbridge.model.report import Report

layer = [Entry("var/lib/novel/list", b"saga 2.1 opt/saga\\n"), Entry("opt/saga", b"s" * 5_000_000)]
view = filesystem.stack([layer_of(layer)])
ledger = build_ledger(view, 0, owners.find_owners(view, ""), ())
image = image_of("a", *ledger)
report = Report(recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=False, engine=None, images=(image,))
before = replace(report, images=(image_of("a", replace(ledger[-1], bytes=1)),))
summary = Summary(report=report, baseline=baseline.compare(before, report, "main"))
told = {"ledger": [[row.category, row.name, row.version, row.bytes] for row in ledger]}
told["advice"] = [advice.choose_cut(image).what, advice.choose_cut(image).remedy]
told["inventory"] = [[each.kind, each.name] for each in components.take_inventory(image).components]
told["verdict"] = verdict.state_verdict(summary)
for name, render in formats.REPORTS.items():
    stream = io.StringIO()
    render(summary, stream)
    told[name] = stream.getvalue()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a copy of the package says of an image, after one parser and one row were added to it."""
    root = tmp_path_factory.mktemp("novel")
    shutil.copytree(PACKAGE, root / "weighbridge", ignore=shutil.ignore_patterns("__pycache__"))
    folder = root / "weighbridge/image/packages"
    (folder / "novel.py").write_text(PARSER, encoding="utf-8")
    table = (folder / "ecosystems.py").read_text(encoding="utf-8")
    changed = table.replace('\n)\n"""Every ecosystem', ROW, 1)
    (folder / "ecosystems.py").write_text(changed, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM],
        env={"PYTHONPATH": f"{root}:{PROJECT}", "COLUMNS": "120"},
        check=True,
        capture_output=True,
        cwd=root,
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_new_ecosystem_in_figures(told: dict[str, Any]) -> None:
    """With one parser and one row, its packages are in ledger, advice, inventory and bill of materials."""
    assert told["ledger"] == [["novel", "saga", "2.1", 5_000_000], ["unowned", "/var/lib/novel", None, 18]]
    assert told["advice"] == ["Novel bundle saga", "Write it out of the plot."]
    assert told["inventory"] == [["novel", "saga"]]
    (component,) = json.loads(told["cyclonedx"])["components"]
    assert component["purl"] == "pkg:generic/shelf/saga@2.1"


def test_new_ecosystem_in_formats(told: dict[str, Any]) -> None:
    """Every renderer that tells whose bytes are whose calls it by its title, and draws it in its colour."""
    assert "Novel bundles" in told["terminal"]
    assert "Novel bundle saga" in told["terminal"]
    assert "Novel bundle" in told["markdown"]
    assert ">Novel bundles</" in told["html"]
    assert re.search(r"\.c-novel\{fill:#[0-9a-f]{6};", told["html"])
    assert 'class="c-novel"><title>Novel bundles 5.00 MB</title>' in told["svg"]
    assert ".c-novel { fill: #123456; }" in told["svg"]
    assert json.loads(told["json"])["images"][0]["ledger"][0]["category"] == "novel"
    assert "saga" in told["verdict"]


PARSERS = (PACKAGE / "image/requirements.py",)
"""Those outside of their room: it parses files of projects, too, and then no database is parsed."""
ROOMS = ("image", "model", "report", "render")
"""The rooms that deal with categories. Elsewhere `python` is a program, and `debian` an image."""


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_else_spells_categories(room: str) -> None:
    """The parsers and the table name ecosystems; no other module that deals with ledgers does."""
    names = (
        {row.category for row in ECOSYSTEMS} | {row.title for row in ECOSYSTEMS} | {row.plural for row in ECOSYSTEMS}
    )
    spelled = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for path in (PACKAGE / room).rglob("*.py")
        if path.parent != PACKAGE / "image/packages" and path not in PARSERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert spelled == set()
    style = (PACKAGE / "render/html/style.css").read_text(encoding="utf-8")
    assert not re.findall(rf"\.c-(?:{'|'.join(row.category for row in ECOSYSTEMS)})\b", style)


PLACES = [
    *apk.DATABASES,
    apk.WORLD,
    dpkg.EXTENDED_STATES,
    *(f"{folder}rpmdb.sqlite" for folder in rpm.FOLDERS),
    *(f"usr/demo-1.dist-info/{name}" for name in dist_info.NAMES),
    *(f"usr/demo-1{ending}" for ending in egg_info.ENDINGS),
]


@pytest.mark.parametrize("path", PLACES)
def test_table_knows_the_places_of_its_parsers(path: str) -> None:
    """The beginnings and endings of the table let through whatever a parser says that it reads."""
    assert is_database(path)


def list_loaded(module: str) -> set[str]:
    """Return what importing a module loads."""
    program = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=PROJECT)
    return set(done.stdout.split())


def test_parsers_are_cheap_to_import() -> None:
    """No parser imports what only its own databases need, such as SQLite, before there is one."""
    heavy = {"sqlite3", "subprocess", "socket", "ctypes", "asyncio", "pydantic", "email.message", "importlib.metadata"}
    loaded = list_loaded("weighbridge.image.packages.databases")
    assert "weighbridge.image.packages.rpm" in loaded
    assert not heavy & loaded


def test_table_loads_no_parser() -> None:
    """A report of known images needs the table, and neither parsers nor what they share."""
    loaded = list_loaded("weighbridge.image.packages.ecosystems")
    ours = {name for name in loaded if name.startswith("weighbridge.image.")}
    assert ours == {"weighbridge.image.packages", "weighbridge.image.packages.ecosystems"}


@pytest.mark.slow
def test_asking_is_cheap() -> None:
    """It is asked of every file: it takes little more than looking at a path's beginning and end does."""
    paths = [f"usr/lib/python3/dist-packages/demo/module_{number}.py" for number in range(1000)]
    paths += [f"usr/share/locale/{number}/LC_MESSAGES/demo.mo" for number in range(1000)]
    ends = tuple(ending for row in ECOSYSTEMS for ending in row.endings)

    def timed(ask: Callable[[str], bool]) -> float:
        start = time.perf_counter()
        for _ in range(50):
            for path in paths:
                ask(path)
        return time.perf_counter() - start

    ours = min(timed(is_database) for _ in range(5))
    plain = min(timed(lambda path: path.endswith(ends)) for _ in range(5))
    assert ours < 4 * plain
