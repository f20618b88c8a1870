"""Finds the files of a build context that .dockerignore lets through, and copies them.

The rules are those of moby/patternmatcher: a rule applies to a path if it matches the path or a folder above it, and
the last rule that applies decides.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from weighbridge import files
from weighbridge.errors import SettingsError

_IGNORE = ".dockerignore"
_WILDCARD = re.compile(r"[*?\[\\]")
_TOKEN = re.compile(
    r"(?P<folders>\*\*/(?=.))|(?P<all>\*\*/?)|(?P<some>\*)|(?P<one>\?)|(?P<set>\[[^\]]+\])|\\(?P<plain>.)"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of .dockerignore."""

    pattern: re.Pattern[str]
    keeps: bool
    """Whether it includes again (`!`) what an earlier line excluded."""
    begin: str
    """The part of the pattern before its first wildcard."""

    def can_match_below(self, folder: str) -> bool:
        """Tell whether anything below a folder may match."""
        below = f"{folder}/"
        return self.begin.startswith(below) or below.startswith(self.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The folder that a build gets, and its Dockerfile, which need not lie in that folder."""

    folder: Path
    dockerfile: Path

    def is_sent(self, path: str) -> bool:
        """Tell whether a path is a regular file that builds get, and not reached through a symbolic link."""
        parts = path.split("/")
        steps = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        rules = _read_rules(self)
        matched = reduce(lambda above, step: _match_rules(rules, step, above), steps, (False,) * len(rules))
        return (
            not {"", ".", ".."}.intersection(parts)
            and not any((self.folder / step).is_symlink() for step in steps)
            and (self.folder / path).is_file()
            and not _is_left_out(rules, matched)
        )

    @property
    def ignore_file(self) -> Path:
        """The ignore file that applies: the Dockerfile's own if there is one, else the folder's, even if missing."""
        own = locate_own_rules(self.dockerfile)
        return own if files.is_file(own) else self.folder / _IGNORE

    def measure(self) -> Mapping[str, int]:
        """Return name of each entry at the top of the folder -> bytes of the regular files in it that builds get.

        Raises:
            OSError: A folder cannot be read.
            SettingsError: The ignore file is not valid.
        """
        rules, sizes = _read_rules(self), dict[str, int]()
        for path in _walk(self.folder, "", (False,) * len(rules), rules):
            found = (self.folder / path).lstat()
            if stat.S_ISREG(found.st_mode):
                name = path.partition("/")[0]
                sizes[name] = sizes.get(name, 0) + found.st_size
        return sizes

    def copy_to(self, target: Path) -> Context:
        """Copy the files that builds get into a new folder, such that a build cannot tell the two folders apart.

        The copy does not keep owners, which clients do not send to the engine anyway, nor sockets and pipes, which an
        image cannot hold.

        Raises:
            SettingsError: A file cannot be read, or the copy cannot be written.
        """
        with _translate_errors(self.folder):
            rules = _read_rules(self)
            # Lists all files first: the copy may lie within the folder, and must not be copied into itself.
            paths = [*_walk(self.folder, "", (False,) * len(rules), rules)]
            target.mkdir()
            for path in paths:
                _copy(self.folder, target, path)
            return self._copy_dockerfile(target)

    def _copy_dockerfile(self, target: Path) -> Context:
        """Copy the Dockerfile and the ignore files, which builds get even if the rules exclude them."""
        if not self.dockerfile.is_relative_to(self.folder):
            return Context(folder=target, dockerfile=self.dockerfile)
        dockerfile = target / self.dockerfile.relative_to(self.folder)
        own = (self.dockerfile, dockerfile), (locate_own_rules(self.dockerfile), locate_own_rules(dockerfile))
        for source, copy in (*own, (self.folder / _IGNORE, target / _IGNORE)):
            if source.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
        return Context(folder=target, dockerfile=dockerfile)


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"The build context {folder} cannot be copied: {error.filename or 'the copy'}: {error.strerror}",
            advice="Solve that problem, or exclude the file in .dockerignore; TMPDIR sets where the copy goes.",
        ) from error


def locate_own_rules(dockerfile: Path) -> Path:
    """Return the path of the ignore file of this one Dockerfile, which replaces the folder's ignore file."""
    return dockerfile.with_name(f"{dockerfile.name}{_IGNORE}")


def _read_rules(context: Context) -> tuple[_Rule, ...]:
    path = context.ignore_file
    if not files.is_file(path):
        return ()
    lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    return tuple(rule for line in lines if not line.startswith("#") for rule in _parse_rule(line.strip(), path.name))


def _parse_rule(line: str, name: str) -> Iterator[_Rule]:
    keeps, text = line.startswith("!"), line.removeprefix("!").strip()
    # Docker's documentation: "For historical reasons, the pattern . is ignored".
    text = posixpath.normpath(text).lstrip("/") if text else ""
    if text in {"", "."}:
        return
    try:
        wildcard = _WILDCARD.search(text)
        yield _Rule(
            re.compile(_build_expression(text), re.DOTALL), keeps, text[: wildcard.start()] if wildcard else text
        )
    except re.error as error:
        raise SettingsError(f"{name}: {text} is not a valid pattern: {error}", advice="Correct it there.") from error


def _build_expression(pattern: str) -> str:
    """Return the regular expression for a pattern of Go's `filepath.Match` with `**`."""
    parts, at = list[str](), 0
    for token in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[at : token.start()]))
        signs = {"folders": "(?:.*/)?", "all": ".*", "some": "[^/]*", "one": "[^/]"}
        kind = token.lastgroup or ""
        parts.append(signs.get(kind) or (token[0] if kind == "set" else re.escape(token["plain"])))
        at = token.end()
    return "".join([*parts, re.escape(pattern[at:])])


def _match_rules(rules: Sequence[_Rule], path: str, above: Sequence[bool]) -> tuple[bool, ...]:
    """Return for each rule whether it applies to a path; `above` says which rules apply to the path's folder."""
    return tuple(was or bool(rule.pattern.fullmatch(path)) for rule, was in zip(rules, above, strict=True))


def _is_left_out(rules: Sequence[_Rule], matched: Sequence[bool]) -> bool:
    return next((not rule.keeps for rule, holds in reversed([*zip(rules, matched, strict=True)]) if holds), False)


def _walk(root: Path, folder: str, above: Sequence[bool], rules: Sequence[_Rule]) -> Iterator[str]:
    """Yield the paths below a folder that builds get, each folder before its contents."""
    for entry in sorted((root / folder).iterdir()):
        path = f"{folder}/{entry.name}" if folder else entry.name
        matched = _match_rules(rules, path, above)
        left_out, is_folder = _is_left_out(rules, matched), entry.is_dir() and not entry.is_symlink()
        if not left_out:
            yield path
        if is_folder and (not left_out or any(rule.keeps and rule.can_match_below(path) for rule in rules)):
            yield from _walk(root, path, matched, rules)


def _copy(root: Path, target: Path, path: str) -> None:
    source, copy = root / path, target / path
    for parent in reversed(Path(path).parents[:-1]):  # an excluded folder may hold a file that is included again
        if not (target / parent).exists():
            (target / parent).mkdir()
            shutil.copymode(root / parent, target / parent)
    if source.is_symlink() or source.is_file():
        shutil.copy2(source, copy, follow_symlinks=False)
    elif source.is_dir():
        copy.mkdir(exist_ok=True)
        shutil.copymode(source, copy)
