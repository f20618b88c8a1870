"""Markers, as the reference implementation evaluates them, and where an image does not tell what they ask for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement

from weighbridge.image.packages import markers

SITE = "opt/venv/lib/python3.13/site-packages"
HERE = markers.describe_environment("linux/arm64", SITE)
FACTS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "aarch64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_version": "3.13",
    "sys_platform": "linux",
}
CLAUSES = st.one_of(
    st.builds(
        "python_version {} '3.{}'".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(8, 15)
    ),
    st.sampled_from(["a", "B_c", "d"]).map('extra == "{}"'.format),
    st.sampled_from(["a", "B_c", "d"]).map("'{}' == extra".format),
    st.sampled_from(["linux", "win32"]).map("sys_platform == '{}'".format),
    st.sampled_from(["x86_64", "aarch64"]).map("platform_machine != '{}'".format),
    st.sampled_from(["Linux", "Windows"]).map("platform_system == '{}'".format),
)
MARKERS = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        inner.map("({})".format), st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner)
    ),
    max_leaves=4,
)


@given(MARKERS, st.frozensets(st.sampled_from(["a", "b-c", "d"])))
def test_as_packaging_evaluates_it(marker: str, extras: frozenset[str]) -> None:
    """A marker holds where it does for one of the extras, or without any."""
    facts = [FACTS | {"extra": extra, "python_full_version": "3.13.0"} for extra in ("", *extras)]
    assert markers.holds(marker, HERE, extras) is any(Marker(marker).evaluate(each) for each in facts)


@pytest.mark.parametrize(
    ("marker", "counts"),
    [
        ("", True),
        ("python_full_version < '3.13.3'", True),
        ("python_full_version >= '3.13.3'", True),
        ("python_full_version < '3.13'", False),
        ("platform_release == 'x'", True),
        ("platform_version > '6.1'", True),
        ("nonsense", True),
        ("(" * 10_000, True),
        ("implementation_name == 'pypy'", False),
    ],
)
def test_what_an_image_does_not_tell(marker: str, *, counts: bool) -> None:
    """Where a marker may hold, it counts; damage counts, too."""
    assert markers.holds(marker, HERE, frozenset()) is counts


@pytest.mark.parametrize(
    ("platform", "folder", "expected"),
    [
        ("linux/amd64", "usr/lib/python3.11/dist-packages", ("x86_64", "cpython", ("3.11",))),
        ("linux/arm/v7", "lib/pypy3.10/site-packages", ("armv7l", "pypy", ("3.10",))),
        ("linux/s390x", "x/python3.9", ("s390x", "cpython", ("3.9",))),
        ("", "", ("", "cpython", None)),
    ],
)
def test_environment(platform: str, folder: str, expected: tuple[str, str, tuple[str, ...] | None]) -> None:
    """The image's processor in Linux's word, and the Python that the folder is of; any, where it does not tell."""
    found = markers.describe_environment(platform, folder)
    assert (found.machine, found.implementation) == expected[:2]
    assert found.versions == expected[2] or (expected[2] is None and len(found.versions) > 5)


def test_python_of_no_known_version() -> None:
    """What some Python needs counts where nobody knows which it is."""
    anywhere = markers.describe_environment("linux/amd64", "usr/lib/python3/dist-packages")
    assert markers.holds("python_version < '3.9'", anywhere, frozenset())
    assert markers.holds("python_version >= '3.14'", anywhere, frozenset())
    assert not markers.holds("python_version < '3'", anywhere, frozenset())


@pytest.mark.parametrize(
    "requirement",
    ["a", "a>=1; extra == 'x'", "a[b]; x", "a @ https://e.com/;p=1 ; extra == 'x'", "a @ https://e.com/a"],
)
def test_split(requirement: str) -> None:
    """The marker is what the reference implementation finds, a semicolon in a URL notwithstanding."""
    if requirement == "a[b]; x":  # no marker, and what stands where one would
        assert markers.split_marker(requirement) == "x"
        return
    theirs = Requirement(requirement).marker
    assert markers.split_marker(requirement).replace("'", '"') == (str(theirs) if theirs else "")


@given(st.text())
def test_anything(text: str) -> None:
    """Whatever stands in a marker's place, nothing is raised."""
    markers.holds(markers.split_marker(text), HERE, frozenset({"a"}))
    markers.holds(text, HERE, markers.find_extras(text))


@pytest.mark.parametrize("marker", [" " * 900 + "x", "x" + " " * 900 + "x", "x" + " " * 100_000 + "and extra == 'a'"])
def test_many_blanks(marker: str) -> None:
    """Blanks do not cost time with their square; what is damaged or longer than any real marker counts."""
    begin = time.process_time()
    assert markers.holds(marker, HERE, frozenset())
    assert time.process_time() - begin < 0.2
