"""What somebody asks for by name: requirements files, pyproject.toml, setup.cfg, Pipfile and package.json; pure.

Sources: pip's documentation, "Requirements File Format"; the packaging specifications, "pyproject.toml" and "Dependency
Groups"; setuptools, "Declarative config"; Poetry's and Pipenv's documentation; npm's, "package.json".
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

LONGEST_BYTES = 2 * 2**20
"""Of a list of requirements, locks with their hashes included; a longer one is passed over."""
_LONGEST_TABLE_BYTES = 512 * 2**10
"""Of a file whose syntax is slow to parse."""
_LONGEST_SETUP_BYTES = 64 * 2**10
"""Of setup.cfg: `configparser` takes time with the square of the number of lines that it cannot read."""
_LIST = re.compile(r"requirements[^/]*\.(?:txt|in|lock)")
_TABLES = ("pyproject.toml", "setup.cfg", "Pipfile", "package.json")
_LISTS = (".txt", ".in", ".lock")
_ENDINGS = (*_LISTS, *_TABLES)
_INSTALLED = re.compile(r"(?:^|/)(?:site-packages|dist-packages|node_modules|share/doc)/")
_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[([^\[\]]*)\])?\s*(?=[<>=!~;@,(#]|\s|$)", re.ASCII
)
"""A requirement's name and extras (the packaging specifications, "Dependency specifiers")."""
_SEPARATORS = re.compile(r"[-_.]+")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)(?:\[([^\[\]]*)\])?", re.ASCII)
_INCLUDE = re.compile(r"(?:-[rc]\s*|--(?:requirement|constraint)(?:\s+|=))(\S+)")
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){50}""", re.ASCII)
"""`tomllib` takes time with the square of the number of parts that a dotted key has."""
_BLANKS_WITHIN = re.compile(r"(?<=\S)[^\S\n]{2,}")
"""Blanks behind which a line goes on: `configparser` takes time with the square of their number."""
_NPM = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What one file asks for."""

    path: str
    kind: str
    """The ecosystem, `python` or `npm`."""
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name -> the extras that are asked for with it, all normalised; the project that the file describes among them."""
    includes: tuple[str, ...] = ()
    """Files that a requirements file names with `-r` or `-c`, resolved against its own folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of an image from outside its packages."""

    requirements: tuple[Requirements, ...] = ()
    """What files ask for. One that names no package of the image says nothing of it."""
    commands: tuple[tuple[str, ...], ...] = ()
    """The words of what runs in it."""


def is_source(path: str) -> bool:
    """Tell whether a file may say what a project asks for; what was installed asks for nothing. No leading slash."""
    if not path.endswith(_ENDINGS) or _INSTALLED.search(path):
        return False
    folder, _, name = path.rpartition("/")
    if name in _TABLES or _LIST.fullmatch(name):
        return True
    return name.endswith(_LISTS) and folder.rpartition("/")[2] == "requirements"


def normalize(name: str) -> str:
    """Return the name of a Python package, or of an extra, as it is compared (PEP 503, PEP 685)."""
    return _SEPARATORS.sub("-", name).lower()


def split_requirement(text: str) -> tuple[str, frozenset[str]] | None:
    """Return name and extras of a requirement such as `celery[redis]>=5`, normalised; None where it has no name."""
    found = _REQUIREMENT.match(text)
    return (normalize(found[1]), _split_extras(found[2])) if found else None


def read(path: str, content: bytes) -> Requirements | None:
    """Return what a file asks for; None where it is damaged or too long.

    Args:
        path: Its name tells its syntax. A file of any other name is read as a list, as pip does it.
        content: Its bytes.
    """
    name = path.rpartition("/")[2]
    longest = (
        _LONGEST_SETUP_BYTES if name == "setup.cfg" else _LONGEST_TABLE_BYTES if name in _TABLES else LONGEST_BYTES
    )
    if len(content) > longest:
        return None
    try:
        return _read(path, name, content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _read(path: str, name: str, text: str) -> Requirements:
    if name == "package.json":
        return Requirements(path=path, kind="npm", names=_read_npm(json.loads(text)))
    if name == "setup.cfg":
        return Requirements(path=path, kind="python", names=_join_lines(_read_setup(text)))
    if name in _TABLES:
        import tomllib  # noqa: PLC0415 - most images have no such file

        if _LONG_KEY.search(text):
            raise ValueError("a key has more parts than any real one")
        table = tomllib.loads(text)
        return Requirements(
            path=path,
            kind="python",
            names=_join_lines(_read_pipfile(table) if name == "Pipfile" else _read_project(table)),
        )
    lines = [*_split_lines(text)]
    includes = (posixpath.join(posixpath.dirname(path), found[1]) for line in lines if (found := _INCLUDE.match(line)))
    return Requirements(
        path=path,
        kind="python",
        names=_join_lines(_read_list(lines)),
        includes=tuple(dict.fromkeys(posixpath.normpath(each) for each in includes if "://" not in each)),
    )


_Asked = tuple[str, frozenset[str]]


def _join_lines(found: Iterable[_Asked]) -> dict[str, frozenset[str]]:
    names = dict[str, frozenset[str]]()
    for name, extras in found:
        names[name] = names.get(name, frozenset()) | extras
    return names


def _split_extras(text: str | None) -> frozenset[str]:
    return frozenset(normalize(extra.strip()) for extra in (text or "").split(",") if extra.strip())


def _split_lines(text: str) -> Iterator[str]:
    """Yield the logical lines of a requirements file without comments, blanks around them, and hashes."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        kept = re.split(r"(?:^|\s)#|\s--hash", line, maxsplit=1)[0].strip()
        if kept:
            yield kept


