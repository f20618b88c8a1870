"""Finds in the build context the scripts that a command names, by where the Dockerfile copies them."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from weighbridge import files
from weighbridge.model.recipe import Copied, Recipe
from weighbridge.settings.compose.translation.programs import Call, find_in_script, split_lines

_LONGEST = 2**16
"""The most bytes of a script that we read."""
_MOST_WORDS = 100
_SUPERVISOR = "supervisord"


def find_scripted(words: Sequence[str], context: Path, recipe: Recipe, folder: str) -> tuple[Call, ...]:
    """Return the calls of programs that we know in the scripts that a command names.

    Args:
        words: The command.
        context: The folder that the image is built from.
        recipe: What the Dockerfile says.
        folder: The working folder in the container.
    """
    found = dict[Call, None]()
    for word in islice(_list_paths(words, recipe), _MOST_WORDS):
        path = find_source(posixpath.normpath(posixpath.join(folder, word)), context, recipe)
        if text := _read_text(path) if path else "":
            is_python = word.endswith(".py") or "python" in text.partition("\n")[0]
            found |= dict.fromkeys(find_in_script(text, is_python=is_python))
    return tuple(found)


def find_source(target: str, context: Path, recipe: Recipe) -> Path | None:
    """Return the file of the build context that an image has at a path, None if none can be found.

    Where the Dockerfile does not say it, the file is looked for under the end of its path.
    """
    for copied in reversed(recipe.copies):
        for path, place in list_sources(copied, context):
            if files.is_file(path) and place == target:
                return path
            if files.is_folder(path) and target.startswith(f"{place.rstrip('/')}/"):
                inner = path / target[len(place.rstrip("/")) + 1 :]
                if files.is_file(inner):
                    return inner
    parts = Path(target).parts[1:]
    ends = (context.joinpath(*parts[number:]) for number in range(len(parts)))
    return next((path for path in ends if files.is_file(path)), None)


def list_sources(copied: Copied, context: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files and folders of the context that a COPY takes, each with the path where it then is."""
    is_pattern = glob.has_magic(copied.source)
    names = sorted(glob.glob(copied.source, root_dir=context)) if is_pattern else [copied.source]  # noqa: PTH207
    for name in names:
        path = Path(os.path.normpath(context / name))
        if not path.is_relative_to(context):
            continue
        if not files.is_folder(path) and (copied.target.endswith("/") or len(names) > 1):
            yield path, posixpath.join(copied.target, path.name)
        else:
            yield path, copied.target.rstrip("/") or "/"


def _list_paths(words: Sequence[str], recipe: Recipe) -> Iterator[str]:
    plain = [*words]
    for word in words:
        if any(sign.isspace() for sign in word):
            plain += [each for line in split_lines(word) for each in line]
    for number, word in enumerate(plain):
        if plain[number - 1] == "-m" and number and word.replace(".", "").isidentifier():
            yield f"{word.replace('.', '/')}.py"
            yield f"{word.replace('.', '/')}/__main__.py"
        elif not word.startswith("-") and not any(sign.isspace() for sign in word):
            yield word
    if any(posixpath.basename(word) == _SUPERVISOR for word in plain):
        for copied in recipe.copies:
            if _SUPERVISOR[:-1] in copied.source + copied.target:
                name = posixpath.basename(copied.source)
                yield posixpath.join(copied.target, name) if copied.target.endswith("/") else copied.target


def _read_text(path: Path) -> str:
    try:
        return files.read(path, _LONGEST).decode()
    except (OSError, UnicodeDecodeError):
        return ""
