"""Changes of one file: what they make of its text, where they do not apply, and that they are undone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from weighbridge.build import changes
from weighbridge.build.context import Context
from weighbridge.errors import BuildFailed, SettingsError
from weighbridge.settings.project import Change, Settings, check

PROJECT = Path(__file__).parents[2]
LINE = Change(file="code.py", append="WORD = '{unique}'")


def settings_with(**fields: Any) -> Settings:
    """Return settings with one variant and one change, `mine`."""
    return check({"variants": {"a": {}}, "changes": {"mine": {"file": "code.py", "append": "# {unique}", **fields}}})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Return a context with one file."""
    (tmp_path / "code.py").write_bytes(b"one = 1\r\n\xc3\xbc = 2\r\n")
    return Context(folder=tmp_path, dockerfile=tmp_path / "Dockerfile")


@pytest.mark.parametrize(("before", "begin"), [("", ""), ("x\n", "x\n"), ("x", "x\n")])
def test_append(before: str, begin: str) -> None:
    """The line comes last, on a line of its own, with another word each time."""
    first, second = changes.change_text(before, "mine", LINE), changes.change_text(before, "mine", LINE)
    assert first.startswith(f"{begin}WORD = '")
    assert first.endswith("'\n")
    assert len(first) == len(begin) + len("WORD = ''\n") + 8
    assert first != second


def test_find_and_replace() -> None:
    r"""The first match goes; what takes its place is plain text; the unique word is the same in both."""
    change = Change(file="x", find=r"b(.)\n", replace=r"\1-{unique}" + "\n", append="{unique}")
    text, last = changes.change_text("a\nbc\nbc\n", "mine", change).rsplit("\n", 2)[:2]
    assert text == f"a\n\\1-{last}\nbc"


def test_the_projects_own() -> None:
    """Both changes of this project apply to every variant; that of the lock is of one package and no other."""
    settings = check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])
    changes.check(settings, PROJECT, settings.variants)
    change = settings.changes["lock"]
    before = (PROJECT / change.file).read_text(encoding="utf-8")
    after = changes.change_text(before, "lock", change)
    assert pins(after).keys() == pins(before).keys()
    (changed,) = (name for name, pin in pins(after).items() if pin != pins(before)[name])
    assert re.fullmatch(r"==\S+ +--hash=sha256:[0-9a-f]{64}", pins(after)[changed])


def pins(lock: str) -> dict[str, str]:
    """Return each package of a lock with its version and its hashes."""
    lines = re.sub(r"\\\n", " ", lock).splitlines()
    found = [re.match(r"([\w.-]+)(==.*)", line) for line in lines if not re.match(r" *(#|$)", line)]
    assert all(found), lines  # every line is a pin, and none is half of one
    return {each[1]: each[2] for each in found if each}


def test_applied_and_undone(context: Context) -> None:
    """The file is another one inside the block, and to the byte as before after it; a read-only one too."""
    path = context.folder / "code.py"
    before = path.read_bytes()
    path.chmod(0o444)
    with changes.apply(context, "mine", LINE):
        assert path.read_bytes().startswith(before + b"WORD = '")
    assert path.read_bytes() == before


def test_undone_after_an_error(context: Context) -> None:
    """A build that fails leaves no change behind."""
    before = (context.folder / "code.py").read_bytes()
    with pytest.raises(BuildFailed), changes.apply(context, "mine", LINE):
        raise BuildFailed("as it happens")
    assert (context.folder / "code.py").read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"file": "nope.py"}, "nope.py is not a regular file of the build context "),
        ({"file": "."}, ". is not a regular file of the build context "),
        ({"file": "ignored.py"}, "ignored.py is not a regular file of the build context "),
        ({"file": "binary"}, "binary cannot be read: it is not UTF-8. "),
        ({"find": "three"}, "changes.mine.find matches nothing in code.py. "),
    ],
)
def test_does_not_apply(context: Context, fields: dict[str, str], said: str) -> None:
    """One line says which change, why, and what to do; `check` finds it without changing anything."""
    (context.folder / "binary").write_bytes(b"\xff\xfe")
    (context.folder / "ignored.py").touch()
    (context.folder / ".dockerignore").write_text("ignored.py")
    with pytest.raises(SettingsError) as caught:
        changes.check(settings_with(**fields), context.folder, ["a"])
    assert str(caught.value).startswith(f"The change mine does not apply: {said}")
    assert str(caught.value).endswith(
        "the settings." if "find" in fields or fields["file"] == "binary" else ".dockerignore."
    )
    assert "\n" not in str(caught.value)


def test_checked_in_the_context_of_each_variant(tmp_path: Path) -> None:
    """A change has to apply wherever it will be tried, and only there."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "code.py").touch()
    settings = check(
        {
            "variants": {"one": {"context": "one"}, "two": {"context": "."}},
            "changes": {"mine": LINE.model_dump()},
        }
    )
    changes.check(settings, tmp_path, ["one"])
    with pytest.raises(SettingsError, match=r"^The change mine does not apply"):
        changes.check(settings, tmp_path, ["one", "two"])
