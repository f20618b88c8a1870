"""Which file holds a project's settings, from a folder upwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.source import SettingsFile, find, is_old_form

OWN = "repository: shop\n"
UNDER_KEY = "packaging: {x: 1}\nweighbridge:\n  repository: shop\n"
TOML = '[project]\nname = "shop"\n[tool.weighbridge]\nrepository = "shop"\n'
JSON = '{"weighbridge": {"repository": "shop"}}'
OLD = "run: {echo: true}\nrepository: shop\nvariants: {multi: {target: multi}, minimal: null}\n"
FORMS = [
    ("weighbridge.yaml", OWN),
    ("weighbridge.yml", OWN),
    ("pyproject.toml", TOML),
    ("invoke.yaml", UNDER_KEY),
    ("invoke.yml", UNDER_KEY),
    ("invoke.json", JSON),
]


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file and return it; its folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(("name", "text"), FORMS)
def test_each_place(tmp_path: Path, name: str, text: str) -> None:
    """Each of the files is found from a folder below, with its settings and nothing else; its folder is the root."""
    path = write(tmp_path / "shop with a blank", name, text)
    below = path.parent / "a" / "b"
    below.mkdir(parents=True)
    found = find(below)
    assert found == SettingsFile(path=path.resolve(), values={"repository": "shop"})
    assert found.root == path.parent.resolve()
    assert find(below, upwards=False) is None
    assert find(path.parent, upwards=False) == found


def test_old_form(tmp_path: Path) -> None:
    """Settings at the top of invoke.yaml are found without Invoke's own keys, and are known to be old."""
    path = write(tmp_path, "invoke.yaml", OLD)
    found = find(tmp_path, {"run", "tasks"})
    values = {"repository": "shop", "variants": {"multi": {"target": "multi"}, "minimal": None}}
    assert found == SettingsFile(path=path.resolve(), values=values, is_old=True)


@pytest.mark.parametrize(
    ("values", "old"),
    [
        ({"variants": {"a": {}}}, True),
        ({"variants": {}}, True),
        ({"variants": {"a": {"dockerfile": "x"}}, "typo": 1}, True),
        ({"variants": {"a": {"colour": "red"}}}, False),
        ({"variants": ["a"]}, False),
        ({"variants": {"a": 1}}, False),
        ({"weighbridge": {}, "variants": {"a": {}}}, False),
        ({"packaging": {}}, False),
        ({}, False),
    ],
)
def test_what_is_old(values: dict[str, object], *, old: bool) -> None:
    """Variants such as ours, at the top and without our key, tell the old form; anything else belongs to others."""
    assert is_old_form(values) is old


@pytest.mark.parametrize("one", FORMS)
@pytest.mark.parametrize("other", FORMS)
def test_two_in_one_folder(tmp_path: Path, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two files with settings are an error that names both; of Invoke's own files Invoke reads only the first."""
    write(tmp_path, *one)
    write(tmp_path, *other)
    if one[0] == other[0] or {one[0].partition(".")[0], other[0].partition(".")[0]} == {"invoke"}:
        assert find(tmp_path)
        return
    with pytest.raises(SettingsError, match="both have settings") as caught:
        find(tmp_path)
    assert one[0] in caught.value.message
    assert other[0] in caught.value.message


def test_nearest_counts(tmp_path: Path) -> None:
    """In a monorepo a project's own file comes before that of the whole, whatever kinds they are."""
    write(tmp_path, "invoke.yaml", UNDER_KEY)
    inner = write(tmp_path / "services/shop", "pyproject.toml", TOML)
    write(tmp_path / "services/shop/src", "pyproject.toml", '[project]\nname = "x"\n')
    found = find(tmp_path / "services/shop/src")
    assert found
    assert found.path == inner.resolve()


def test_stops_at_the_repository(tmp_path: Path) -> None:
    """What lies above the Git repository belongs to somebody else."""
    write(tmp_path, "weighbridge.yaml", OWN)
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    (tmp_path / "shop" / "src").mkdir()
    assert find(tmp_path / "shop" / "src") is None
    write(tmp_path / "shop", "weighbridge.yaml", OWN)
    assert find(tmp_path / "shop" / "src")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("invoke.yaml", "packaging: [unclosed\n"),
        ("invoke.yaml", "packaging: {x: 1}\n"),
        ("invoke.yaml", "- a list\n"),
        ("pyproject.toml", "[unclosed\n"),
        ("pyproject.toml", "tool = 1\n"),
        ("pyproject.toml", "[tool.other]\n"),
        ("pyproject.toml", "\u00e9"),
    ],
)
def test_files_of_others(tmp_path: Path, name: str, text: str) -> None:
    """A file that does not mention us is not ours to judge."""
    write(tmp_path, name, text)
    assert find(tmp_path, upwards=False) is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("weighbridge.yaml", "a: [unclosed\n", "weighbridge.yaml is no YAML: line 2: "),
        ("weighbridge.yaml", "- a\n", "weighbridge.yaml holds a list, not settings"),
        ("invoke.yaml", "weighbridge: [unclosed\n", "invoke.yaml is no YAML: line 2: "),
        ("invoke.yaml", "weighbridge: 5\n", "invoke.yaml: weighbridge: it has to be a section with keys, not 5"),
        ("pyproject.toml", "[tool.weighbridge\n", "pyproject.toml is no TOML: "),
        ("pyproject.toml", "tool.weighbridge = 5\n", "pyproject.toml: weighbridge: it has to be a section with keys, "),
    ],
)
def test_files_of_ours_that_are_wrong(tmp_path: Path, name: str, text: str, message: str) -> None:
    """A file that mentions us and cannot be read is one line with the file's name and what to do."""
    write(tmp_path, name, text)
    with pytest.raises(SettingsError) as caught:
        find(tmp_path)
    assert caught.value.message.startswith(message)
    assert caught.value.advice == f"Correct it in {name}."


def test_empty_section(tmp_path: Path) -> None:
    """A key without a value is a section without keys: the settings by default."""
    write(tmp_path, "invoke.yaml", "weighbridge:\n")
    found = find(tmp_path)
    assert found
    assert found.values == {}


def test_no_folder(tmp_path: Path) -> None:
    """A folder that does not exist is named."""
    with pytest.raises(SettingsError, match="is not a folder"):
        find(tmp_path / "gone")


def test_folder_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder above in which nothing may be looked up has nothing for us."""
    project = write(tmp_path / "theirs" / "shop", "notes.txt", "x").parent
    real = Path.exists

    def look(path: Path, **options: bool) -> bool:
        if path.parent == tmp_path / "theirs":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "exists", look)
    assert find(project) is None
