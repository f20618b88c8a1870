"""Compose 2 or later takes the files of our cases as we do, by `docker compose config`; no engine is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.live import adoption
from tests.support.compose_cases import CASES, REFUSED
from tests.support.stacks_in_compose import STACKS
from weighbridge.build.recipes import find_recipes
from weighbridge.engine.compose import render
from weighbridge.errors import SettingsError
from weighbridge.settings.compose.project import (
    ComposeBuild,
    ComposeFile,
    ComposeHealthcheck,
    ComposeService,
    ComposeTmpfs,
    ComposeVolume,
)
from weighbridge.settings.compose.reader import find, read, read_rendered
from weighbridge.settings.compose.translation.translator import translate

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
PROGRAMS = (("docker", "compose"), ("docker-compose",))
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True)
class Compose:
    """The Compose of this machine."""

    words: tuple[str, ...]
    version: tuple[int, ...]


@pytest.fixture(scope="module")
def compose() -> Compose:
    """Return Compose, of version 2 or later."""
    for program in PROGRAMS:
        if shutil.which(program[0]):
            done = subprocess.run([*program, "version", "--short"], capture_output=True, text=True, check=False)
            version = tuple(int(part) for part in re.findall("[0-9]+", done.stdout)[:2])
            if not done.returncode and version >= (2,):
                return Compose(program, version)
    pytest.skip("Compose is not there in version 2 or later")


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_compose(compose: Compose, tmp_path: Path, name: str) -> None:
    """Our reader finds the same services, and the same values in each, and the same name of the project."""
    case = CASES[name]
    if compose.version < case.since:
        pytest.skip(f"Compose takes it so since {case.since}")
    root = case.write(tmp_path)
    ours = read([root / each for each in case.read] or find(root), environment=case.environment, profiles=case.profiles)

    words = [*(f"--file={each}" for each in case.read), *(f"--profile={each}" for each in case.profiles)]
    done = run_config([*compose.words, *words], root, case.environment)

    assert done.returncode == 0, done.stderr
    theirs = unescape(json.loads(done.stdout))
    assert theirs["name"] == ours.name
    assert {name: read_service(name, theirs, case.environment) for name in theirs["services"]} == dict(ours.services)
    rendered = read_rendered(done.stdout, root, environment=case.environment)
    assert (rendered.name, dict(rendered.services)) == (ours.name, dict(ours.services))
    assert translate(rendered, root) == translate(ours, root)


@pytest.mark.parametrize("name", STACKS)
def test_translation_is_that_of_what_compose_says(compose: Compose, tmp_path: Path, name: str) -> None:
    """A stack gives the same settings and notes whether Compose or our reader has read its files."""
    stack = STACKS[name]
    root = stack.write(tmp_path)
    paths = find(root, stack.environment)
    ours = read(paths, environment=stack.environment, profiles=stack.profiles)
    kept = {key: os.environ[key] for key in ("PATH", "DOCKER_CONFIG") if key in os.environ}

    text = render(paths, root, profiles=stack.profiles, environment={**kept, **stack.environment})

    assert text is not None, f"{compose.words} is there"
    theirs = read_rendered(text, root, environment=stack.environment)
    recipes = find_recipes(ours)
    assert find_recipes(theirs) == recipes
    assert translate(theirs, root, recipes) == translate(ours, root, recipes)


def test_compose_says_what_is_wrong(compose: Compose, tmp_path: Path) -> None:
    """What Compose refuses is an error of one line in its words."""
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: x, depends_on: [b]}}", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        render([path], tmp_path)
    assert f"`{' '.join(compose.words)} config` refuses the compose files: " in str(caught.value)
    assert "undefined service" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_compose_file(compose: Compose) -> None:
    """The compose file of this repository is one that both take in the same way."""
    variables = {"API_TOKEN": "token", "HOME": "/home/user"}
    path = PROJECT / "compose.yaml"
    done = run_config(compose.words, PROJECT, variables)

    assert done.returncode == 0, done.stderr
    theirs = unescape(json.loads(done.stdout))
    ours = read([path], environment=variables)
    assert {name: read_service(name, theirs, variables) for name in theirs["services"]} == dict(ours.services)


@pytest.mark.parametrize("application", adoption.NAMES)
def test_compose_files_of_others(compose: Compose, application: str) -> None:
    """The compose file of each application that the smoke test adopts is one that both take in the same way."""
    folder = adoption.FOLDER / application
    done = run_config(compose.words, folder, {})

    assert done.returncode == 0, done.stderr
    theirs = unescape(json.loads(done.stdout))
    ours = read(find(folder), environment={})
    assert theirs["name"] == ours.name
    assert {name: read_service(name, theirs, {}) for name in theirs["services"]} == dict(ours.services)


@pytest.mark.parametrize("what", REFUSED)
def test_compose_refuses_what_we_refuse(compose: Compose, tmp_path: Path, what: str) -> None:
    """Nothing that Compose takes is wrong for us."""
    path = tmp_path / "compose.yaml"
    path.write_text(f"services: {REFUSED[what][0]}\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        read([path], environment={})

    assert run_config(compose.words, tmp_path, {}).returncode != 0


PIECES = ["$", "${", "}", "A", "E", "U", ":-", "-", ":?", "?", ":+", "+", "x", " ", "$$", "{", "${A}", "$U", ".", "1"]
LINES = [
    "A=",
    "B=",
    "B: ",
    "C",
    "\n",
    "'",
    '"',
    "\\",
    "#",
    " #",
    "$",
    "${",
    "}",
    "A",
    ":-",
    "x",
    "export ",
    "n",
    "\t",
    "\r\n",
]
VARIABLES = {"A": "a b", "E": ""}
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_variables_are_those_of_compose(compose: Compose, tmp_path: Path, text: str) -> None:
    """Compose replaces the variables of a text, and refuses it, as we do."""
    service = ask_both(compose, tmp_path, {"image": "x", "user": f"u{text}"})
    assert service is None or service[0].user == unescape(service[1]["user"])


@few
@given(st.lists(st.sampled_from(LINES), max_size=16).map("".join))
def test_any_env_file_is_that_of_compose(compose: Compose, tmp_path: Path, text: str) -> None:
    """Compose takes the lines of an env file, and refuses them, as we do; it alone takes a value without a name."""
    assume(not re.search(r"^\s*(export\s+)*[:=]", text, re.MULTILINE))
    (tmp_path / "a.env").write_bytes(f"{text}\n".encode())
    service = ask_both(compose, tmp_path, {"image": "x", "env_file": "a.env"})
    assert service is None or dict(service[0].environment) == unescape(service[1].get("environment", {}))


def ask_both(
    compose: Compose, folder: Path, service: Mapping[str, str]
) -> tuple[ComposeService, Mapping[str, Any]] | None:
    """Return a service as we read it and as Compose does, None if both refuse it; one alone may not."""
    path = folder / "compose.yaml"
    path.write_text(json.dumps({"services": {"app": service}}), encoding="utf-8")
    done = run_config(compose.words, folder, VARIABLES)
    if done.returncode:
        with pytest.raises(SettingsError):
            read([path], environment=VARIABLES)
        return None
    ours = read([path], environment=VARIABLES).services["app"]
    return ours, json.loads(done.stdout)["services"]["app"]


def run_config(compose: Sequence[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `docker compose config` in a folder, with no other variables than those that it needs to run."""
    kept = {name: os.environ[name] for name in ("PATH", "DOCKER_CONFIG", "DOCKER_HOST") if name in os.environ}
    words = [*compose, "config", "--format", "json"]
    return subprocess.run(
        words, cwd=folder, env={**kept, **variables}, capture_output=True, text=True, check=False, timeout=60
    )


