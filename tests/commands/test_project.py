"""Which project a task is called for, under Invoke and in the program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context

from weighbridge.commands.project import Use, open_project
from weighbridge.errors import SettingsError
from weighbridge.program import ProgramConfig

SETTINGS = "repository: shop\nvariants: {multi: {target: multi}}\n"
UNDER_KEY = """
packaging: {sign: true}
reports: {theirs: 1}
weighbridge:
  repository: shop
  variants: {multi: {target: multi}}
"""


RENAMED = "INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, in which nothing is set yet."""
    for name in ("INVOKE_REPORTS_DIRECTORY", "INVOKE_RUNTIME_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def under_invoke(tasks: Path, *, collection: Mapping[str, Any] | None = None, second: str = "") -> Context:
    """Return the context of a task that Invoke has found in a folder's tasks.py."""
    config = Config(project_location=tasks, runtime_path=Path(second) if second else None)
    config.load_project()
    config.load_collection(dict(collection or {}))
    config.load_runtime()
    config.load_shell_env()
    return Context(config)


def in_program(second: str = "") -> Context:
    """Return the context of a task of the program."""
    config = ProgramConfig(runtime_path=Path(second) if second else None)
    config.load_runtime()
    return Context(config)


def test_no_file(folder: Path) -> None:
    """Without any file there are the settings by default, and nothing is recorded."""
    for context in (in_program(), under_invoke(folder)):
        project = open_project(context)
        assert (project.root, project.has_file, project.settings.reports.directory) == (folder, False, None)
        assert project.settings.variants == {}
        with pytest.raises(SettingsError, match=r"^There is no settings file for .*shop\. Write weighbridge\.yaml, "):
            open_project(context, needs_file=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("weighbridge.yaml", SETTINGS),
        ("invoke.yaml", UNDER_KEY),
        ("pyproject.toml", '[tool.weighbridge]\nrepository = "shop"\nvariants.multi.target = "multi"\n'),
    ],
)
def test_each_file(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Each file gives the same settings under Invoke and in the program, also from a folder below."""
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "src").mkdir()
    monkeypatch.chdir(folder / "src")
    for context in (in_program(), under_invoke(folder)):
        project = open_project(context)
        assert (project.root, project.has_file, project.advice) == (folder, True, ())
        assert project.settings.name_image("multi") == "shop:multi"
        assert project.settings.reports.directory == "reports"


def test_file_without_any_key(folder: Path) -> None:
    """A file with an empty section is a file: the settings by default, and records."""
    (folder / "invoke.yaml").write_text("weighbridge:\n", encoding="utf-8")
    project = open_project(under_invoke(folder), needs_file=True)
    assert (project.has_file, project.settings.reports.directory) == (True, "reports")


def test_collection_and_second_file_and_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the collection configures comes before the file, then the second file, then variables."""
    (folder / "invoke.yaml").write_text("weighbridge: {repository: file, variants: {a: {}}}\n", encoding="utf-8")
    (folder / "more.yaml").write_text("weighbridge: {variants: {b: {}}}\n", encoding="utf-8")
    configured = {"weighbridge": {"repository": "collection", "smoke": {"user": 7}}}

    def read(second: str = "") -> tuple[str, int | None, list[str]]:
        settings = open_project(under_invoke(folder, collection=configured, second=second)).settings
        return settings.repository, settings.smoke.user, [*settings.variants]

    assert read() == ("file", 7, ["a"])
    (folder / "more.yaml").write_text("weighbridge: {repository: second, variants: {b: {}}}\n", encoding="utf-8")
    assert read("more.yaml") == ("second", 7, ["a", "b"])
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_REPOSITORY", "variable")
    assert read("more.yaml") == ("variable", 7, ["a", "b"])


def test_program_has_variables_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program reads WEIGHBRIDGE_…, Invoke INVOKE_WEIGHBRIDGE_…, and neither the other's."""
    (folder / "weighbridge.yaml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("WEIGHBRIDGE_REPOSITORY", "program")
    monkeypatch.setenv("INVOKE_WEIGHBRIDGE_REPOSITORY", "invoke")
    monkeypatch.setenv("WEIGHBRIDGE_VERSION", "1.2")
    assert open_project(in_program()).settings.repository == "program"
    assert open_project(under_invoke(folder)).settings.repository == "invoke"


@pytest.mark.parametrize("roles", ["", "roles: {api: {port: 7000}, mails: {kind: worker}}\n"])
def test_variables_of_roles(folder: Path, monkeypatch: pytest.MonkeyPatch, roles: str) -> None:
    """A variable sets a key of the roles that there are by default, and of those that the file names."""
    (folder / "weighbridge.yaml").write_text(SETTINGS + roles, encoding="utf-8")
    monkeypatch.setenv("WEIGHBRIDGE_ROLES_API_PORT", "9000")
    if roles:
        monkeypatch.setenv("WEIGHBRIDGE_ROLES_MAILS_GRACE_SECONDS", "7")
    settings = open_project(in_program()).settings
    assert settings.get_api("api").port == 9000
    assert {*settings.roles} == ({"api", "mails"} if roles else {"api", "worker"})
    assert not roles or settings.get_worker("mails").grace_seconds == 7


def test_variable_that_is_wrong_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a variable sets a wrong value, the advice is to correct the variable, else the file."""
    (folder / "weighbridge.yaml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("WEIGHBRIDGE_SMOKE_USER", "nobody")
    with pytest.raises(SettingsError) as caught:
        open_project(in_program())
    assert caught.value.message.startswith("weighbridge.yaml: smoke.user: ")
    assert caught.value.advice == "Correct WEIGHBRIDGE_SMOKE_USER, which sets it."
    monkeypatch.delenv("WEIGHBRIDGE_SMOKE_USER")
    (folder / "weighbridge.yaml").write_text("repository: Shop\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        open_project(in_program())
    assert caught.value.message.startswith("weighbridge.yaml: repository: 'Shop' is no image name")
    assert caught.value.advice == "Correct it in weighbridge.yaml."


def test_old_form(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings at the top of invoke.yaml, and variables for them, still count; a line says what to change."""
    (folder / "invoke.yaml").write_text(f"run: {{echo: false}}\n{SETTINGS}", encoding="utf-8")
    monkeypatch.setenv("INVOKE_REPORTS_DIRECTORY", "elsewhere")
    project = open_project(under_invoke(folder))
    assert project.settings.name_image("multi") == "shop:multi"
    assert project.settings.reports.directory == "elsewhere"
    assert project.advice == (
        "invoke.yaml: put the settings under the key `weighbridge`; at the top they are read until version 0.3.",
        f"INVOKE_REPORTS_DIRECTORY: call it {RENAMED}; the old name is read until version 0.3.",
    )
    assert open_project(in_program()).settings.name_image("multi") == "shop:multi"


def test_clients_own_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable for a key that the client has itself is not taken for an old one of ours."""
    (folder / "invoke.yaml").write_text(UNDER_KEY, encoding="utf-8")
    monkeypatch.setenv("INVOKE_REPORTS_DIRECTORY", "theirs")
    project = open_project(under_invoke(folder))
    assert (project.settings.reports.directory, project.advice) == ("reports", ())


def test_second_file_of_the_old_form(folder: Path) -> None:
    """A file for one run may still have our keys at its top; other keys in it are the client's."""
    (folder / "invoke.yaml").write_text(UNDER_KEY, encoding="utf-8")
    (folder / "more.yaml").write_text("packaging: {sign: false}\nlimits: {entries: 5}\n", encoding="utf-8")
    assert open_project(under_invoke(folder, second="more.yaml")).settings.limits.entries == 5


def test_second_file_of_the_program(folder: Path) -> None:
    """It has the form of weighbridge.yaml or has our key; what does not exist or parse is an error that names it."""
    (folder / "more.yaml").write_text("limits: {entries: 5}\n", encoding="utf-8")
    (folder / "keyed.yaml").write_text("weighbridge: {limits: {entries: 6}}\nother: 1\n", encoding="utf-8")
    (folder / "wrong.yaml").write_text("limits: [\n", encoding="utf-8")
    assert open_project(in_program("more.yaml")).settings.limits.entries == 5
    assert open_project(in_program("keyed.yaml")).settings.limits.entries == 6
    with pytest.raises(SettingsError, match=r"^wrong\.yaml is no YAML: "):
        in_program("wrong.yaml")
    with pytest.raises(SettingsError, match=r"^--config names gone\.yaml, which does not exist"):
        in_program("gone.yaml")


def test_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--root` names the folder of the file; no folder above it counts."""
    (folder / "weighbridge.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "services" / "api").mkdir(parents=True)
    (folder / "services" / "api" / "weighbridge.yaml").write_text("repository: api\n", encoding="utf-8")
    for context in (in_program(), under_invoke(folder)):
        project = open_project(context, "services/api")
        assert (project.root, project.settings.repository) == (folder / "services" / "api", "api")
        assert not open_project(context, "services").has_file
    monkeypatch.chdir(folder / "services" / "api")
    assert open_project(in_program()).settings.repository == "api"
    assert open_project(under_invoke(folder)).settings.repository == "api"


def test_invoke_is_called_from_elsewhere(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Invoke's `--search-root` names another folder, the settings of that folder count."""
    (folder / "weighbridge.yaml").write_text(SETTINGS, encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "weighbridge.yaml").write_text("repository: other\n", encoding="utf-8")
    monkeypatch.chdir(other)
    assert open_project(under_invoke(folder)).settings.repository == "shop"
    assert open_project(in_program()).settings.repository == "other"


def test_module_of_settings(folder: Path) -> None:
    """Invoke's own form of settings as a Python module counts, too."""
    (folder / "invoke.py").write_text(
        'weighbridge = {"repository": "module", "variants": {"a": {}}}\n', encoding="utf-8"
    )
    project = open_project(under_invoke(folder))
    assert (project.root, project.settings.repository, project.has_file) == (folder, "module", True)


def test_limit_that_is_replaced_as_a_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single value replaces a section, and null removes one."""
    text = "variants: {a: {}}\nbudgets: {default: {shipped: {soft: 1 MB, hard: 2 MB}, growth: {percent: 5}}}\n"
    (folder / "weighbridge.yaml").write_text(text, encoding="utf-8")
    (folder / "more.yaml").write_text("budgets: {default: {growth: null}}\n", encoding="utf-8")
    monkeypatch.setenv("WEIGHBRIDGE_BUDGETS_DEFAULT_SHIPPED", "3 MB")
    limits = open_project(in_program("more.yaml")).settings.budgets.default
    assert limits.growth is None
    assert limits.shipped
    assert limits.shipped.hard
    assert (limits.shipped.soft, limits.shipped.hard.bytes) == (None, 3_000_000)


@pytest.mark.parametrize("use", ["none", "images", "all"])
@pytest.mark.parametrize("variants", ["{}", "{prod: {}}"], ids=["theirs", "own"])
def test_roles_that_change_those_of_compose_files(folder: Path, use: Use, variants: str) -> None:
    """Settings that say only what differs from the compose file are whole for every command, whatever it needs."""
    (folder / "compose.yaml").write_text("services: {web: {build: ., command: 'uvicorn shop:app'}}\n")
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\n")
    own = "roles: {web: {live: /live}}\nsmoke: {compose: compose.yaml}\n"
    (folder / "weighbridge.yaml").write_text(f"{own}variants: {variants}\n")
    assert open_project(in_program(), use=use).settings.get_api("web").live == "/live"
    (folder / "compose.yaml").write_text("services: [\n")
    with pytest.raises(SettingsError, match=r"compose\.yaml"):
        open_project(in_program(), use=use)


def test_changes_of_a_compose_file_without_the_stack(folder: Path) -> None:
    """A command that has nothing of the stack takes settings that make no sense without the compose file."""
    (folder / "Dockerfile").write_text("FROM x\n", encoding="utf-8")
    (folder / "compose.yaml").write_text("services: {web: {build: ., command: uvicorn a:app}}\n", encoding="utf-8")
    text = "smoke: {compose: compose.yaml}\nroles: {web: {live: /up}}\nbudgets: {variants: {web: {shipped: 1 MB}}}\n"
    (folder / "weighbridge.yaml").write_text(text, encoding="utf-8")
    settings = open_project(in_program()).settings
    assert (settings.get_api("web").live, [*settings.variants]) == ("/up", ["web"])
