"""Compose files are read into the values that are stated by hand for them, or refused with their place."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.compose_cases import CASES, REFUSED
from weighbridge.errors import SettingsError
from weighbridge.settings.compose import services
from weighbridge.settings.compose.mounts import Folder
from weighbridge.settings.compose.reader import find, read


@pytest.mark.parametrize("name", CASES)
def test_cases(tmp_path: Path, name: str) -> None:
    """Each case has the services that are stated for it, in an order to start them, its name and its notes."""
    case = CASES[name]
    root = case.write(tmp_path)
    paths = [root / each for each in case.read] or find(root)

    project = read(paths, environment=case.environment, profiles=case.profiles)

    expected = {
        each.name: each if each.networks else dataclasses.replace(each, networks={"default": ()})
        for each in case.expected(root)
    }
    assert dict(project.services) == expected
    assert project.name == case.name
    assert [each for each in project.notes if "is not set" not in each] == [*case.notes]
    order = [*project.services]
    assert all(order.index(other) < order.index(each) for each in order for other in expected[each].depends_on)


@pytest.mark.parametrize("what", REFUSED)
def test_refused(tmp_path: Path, what: str) -> None:
    """What is wrong is an error of one line that names file, service and key, and what to do."""
    section, said = REFUSED[what]
    path = tmp_path / "compose.yaml"
    path.write_text(f"services: {section}\n", encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        read([path], environment={})

    assert str(caught.value).startswith("compose.yaml")
    assert said in str(caught.value)
    assert str(caught.value).endswith("Correct it in compose.yaml.")
    assert "\n" not in str(caught.value)


def test_files_that_a_variable_names(tmp_path: Path) -> None:
    """COMPOSE_FILE counts before all that is found, also from `.env`, and nothing overrides its files."""
    for name in ("compose.yaml", "compose.override.yaml", "a.yaml"):
        (tmp_path / name).write_text("services: {}", encoding="utf-8")
    assert find(tmp_path, {"COMPOSE_FILE": "a.yaml:sub/b.yaml"}) == (tmp_path / "a.yaml", tmp_path / "sub/b.yaml")
    assert find(tmp_path, {"COMPOSE_FILE": "a.yaml,/b.yaml", "COMPOSE_PATH_SEPARATOR": ","}) == (
        tmp_path / "a.yaml",
        Path("/b.yaml"),
    )
    (tmp_path / ".env").write_text("COMPOSE_FILE=a.yaml\n", encoding="utf-8")
    assert find(tmp_path) == (tmp_path / "a.yaml",)
    assert find(tmp_path, {"COMPOSE_FILE": ""}) == (tmp_path / "compose.yaml", tmp_path / "compose.override.yaml")


def test_ranges_of_ports(tmp_path: Path) -> None:
    """A range of more ports than a service has is noted, and left out: it would be many times the file."""
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: x, ports: [1-65535, 1-1000, 2001-3000/udp, 5000-6000]}}", encoding="utf-8")
    project = read([path], environment={})
    assert project.services["a"].ports == tuple(range(1, 1001))
    assert project.notes == (
        "services.a.ports[0] is a range of more than 1000 ports and is left out",
        "services.a.ports[2] is not a TCP port and is left out",
        "services.a.ports[3] is a range of more than 1000 ports and is left out",
    )


@pytest.mark.slow
def test_large_files_end(tmp_path: Path) -> None:
    """A file of nearly the largest size, of whatever is slowest to read, is read in seconds."""
    path = tmp_path / "compose.yaml"
    chain = "".join(f" s{n}: {{image: a, depends_on: [s{n + 1}]}}\n" for n in range(2000))
    ranges = "x: &p [1-1000, 2-1000, 3-1000]\nservices:\n" + "".join(
        f" s{n}: {{image: a, ports: *p}}\n" for n in range(500)
    )
    for content, count in ((f"services:\n{chain} s2000: {{image: a}}\n", 2001), (ranges, 500)):
        path.write_text(content, encoding="utf-8")
        start = time.monotonic()
        assert len(read([path], environment={}).services) == count
        assert time.monotonic() - start < 10


def test_find(tmp_path: Path) -> None:
    """A folder without a compose file has none, even if there is an override; what is no file does not count."""
    assert find(tmp_path) == ()
    (tmp_path / "compose.override.yaml").touch()
    (tmp_path / "compose.yaml").mkdir()
    assert find(tmp_path) == ()
    (tmp_path / "docker-compose.yaml").touch()
    assert [path.name for path in find(tmp_path)] == ["docker-compose.yaml", "compose.override.yaml"]


def test_no_file(tmp_path: Path) -> None:
    """No file at all is an error, and so is one that is not there."""
    with pytest.raises(SettingsError, match=r"^there is no compose file to read[.] Name one[.]$"):
        read([], environment={})
    with pytest.raises(SettingsError, match=r"^no[.]yaml: there is no such file[.] Correct it in no[.]yaml[.]$"):
        read([tmp_path / "no.yaml"], environment={})


@pytest.mark.parametrize(
    ("folder", "content", "environment", "name"),
    [
        ("My.Shop_2-x", "", {}, "myshop_2-x"),
        ("_-a", "", {}, "a"),
        ("Ü", "", {}, "compose"),
        ("a", "name: ${N:-b}", {}, "b"),
        ("a", "name: ${N:-b}", {"N": "c"}, "c"),
        ("a", "name: b", {"COMPOSE_PROJECT_NAME": "d"}, "d"),
    ],
)
def test_name(tmp_path: Path, folder: str, content: str, environment: dict[str, str], name: str) -> None:
    """A project is called as the variable, the file, or its folder says."""
    path = tmp_path / folder / "compose.yaml"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    assert read([path], environment=environment).name == name


@pytest.mark.parametrize(
    ("content", "environment", "said"),
    [
        ("name: No", {}, "compose.yaml: name: it is no name of a project: "),
        ("name: a", {"COMPOSE_PROJECT_NAME": "Se cret"}, "COMPOSE_PROJECT_NAME is no name of a project: "),
    ],
)
def test_wrong_name(tmp_path: Path, content: str, environment: dict[str, str], said: str) -> None:
    """A name that Compose does not take is an error where it is given."""
    path = tmp_path / "compose.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read([path], environment=environment)
    assert str(caught.value).startswith(said)
    assert "Se cret" not in str(caught.value)


def test_dotenv_error(tmp_path: Path) -> None:
    """A wrong line of `.env` is an error that names it, and shows no value."""
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: x}}", encoding="utf-8")
    (tmp_path / ".env").write_text("A=1\nB='hidden", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"^[.]env: line 2: a quoted value does not end[.] Correct it in [.]env[.]$"
    ):
        read([path], environment={})


SECRET = "5ecret"  # noqa: S105 - it is what may not be shown
USES = (
    "image: x\n    ports: ['$S']",
    "image: x\n    depends_on: ['$S']",
    "image: x\n    volumes: ['$S:/x']",
    "image: x\n    volumes: [{type: $S, target: /x}]",
    "image: x\n    volumes: ['./x:/y:$S']",
    "image: x\n    networks: ['$S']",
    "image: x\n    networks: {default: {aliases: [$S], x: 1}}",
    "image: x\n    secrets: ['$S']",
    "image: x\n    configs: [{source: '$S'}]",
    "image: x\n    env_file: ./$S",
    "image: x\n    env_file: [{path: x, format: $S}]",
    "image: x\n    extends: $S",
    "image: x\n    extends: {file: $S, service: x}",
    "image: x\n    environment: ['$S =1']",
    "image: x\n    environment: {A: [$S]}",
    "image: x\n    tmpfs: ['/x:$S']",
    "image: x\n    read_only: $S",
    "image: x\n    stop_grace_period: $S",
    "image: x\n    command: ($S",
    "image: x\n    command: echo $S > x",
    "image: x\n    healthcheck: {test: [$S]}",
    "image: x\n    healthcheck: {retries: $S}",
    "image: x\n    deploy: {replicas: $S}",
    "image: x\n    gpus: $S",
    "image: '${S}${'",
    "image: '${NONE:?not $S}'",
    "image: x\n    build: ~$S/x\n    expose: [$S]",
)


@pytest.mark.parametrize("service", USES)
def test_secrets_are_not_shown(tmp_path: Path, service: str) -> None:
    """No error and no note shows the value of a variable, wherever it is used."""
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  a:\n    {service}\n", encoding="utf-8")
    try:
        said = [*read([path], environment={"S": SECRET}).notes]
    except SettingsError as error:
        said = [str(error)]
    assert said
    assert SECRET not in " ".join(said)


def test_secrets_are_not_in_values_shown(tmp_path: Path) -> None:
    """A project can be printed without its variables."""
    path = tmp_path / "compose.yaml"
    content = "{environment: {A: $S}, image: x, build: {args: [A=$S]}, configs: [c], labels: [a=$S]}"
    path.write_text(f"services:\n  a: {content}\nconfigs: {{c: {{content: $S}}}}\n", encoding="utf-8")
    project = read([path], environment={"S": SECRET})
    assert project.services["a"].environment == {"A": SECRET}
    assert SECRET not in repr(project)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["a", "b", "${X}", "1s", "64m", "80:80", "./a:/b", "a=b", "CMD", "bind", ".env", "service_healthy"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "source", "target", "type", "path", "condition", "test", "file"]), inner
        )
    ),
    max_leaves=6,
)
KEYS = st.sampled_from([*services._list_handlers(Folder(Path("/"))), "unknown"])
FILES = st.fixed_dictionaries(
    {},
    optional={
        "services": JUNK | st.dictionaries(st.sampled_from(["a", "b"]), JUNK | st.dictionaries(KEYS, JUNK)),
        **dict.fromkeys(("networks", "volumes", "secrets", "configs", "include", "name"), JUNK),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES)
def test_any_file(tmp_path: Path, content: object) -> None:
    """Whatever a file holds, there is a project or a SettingsError of one line."""
    path = tmp_path / "compose.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    said = ""
    try:
        assert read([path, path], environment={"X": "x"}, profiles=["*"]).name
    except SettingsError as error:
        said = str(error)
    assert said.isprintable()
