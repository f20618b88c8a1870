"""The bill of materials: valid by the official schema, closed to the byte, the same each time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation import SchemabasedValidator
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.ledgers import image_of, ledger_rows, row
from weighbridge.model.report import Base, Image, LedgerRow, Report
from weighbridge.render import cyclonedx
from weighbridge.report.summary import Summary

PROJECT = Path(__file__).parents[2]
BASE = Base(reference="python:3.13-slim", layers=2, shipped_bytes=1200)
MULTI = image_of(
    "multi",
    row("base", "base-files", 900, "13.8+deb13u8", "debian"),
    row("base", "/etc", 300, kind="unowned"),
    row("debian", "libstdc++6", 80, "1:14.2~rc1"),
    row("python", "redis", 50, "8.1.0"),
    row("bytecode", "redis", 60),
    row("application", "/app", 40),
    row("unowned", "/venv", 3),
    row("wasted", "replaced", 7),
    base=BASE,
)
REPORT = Report(recorded_at="2026-11-23T10:00:00Z", commit="3f2a9c1", dirty=True, engine=None, images=(MULTI,))
SEVERAL = replace(REPORT, images=(MULTI, replace(MULTI, variant="single")))


def text(report: Report) -> str:
    """Return the document as it is written."""
    stream = io.StringIO()
    cyclonedx.render(Summary(report=report), stream)
    return stream.getvalue()


def values(component: dict[str, Any]) -> dict[str, str]:
    """Return our properties without their prefix."""
    return {each["name"].removeprefix("weighbridge:"): each["value"] for each in component.get("properties", ())}


def bytes_of(components: list[dict[str, Any]], variant: str) -> int:
    """Return what the components of a variant have."""
    found = [values(each) for each in components]
    mine = [each for each in found if each["variant"] == variant]
    return sum(int(each.get(name, 0)) for each in mine for name in ("bytes", "bytecode_bytes"))


@cache
def validator() -> SchemabasedValidator:
    """Return what knows the schema; importing its library takes a second, reading it half of one."""
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - most processes of the tests never ask

    return JsonStrictValidator(SchemaVersion.V1_6)


PACKAGES = """\
base-files|13.8+deb13u8|library|pkg:deb/debian/base-files@13.8%2Bdeb13u8?distro=debian-13|bytes 900, base_bytes 900
libstdc++6|1:14.2~rc1|library|pkg:deb/debian/libstdc%2B%2B6@1:14.2~rc1?distro=debian-13|bytes 80
redis|8.1.0|library|pkg:pypi/redis@8.1.0|bytes 50, bytecode_bytes 60
/app||application||bytes 40
python:3.13-slim||container||bytes 300, base_bytes 300
debian|13|operating-system||
"""


def test_components() -> None:
    """Packages with their URLs, the application, the base and the system; each with its bytes."""
    lines = []
    for each in json.loads(text(REPORT))["components"]:
        known = values(each)
        sizes = [f"{name} {known[name]}" for name in ("bytes", "bytecode_bytes", "base_bytes") if name in known]
        lines.append(
            "|".join((each["name"], each.get("version", ""), each["type"], each.get("purl", ""), ", ".join(sizes)))
        )
    assert sorted(lines) == sorted(PACKAGES.splitlines())


def test_one_image_is_the_subject() -> None:
    """Its sums stand with it, and it holds all components."""
    document = json.loads(text(REPORT))
    subject = document["metadata"]["component"]
    assert (subject["type"], subject["name"], subject["version"]) == ("container", "backend:multi", "sha256:multi")
    assert values(subject) == {
        "variant": "multi",
        "platform": "linux/amd64",
        "basis": "sizes of all regular files in the layers, uncompressed",
        "shipped_bytes": "1440",
        "components_bytes": "1430",
        "unowned_bytes": "3",
        "wasted_bytes": "7",
        "pull_bytes": "1",
        "pull_basis": "estimated",
    }
    assert values(document["metadata"]) == {"commit": "3f2a9c1", "dirty": "true"}
    (held,) = [each for each in document["dependencies"] if each.get("dependsOn")]
    assert held["ref"] == subject["bom-ref"]
    assert sorted(held["dependsOn"]) == sorted(each["bom-ref"] for each in document["components"])


def test_several_images_lie_side_by_side() -> None:
    """Each is a component beside its packages, none nested: the dependencies tell what it holds."""
    document = json.loads(text(SEVERAL))
    held = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert held["images"] == ["multi|image", "single|image"]
    assert len(held["multi|image"]) == len(held["single|image"]) == 6
    assert not [each for each in document["components"] if "components" in each]
    assert bytes_of([x for x in document["components"] if "bytes" in values(x)], "single") == 1430


IMAGES = st.tuples(st.lists(ledger_rows(), max_size=8), st.lists(ledger_rows(), max_size=8)).map(
    lambda rows: (image_of("a", *rows[0], base=BASE), image_of("b", *rows[1]))
)


@given(IMAGES)
def test_closed(images: tuple[Image, Image]) -> None:
    """Whatever was recorded: what components, nobody and waste have is what is shipped."""
    components = json.loads(text(replace(REPORT, images=images)))["components"]
    for each in [x for x in components if x["bom-ref"].endswith("|image")]:
        sums = values(each)
        rest = int(sums["unowned_bytes"]) + int(sums["wasted_bytes"])
        parts = bytes_of([x for x in components if x is not each], sums["variant"])
        assert parts == int(sums["components_bytes"])
        assert parts + rest == int(sums["shipped_bytes"])


@pytest.mark.slow  # the schema takes a second or two to import and to read
@given(IMAGES)
@example(())
@example((MULTI,))
@example(SEVERAL.images)
def test_valid(images: tuple[Image, ...]) -> None:
    """Whatever was recorded, the document is valid by the official schema."""
    assert validator().validate_str(text(replace(REPORT, images=images))) is None


def test_same_record_gives_the_same_bytes() -> None:
    """In another process, too, where strings hash otherwise; and another record has another number."""
    program = "from tests.render import test_cyclonedx as t; print(t.text(t.SEVERAL), end='')"
    environment = os.environ | {"PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    command = [sys.executable, "-c", program]
    other = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env=environment)
    assert other.stdout == text(SEVERAL) == text(SEVERAL)
    later = text(replace(SEVERAL, recorded_at="2026-11-23T10:00:01Z"))
    assert json.loads(later)["serialNumber"] != json.loads(text(SEVERAL))["serialNumber"]


@pytest.mark.parametrize(
    ("package", "url"),
    [
        (row("debian", "base-files", 1, "13ubuntu10"), "pkg:deb/ubuntu/base-files@13ubuntu10"),
        (row("debian", "libc6", 1, "2.41"), "pkg:deb/debian/libc6@2.41"),
        (
            row("alpine", "alpine-release", 1, "3.22.1-r0"),
            "pkg:apk/alpine/alpine-release@3.22.1-r0?distro=alpine-3.22.1",
        ),
        (row("python", "zope-event", 1, None), "pkg:pypi/zope-event"),
        (row("npm", "@scope/name", 1, "1.0"), "pkg:npm/%40scope/name@1.0"),
        (row("npm", "left-pad", 1, "1.3.0"), "pkg:npm/left-pad@1.3.0"),
        (row("npm", "@scope/", 1, "1.0"), None),
        (row("conda", "numpy", 1, "1.26.4=py312h0_0"), "pkg:conda/numpy@1.26.4?build=py312h0_0"),
        (row("conda", "numpy", 1, "1.26.4"), "pkg:conda/numpy@1.26.4"),
        (row("conda", "numpy", 1, None), "pkg:conda/numpy"),
        (row("base", "libc6", 1, "2.41"), None),
    ],
)
def test_urls(package: LedgerRow, url: str | None) -> None:
    """A URL has the vendor and its release if the package names them; a package of unknown kind has no URL."""
    components = json.loads(text(replace(REPORT, images=(image_of("a", package),))))["components"]
    (found,) = [each for each in components if each["name"] == package.name]
    assert found.get("purl") == url


def test_record_without_a_ledger() -> None:
    """Without a ledger, the document has no components and no sums of them."""
    document = json.loads(text(replace(REPORT, images=(replace(MULTI, ledger=()),))))
    assert not document.get("components")
    assert not {"components_bytes", "unowned_bytes"} & set(values(document["metadata"]["component"]))
