"""Files that include and extend each other: errors name the right file, and nothing runs on for ever."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.compose.documents import Reading, Scope, read_files
from weighbridge.settings.compose.mounts import Folder


def read(folder: Path, files: Mapping[str, str], *names: str) -> tuple[dict[str, object], list[str]]:
    """Write files, read some of them, and return the services, and the notes."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    reading = Reading()
    scope = Scope(reading=reading, environment={}, folder=Folder(folder))
    model = read_files([folder / name for name in names or ("a.yaml",)], scope)
    return model["services"], reading.notes


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.yaml": "include: [a.yaml]"}, "a.yaml: the file includes itself. "),
        ({"a.yaml": "include: [b.yaml]", "b.yaml": "include: [a.yaml]"}, "a.yaml: the file includes itself. "),
        ({"a.yaml": "include: [no.yaml]"}, "a.yaml: include[0]: there is no such file. "),
        ({"a.yaml": "include: a.yaml"}, "a.yaml: include: it has to be a list. "),
        ({"a.yaml": "include: [{path: []}]"}, "a.yaml: include[0]: its path is missing. "),
        (
            {"a.yaml": "include: [b.yaml]\nservices: {s: {image: a}}", "b.yaml": "services: {s: {image: b}}"},
            "a.yaml: services.s: an included file has another one of this name. ",
        ),
        (
            {
                "a.yaml": "include: [b.yaml, c.yaml]",
                "b.yaml": "services: {s: {image: b}}",
                "c.yaml": "services: {s: {image: c}}",
            },
            "a.yaml: include[1]: it has services that an earlier included file has, too. ",
        ),
        (
            {"a.yaml": "services: {a: {extends: b}, b: {extends: c}, c: {extends: a}}"},
            "a.yaml: services.a.extends: the service extends itself. ",
        ),
        (
            {
                "a.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}",
                "b.yaml": "services: {b: {extends: {file: a.yaml, service: a}}}",
            },
            "a.yaml: services.a.extends: the service extends itself. ",
        ),
        (
            {"a.yaml": "services: {a: {extends: {file: b.yaml, service: c}}}", "b.yaml": "services: {b: {}}"},
            "a.yaml: services.a.extends: there is no such service in b.yaml. ",
        ),
        (
            {
                "a.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}",
                "b.yaml": "services: {b: {ports: [none]}}",
            },
            "b.yaml: services.b.ports[0]: it has to be a port of a container, ",
        ),
        (
            {"a.yaml": "services: {a: {extends: {file: a.yaml}}}"},
            "a.yaml: services.a.extends: its service is missing. ",
        ),
        ({"a.yaml": "secrets: {s: file}"}, "a.yaml: secrets.s: it has to be a section with keys. "),
        ({"a.yaml": "x: [1"}, "a.yaml is no YAML: line 1: "),
        ({"a.yaml": "- a"}, "a.yaml holds a list, not settings. "),
        ({"a.yaml": "1: a"}, "a.yaml: line 1: the key 1 is not a text; put it in quotes. "),
        ({"a.yaml": "x: !!int hidden"}, "a.yaml has a value that cannot be read. "),
    ],
)
def test_refused(tmp_path: Path, files: Mapping[str, str], said: str) -> None:
    """An error names the file in which to correct something, and the key there."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, files)
    assert str(caught.value).startswith(said)


def test_second_file(tmp_path: Path) -> None:
    """An error in one of several files names that file."""
    files = {"a.yaml": "services: {a: {ports: [1]}}", "b.yaml": "services: {a: {ports: [x]}}"}
    with pytest.raises(SettingsError, match=r"^b\.yaml: services\.a\.ports\[0\]: "):
        read(tmp_path, files, "a.yaml", "b.yaml")


def test_the_same_included_twice(tmp_path: Path) -> None:
    """What two files include in common is no conflict."""
    files = {
        "a.yaml": "include: [b.yaml, c.yaml]",
        "b.yaml": "include: [d.yaml]",
        "c.yaml": "include: [d.yaml]",
        "d.yaml": "services: {d: {image: d}}",
    }
    assert [*read(tmp_path, files)[0]] == ["d"]


def test_include_settings(tmp_path: Path) -> None:
    """An include may name the folder of its paths, and its env file; of anything else there is a note."""
    files = {
        "a.yaml": "include: [{path: b/b.yaml, project_directory: ., env_file: b/b.env, other: 1}]",
        "b/b.yaml": 'services: {b: {image: "$X", volumes: ["./v:/v"]}}',
        "b/b.env": "X=named",
        "b/.env": "X=not named",
    }
    services, notes = read(tmp_path, files)
    assert services["b"]["image"] == "named"  # type: ignore[index]
    assert services["b"]["volumes"]["/v"].source == str(tmp_path / "v")  # type: ignore[index]
    assert notes == ["include[0].other is not understood and is left out"]


def test_unknown_sections(tmp_path: Path) -> None:
    """What stands at the top and is not understood is noted; what Compose takes no longer and one's own are not."""
    _, notes = read(tmp_path, {"a.yaml": "version: '3'\nx-mine: 1\nname: n\nmodels: {}\nvolumes: {v: {driver: d}}"})
    assert notes == ["models is not understood and is left out", "volumes.v.driver is not understood and is left out"]


def test_chains_end(tmp_path: Path) -> None:
    """Chains that are too long, and too many files, are errors, soon."""
    start = time.monotonic()
    services = ", ".join(f"s{n}: {{extends: s{n + 1}}}" for n in range(5000))
    with pytest.raises(SettingsError, match="services extend each other more than 50 deep"):
        read(tmp_path, {"a.yaml": f"services: {{{services}, s5000: {{image: a}}}}"})
    files = {f"f{n}.yaml": f"include: [f{n + 1}.yaml]" for n in range(60)} | {"f60.yaml": "name: x"}
    with pytest.raises(SettingsError, match="files include each other more than 50 deep"):
        read(tmp_path, files, "f0.yaml")
    extended = ", ".join(f"s{n}: {{extends: {{file: g{n}.yaml, service: s}}}}" for n in range(300))
    files = {f"g{n}.yaml": "services: {s: {image: a}}" for n in range(300)} | {"a.yaml": f"services: {{{extended}}}"}
    with pytest.raises(SettingsError, match="more than 200 files are read"):
        read(tmp_path, files)
    assert time.monotonic() - start < 10


def test_doubling_includes_end(tmp_path: Path) -> None:
    """A chain of files that each include the next one twice is an error, soon."""
    start = time.monotonic()
    files = {f"f{n}.yaml": f"include: [f{n + 1}.yaml, f{n + 1}.yaml]" for n in range(40)} | {"f40.yaml": "name: x"}
    with pytest.raises(SettingsError, match=r"^f\d+\.yaml: include\[\d\]: files are included more than 200 times"):
        read(tmp_path, files, "f0.yaml")
    assert time.monotonic() - start < 5