def _read_list(lines: Iterable[str]) -> Iterator[_Asked]:
    for line in lines:
        if "egg=" in line and (found := _EGG.search(line)):
            yield normalize(found[1]), _split_extras(found[2])
        elif not line.startswith("-") and (asked := split_requirement(line)):
            yield asked


def _read_npm(value: object) -> dict[str, frozenset[str]]:
    table = _get_table(value)
    names = [name for key in _NPM for name in _get_table(table.get(key))]
    own = table.get("name")
    return dict.fromkeys([*names, *([own] if isinstance(own, str) else [])], frozenset())


def _read_project(value: Mapping[str, object]) -> Iterator[_Asked]:
    """Yield what pyproject.toml names; what only its build needs is left out."""
    project, tool = _get_table(value.get("project")), _get_table(value.get("tool"))
    poetry = _get_table(tool.get("poetry"))
    yield from _collect_names(project.get("name"), poetry.get("name"))
    yield from _collect_strings(project.get("dependencies"))
    for groups in (
        project.get("optional-dependencies"),
        value.get("dependency-groups"),
        _get_table(tool.get("pdm")).get("dev-dependencies"),
    ):
        for group in _get_table(groups).values():
            yield from _collect_strings(group)
    yield from _collect_strings(_get_table(tool.get("uv")).get("dev-dependencies"))
    for group in (poetry, {"dependencies": poetry.get("dev-dependencies")}, *_get_table(poetry.get("group")).values()):
        yield from _merge_extras(_get_table(group).get("dependencies"))


def _read_pipfile(value: Mapping[str, object]) -> Iterator[_Asked]:
    """Yield what a Pipfile names: each table but these is a category of packages."""
    for key, table in value.items():
        if key not in {"source", "requires", "pipenv", "scripts"}:
            yield from _merge_extras(table)


def _read_setup(text: str) -> Iterator[_Asked]:
    import configparser  # noqa: PLC0415 - as above

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_BLANKS_WITHIN.sub(" ", text))
    except configparser.Error as error:
        raise ValueError(str(error)) from error
    yield from _collect_names(parser.get("metadata", "name", fallback=None))
    yield from _read_list(_split_lines(parser.get("options", "install_requires", fallback="") or ""))
    if parser.has_section("options.extras_require"):
        for value in dict(parser["options.extras_require"]).values():
            yield from _read_list(_split_lines(value or ""))


def _collect_names(*names: object) -> Iterator[_Asked]:
    for name in names:
        if isinstance(name, str) and (found := split_requirement(name)):
            yield found


def _collect_strings(values: object) -> Iterator[_Asked]:
    """Yield the requirements of a list; other things in it, such as a group's `include-group`, are passed over."""
    yield from _collect_names(*(values if isinstance(values, list) else []))


def _merge_extras(values: object) -> Iterator[_Asked]:
    """Yield what a table of Poetry or Pipenv names: name -> version, or a table that may have `extras`."""
    for name, value in _get_table(values).items():
        extras = _get_table(value).get("extras")
        listed = [extra for extra in (extras if isinstance(extras, list) else []) if isinstance(extra, str)]
        for found, _ in _collect_names(name):
            yield found, frozenset(map(normalize, listed))


def _get_table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