def unescape(value: Any) -> Any:
    """Undo what Compose does for files that it will read again: it writes each dollar twice."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: unescape(each) for key, each in value.items()}
    return [unescape(each) for each in value] if isinstance(value, list) else value


def read_service(name: str, project: Mapping[str, Any], variables: Mapping[str, str]) -> ComposeService:
    """Return a service of what Compose prints as our value."""
    service = project["services"][name]
    words = {key: tuple(service[key]) for key in ("command", "entrypoint") if service.get(key) is not None}
    build, check = service.get("build"), service.get("healthcheck")
    return ComposeService(
        name=name,
        image=service.get("image"),
        build=build
        and ComposeBuild(
            context=build["context"],
            dockerfile=build["dockerfile"],
            target=build.get("target"),
            args={key: text for key, text in build.get("args", {}).items() if text is not None},
        ),
        command=words.get("command"),
        entrypoint=words.get("entrypoint"),
        environment={key: text for key, text in service.get("environment", {}).items() if text is not None},
        user=service.get("user"),
        ports=unique([port["target"] for port in service.get("ports", ()) if port["protocol"] == "tcp"]),
        expose=unique([port for text in service.get("expose", ()) for port in read_exposed(text)]),
        healthcheck=None if check is None else read_healthcheck(check),
        depends_on={
            other: how["condition"]
            for other, how in service.get("depends_on", {}).items()
            if other in project["services"]
        },
        networks={key: tuple((how or {}).get("aliases", ())) for key, how in service["networks"].items()},
        volumes=tuple(read_volume(each) for each in service.get("volumes", ())),
        tmpfs=tuple(read_tmpfs(each) for each in service.get("tmpfs", ())),
        read_only=service.get("read_only", False),
        stop_grace_period=read_duration(service.get("stop_grace_period")),
        stop_signal=service.get("stop_signal"),
        working_dir=service.get("working_dir"),
        labels=service.get("labels", {}),
        profiles=tuple(service.get("profiles", ())),
        restart=service.get("restart"),
        container_name=service.get("container_name"),
        hostname=service.get("hostname"),
        replicas=service.get("scale", service.get("deploy", {}).get("replicas", 1)),
        secrets=tuple(
            read_file(each, project["secrets"], "/run/secrets", variables) for each in service.get("secrets", ())
        ),
        configs=tuple(read_file(each, project["configs"], "/", variables) for each in service.get("configs", ())),
    )


def unique(ports: Sequence[int]) -> tuple[int, ...]:
    """Return ports without repetition."""
    return tuple(dict.fromkeys(ports))


def read_exposed(text: str) -> Sequence[int]:
    """Return the TCP ports of a text such as `8000`, `8000-8002` or `8000/tcp`."""
    ports, _, protocol = text.partition("/")
    first, _, last = ports.partition("-")
    return () if protocol == "udp" else range(int(first), int(last or first) + 1)


def read_duration(text: str | None) -> float | None:
    """Return the seconds of a duration as Go writes it."""
    if text is None:
        return None
    parts = re.findall(r"([0-9.]+)([a-zµ]+)", text)
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts), 9)


def read_size(text: str) -> int:
    """Return the bytes of a size such as `64m`."""
    number, unit = re.fullmatch(r"([0-9.]+)([kmg]?)b?", text).groups()  # type: ignore[union-attr]
    return int(float(number) * _SIZES[unit])


def read_healthcheck(check: Mapping[str, Any]) -> ComposeHealthcheck:
    """Return a health check as our value."""
    test = tuple(check.get("test") or ())
    is_disabled = check.get("disable", False) or test[:1] == ("NONE",)
    return ComposeHealthcheck(
        test=None if is_disabled or not test else test,
        interval=read_duration(check.get("interval")),
        timeout=read_duration(check.get("timeout")),
        retries=check.get("retries"),
        start_period=read_duration(check.get("start_period")),
        disabled=is_disabled,
    )


def read_volume(volume: Mapping[str, Any]) -> ComposeVolume:
    """Return a mount as our value."""
    size = volume.get("tmpfs", {}).get("size")
    return ComposeVolume(
        kind=volume["type"],
        source=volume.get("source"),
        target=volume["target"],
        read_only=volume.get("read_only", False),
        size_bytes=None if size is None else int(size),
    )


def read_tmpfs(text: str) -> ComposeTmpfs:
    """Return a tmpfs of the short form as our value."""
    target, _, options = text.partition(":")
    found = dict(option.partition("=")[::2] for option in options.split(",")) if options else {}
    size, mode = found.get("size", "%"), found.get("mode")
    return ComposeTmpfs(
        target=target, size_bytes=None if "%" in size else read_size(size), mode=int(mode, 8) if mode else None
    )


def read_file(
    used: Mapping[str, Any], sources: Mapping[str, Any], below: str, variables: Mapping[str, str]
) -> ComposeFile:
    """Return a secret or a configuration as our value."""
    source = sources[used["source"]]
    content = variables[source["environment"]] if "environment" in source else source.get("content")
    return ComposeFile(
        name=used["source"],
        target=str(PurePosixPath(below) / used.get("target", used["source"])),
        path=Path(source["file"]) if "file" in source else None,
        content=content,
    )
