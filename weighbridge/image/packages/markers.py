"""Whether a Python requirement counts in an image: its marker, held against platform, Python version and extras.

Source: the packaging specifications, "Dependency specifiers". Where an image does not tell what a marker asks for, the
requirement counts: better one package too many is called needed than one too few.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from weighbridge.image.requirements import normalize

if TYPE_CHECKING:
    from packaging.markers import Marker

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "386": "i686"}
"""What an image's config calls a processor -> what Linux does, where that is not the same."""
_FOLDER = re.compile(r"(?:^|/)(python|pypy)(\d+\.\d+)(?:/|$)")
_UNKNOWN = tuple(f"3.{minor}" for minor in range(8, 20))
_LONGEST = 1000
"""Characters of a marker; real ones have a hundred or two."""
_KEPT = 4096
"""Answers that are remembered: the same markers stand in many packages."""
_PATCHES = (0, 99)
"""The last part of Python's version, which no folder tells, at its extremes."""
_UNTOLD = ("platform_release", "platform_version")
"""What markers ask of the kernel, which is the machine's."""
_EXTRA = r"""extra\s*==\s*['"]([^'"]*)['"]"""
_OF_EXTRA = re.compile(rf"\(?\s*(?:(?P<rest>\([^()]*\)|(?:(?!\bor\b)[^()])*?)\s+and\s+)?{_EXTRA}\s*\)?")
_ANY_EXTRA = re.compile(rf"""{_EXTRA}|['"]([^'"]*)['"]\s*==\s*extra\b""")
_OF_VERSION = re.compile(r"""python_version\s*(<=?|>=?|==|!=)\s*['"](\d+)\.(\d+)['"]""")
_OPERATORS: Mapping[str, Callable[[tuple[int, int], tuple[int, int]], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where distributions run, as far as an image tells it."""

    machine: str
    """As Linux calls the processor: `x86_64`."""
    implementation: str
    """`cpython` or `pypy`."""
    versions: tuple[str, ...]
    """Major and minor version of Python, `3.13`; each that it may be, where that is not known."""


@lru_cache(_KEPT)
def describe_environment(platform: str, folder: str) -> Environment:
    """Return where the distributions of a folder run.

    Args:
        platform: The image's, `linux/amd64`.
        folder: Tells Python's version, as in `usr/lib/python3.13/site-packages`.
    """
    machine = platform.partition("/")[2].partition("/")[0]
    found = _FOLDER.search(folder)
    return Environment(
        machine=_MACHINES.get(machine, machine),
        implementation="pypy" if found and found[1] == "pypy" else "cpython",
        versions=(found[2],) if found else _UNKNOWN,
    )


def split_marker(requirement: str) -> str:
    """Return the marker of a requirement; empty where it has none."""
    name, at, rest = requirement.partition("@")
    # A URL may hold a semicolon: only one behind a blank ends it.
    return (rest.partition(" ;") if at and ";" not in name else requirement.partition(";"))[2].strip()


def find_extras(marker: str) -> frozenset[str]:
    """Return the extras that a marker names, normalised."""
    return frozenset(normalize(one or other) for one, other in _ANY_EXTRA.findall(marker))


def holds(marker: str, where: Environment, extras: frozenset[str]) -> bool:
    """Tell whether a marker holds, or may hold, where these extras of its distribution are asked for.

    What most requirements say is decided here: `packaging` takes longer to load than all of them. A marker that is
    longer than any real one counts.
    """
    marker = " ".join(marker.split()) if len(marker) <= _LONGEST else ""  # blanks would cost time with their square
    if not marker:
        return True
    if found := _OF_EXTRA.fullmatch(marker):
        if normalize(found[2]) not in extras:
            return False
        if not found["rest"]:
            return True
    if found := _OF_VERSION.fullmatch(marker):
        compare, wanted = _OPERATORS[found[1]], (int(found[2]), int(found[3]))
        return any(compare(_split_parts(version), wanted) for version in where.versions)
    return _holds(marker, where, extras & find_extras(marker))


def _split_parts(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def load() -> None:
    """Load what reads markers, which takes ten milliseconds, before it is needed."""
    _parse("python_version")


@lru_cache(_KEPT)
def _holds(marker: str, where: Environment, extras: frozenset[str]) -> bool:
    if any(word in marker for word in _UNTOLD):
        return True
    parsed = _parse(marker)
    return parsed is None or any(_evaluate(parsed, values) for values in _is_possible(where, extras))


@lru_cache(_KEPT)
def _parse(marker: str) -> Marker | None:
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - it takes ten milliseconds

    try:
        return Marker(marker)
    except (InvalidMarker, RecursionError):
        return None


def _evaluate(marker: Marker, values: Mapping[str, str]) -> bool:
    try:
        return marker.evaluate(dict(values))
    except (
        ValueError,
        LookupError,
        RecursionError,
    ):  # `packaging`'s own errors of markers and versions are ValueErrors
        return True


def _is_possible(where: Environment, extras: frozenset[str]) -> Iterator[dict[str, str]]:
    """Yield every environment that the image may be, for a marker with each extra and without one."""
    name = {"cpython": "CPython", "pypy": "PyPy"}[where.implementation]
    for version in where.versions:
        for patch in _PATCHES:
            full = f"{version}.{patch}"
            for extra in ("", *sorted(extras)):
                yield {
                    "implementation_name": where.implementation,
                    "implementation_version": full,
                    "os_name": "posix",
                    "platform_machine": where.machine,
                    "platform_python_implementation": name,
                    "platform_release": "",
                    "platform_system": "Linux",
                    "platform_version": "",
                    "python_full_version": full,
                    "python_version": version,
                    "sys_platform": "linux",
                    "extra": extra,
                }
