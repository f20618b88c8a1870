"""What of a folder builds get, by .dockerignore; held against a real builder in tests/live/test_rebuild.py."""

from __future__ import annotations

import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from weighbridge.build.context import Context
from weighbridge.errors import SettingsError

FILES = ("Dockerfile", "a.txt", "b.md", "src/a.txt", "src/deep/er/c.py", "src/deep/c.py", "tests/x")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return a context with some files, each of which holds its own path."""
    folder = tmp_path / "project"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return Context(folder=folder, dockerfile=folder / "Dockerfile")


def files(folder: Path) -> set[str]:
    """Return the paths of all files and links below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("", set(FILES)),
        ("*.txt", {*FILES} - {"a.txt"}),
        ("**/*.txt", {*FILES} - {"a.txt", "src/a.txt"}),
        ("*/deep", {"Dockerfile", "a.txt", "b.md", "src/a.txt", "tests/x"}),
        ("/src/", {"Dockerfile", "a.txt", "b.md", "tests/x"}),
        ("?.md", {*FILES} - {"b.md"}),
        ("[a-c].*", {*FILES} - {"a.txt", "b.md"}),
        ("*\n!src/deep", {"Dockerfile", "src/deep/er/c.py", "src/deep/c.py"}),
        ("*\n!src/deep\nsrc/**/er", {"Dockerfile", "src/deep/c.py"}),
        ("**\n!**/c.py\n", {"Dockerfile", "src/deep/er/c.py", "src/deep/c.py"}),
        ("# tests\n.\n!\n\n  tests  ", {*FILES} - {"tests/x"}),
        ("\ufefftests", {*FILES} - {"tests/x"}),
        (r"a\.txt", {*FILES} - {"a.txt"}),
    ],
)
def test_rules(context: Context, tmp_path: Path, rules: str, left: set[str]) -> None:
    """The copy holds what the rules let through and the Dockerfile; `sends` says the same of each file."""
    (context.folder / ".dockerignore").write_text(rules, encoding="utf-8")
    copy = context.copy_to(tmp_path / "copy")
    assert files(copy.folder) - {".dockerignore"} == left
    assert {name for name in FILES if context.is_sent(name)} | {"Dockerfile"} == left
    assert copy.dockerfile == tmp_path / "copy" / "Dockerfile"
    assert all((copy.folder / name).read_text() == name for name in left)
    sizes = Counter[str]()
    for name in files(copy.folder) & {*FILES}:
        sizes[name.partition("/")[0]] += len(name)
    measured = {name: size for name, size in context.measure().items() if name not in {"Dockerfile", ".dockerignore"}}
    assert measured == {name: size for name, size in sizes.items() if name != "Dockerfile"}


def test_rules_of_one_dockerfile(context: Context, tmp_path: Path) -> None:
    """`NAME.dockerignore` beside a Dockerfile holds for it instead, also where both are outside the context."""
    (context.folder / ".dockerignore").write_text("*")
    elsewhere = tmp_path / "elsewhere.Dockerfile"
    (tmp_path / "elsewhere.Dockerfile.dockerignore").write_text("src\ntests")
    copy = Context(folder=context.folder, dockerfile=elsewhere).copy_to(tmp_path / "copy")
    assert files(copy.folder) == {".dockerignore", "Dockerfile", "a.txt", "b.md"}
    assert copy.dockerfile == elsewhere


def test_rules_come_with_the_dockerfile(context: Context, tmp_path: Path) -> None:
    """The copy is built by the same rules, also where they leave themselves out."""
    (context.folder / "Dockerfile.dockerignore").write_text("*\n!a.txt")
    (context.folder / ".dockerignore").write_text("*")
    copy = context.copy_to(tmp_path / "copy")
    assert files(copy.folder) == {"Dockerfile", "Dockerfile.dockerignore", ".dockerignore", "a.txt"}


def test_copy_within_the_context(context: Context) -> None:
    """A copy that lies in the folder itself, as with TMPDIR there, does not hold itself."""
    copy = context.copy_to(context.folder / "copy")
    assert files(copy.folder) == set(FILES)


def test_links_modes_and_what_is_no_file(context: Context, tmp_path: Path) -> None:
    """Links stay links, wherever they lead; modes stay, empty folders too; a socket and a pipe are left out."""
    (context.folder / "link").symlink_to("/etc/hostname")
    (context.folder / "folder").symlink_to("src", target_is_directory=True)
    (context.folder / "empty").mkdir(mode=0o750)
    (context.folder / "a.txt").chmod(0o751)
    os.mkfifo(context.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(context.folder / "s"))
        copy = context.copy_to(tmp_path / "copy")
    assert files(copy.folder) == {*FILES, "link", "folder"}
    assert [str((copy.folder / name).readlink()) for name in ("link", "folder")] == ["/etc/hostname", "src"]
    modes = [(copy.folder / name).stat().st_mode & 0o7777 for name in ("empty", "a.txt")]
    assert modes == [0o750, 0o751]


@pytest.mark.parametrize(
    "path", ["nope", "src", "src/", "./a.txt", "../project/a.txt", "/etc/hostname", "", "link", "folder/a.txt"]
)
def test_no_file_of_the_context(context: Context, path: str) -> None:
    """A folder, a path that leads outside or through a link, and an unusual spelling are no file that may change."""
    (context.folder / "link").symlink_to("a.txt")
    (context.folder / "folder").symlink_to("src")
    assert context.is_sent("src/a.txt")
    assert not context.is_sent(path)


def test_what_cannot_be_copied_is_told(context: Context, tmp_path: Path) -> None:
    """A missing context and a copy that cannot be written are errors that name what could not be copied."""
    for gone, target in ((context.folder / "nope", tmp_path / "copy"), (context.folder, tmp_path / "no" / "copy")):
        with pytest.raises(SettingsError, match=r"^The build context .* cannot be copied: .*: No such file or dir"):
            Context(folder=gone, dockerfile=gone / "Dockerfile").copy_to(target)


def test_links_have_no_bytes(context: Context) -> None:
    """Only regular files are measured: a link sends its own few bytes, wherever it leads, and a pipe none."""
    (context.folder / "link").symlink_to("a.txt")
    (context.folder / "folder").symlink_to("src", target_is_directory=True)
    os.mkfifo(context.folder / "pipe")
    assert context.measure().keys() == {"Dockerfile", "a.txt", "b.md", "src", "tests"}


def test_rule_that_is_none(context: Context, tmp_path: Path) -> None:
    """The error for an invalid pattern in .dockerignore names the pattern."""
    (context.folder / ".dockerignore").write_text("[b-a]")
    with pytest.raises(SettingsError, match=r"^\.dockerignore: \[b-a\] is not a valid pattern: "):
        context.copy_to(tmp_path / "copy")
