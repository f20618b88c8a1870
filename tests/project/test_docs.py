"""The documents say what the program does: tasks, exit codes, commands, limits of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from invoke.collection import Collection
from pydantic import ByteSize, TypeAdapter

import tasks
import weighbridge.tasks
from docs.generate import list_arguments
from tests.live import otherapp
from tests.support.fakes import contents
from tests.support.reports import MB, image, report
from weighbridge.build import bases
from weighbridge.errors import EXIT_CODES
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.model import smoke
from weighbridge.model.report import Pull
from weighbridge.model.smoke import Check, Proof, TriedImage
from weighbridge.render.terminal import overview
from weighbridge.report import baseline, budgets
from weighbridge.settings.budgets import Budgets, Limits
from weighbridge.settings.containers import Before, Container, FileText
from weighbridge.settings.probes import Request, Source, Upload
from weighbridge.settings.project import Settings, check
from weighbridge.settings.roles import ApiRole, BeatRole, OtherRole, WorkerRole
from weighbridge.settings.smoke import Smoke
from weighbridge.settings.stubs import StubAnswer
from weighbridge.settings.values import Section, Size
from weighbridge.smoke import suite
from weighbridge.smoke.stack.cast import use_alone
from weighbridge.sources.opener import SOURCES

PROJECT = Path(__file__).parents[2]
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BUDGETS = (PROJECT / "docs" / "budgets.md").read_text(encoding="utf-8")
ADOPTING = (PROJECT / "docs" / "adopting.md").read_text(encoding="utf-8")
SMOKE = (PROJECT / "docs" / "smoke.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(path for path in PROJECT.rglob("*.md") if not {".venv", ".git"} & set(path.parts))
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
TASKS = Collection.from_module(tasks).tasks
SETTINGS = yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"]
CODE = ("tasks.py", "Dockerfile", "weighbridge/**/*.py", "tests/**/*.py")
CAST = use_alone("multi", contents())
COLUMNS = (*overview._NEEDED, *overview._WELCOME)


def test_exit_codes_are_those_of_the_errors() -> None:
    """README's table of exit codes is the one that the program ends with."""
    told = {int(code): meaning for code, meaning in re.findall(r"^\| (\d) \| (.*?) \|$", README, re.MULTILINE)}

    assert told == EXIT_CODES


def test_sample_of_style_is_code_of_ours() -> None:
    """The function that CONTRIBUTING shows, with its docstring, is one of the package."""
    (sample,) = blocks("python", CONTRIBUTING)

    assert any(f"\n{sample}" in path.read_text(encoding="utf-8") for path in (PROJECT / "weighbridge").rglob("*.py"))


def test_recipes_name_what_there_is() -> None:
    """Each path in CONTRIBUTING's recipes exists, from the root or in the package; each constant is in the code."""
    recipes = CONTRIBUTING[CONTRIBUTING.index("## Where things go") : CONTRIBUTING.index("## Style")]
    paths = re.findall(r"`([\w-]+/[\w/-]*(?:\.\w+)?)`", recipes)
    constants = set(re.findall(r"`(_?[A-Z][A-Z_]+)`", recipes))
    folders = [PROJECT, PROJECT / "weighbridge", *(PROJECT / "weighbridge").iterdir()]
    code = "\n".join(path.read_text(encoding="utf-8") for name in CODE for path in PROJECT.glob(name))

    assert len(paths) > 40
    assert [path for path in paths if not any((folder / path).exists() for folder in folders)] == []
    assert [name for name in constants if not re.search(rf"^(?:ARG )?{name}\b.*=", code, re.MULTILINE)] == []


def test_every_source_is_told() -> None:
    """README, the page of `invoke report` and the help of `--image` name every source of images."""
    page = (PROJECT / "docs" / "commands" / "report.md").read_text(encoding="utf-8")

    for name in SOURCES:
        assert f"`{name}:" in README
        assert re.search(rf"^\| `{name}:", page, re.MULTILINE)
        assert f"{name}:" in weighbridge.tasks.IMAGE_HELP


def test_every_form_of_package_urls_is_told() -> None:
    """The page on the bill of materials shows a URL of each ecosystem."""
    page = (PROJECT / "docs" / "formats" / "cyclonedx.md").read_text(encoding="utf-8")

    assert [row.category for row in ECOSYSTEMS if f"`pkg:{row.purl.type}/" not in page] == []


def test_every_task_is_in_the_readme() -> None:
    """README's table of commands names every task, and names nothing else."""
    commands = README[README.index("## The commands") : README.index("An error is one line")]
    cells = re.findall(r"^\| (`.*?) \|", commands, re.MULTILINE)
    named = [word for cell in cells for word in re.findall(r"`(?:invoke )?(\w+)", cell)]

    assert sorted(named) == sorted(TASKS)


def test_readme_names_no_option_that_is_none() -> None:
    """Each `--option` beside a task in README is an option of that task."""
    rows = re.findall(r"^\| `invoke (\w+)(.*?)` \|", README, re.MULTILINE)
    named = {(task, option) for task, words in rows for option in re.findall(r"--([a-z-]+)", words)}
    known = {
        (task, str(argument.name).replace("_", "-")) for task, _ in rows for argument in list_arguments(TASKS[task])
    }

    assert named
    assert named <= known


def test_commands_in_the_readme_are_commands() -> None:
    """What README types after `weighbridge`, `./inv` or `invoke` in its samples are tasks with options of theirs."""
    samples = re.findall(r"^    (?:uvx weighbridge|.*# invoke) (.*)$|`\./inv (.*)`", README, re.MULTILINE)
    words = [word.removeprefix("image.") for each in samples for word in "".join(each).split()]
    known = {f"--{argument.name}" for task in TASKS.values() for argument in list_arguments(task)}
    others = {word for word in words if word.startswith("docker:")}

    assert len(samples) == 4
    assert {*words} - others <= {*TASKS, "invoke"} | known


def test_action_in_the_readme_takes_its_input() -> None:
    """README's lines for CI are a step of a workflow, with inputs that the action has."""
    (text,) = re.findall(r"^    - uses: .*\n(?:      .*\n)+", README, re.MULTILINE)
    (step,) = yaml.safe_load(text)
    action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))

    assert step["with"].keys() <= action["inputs"].keys()


def test_readme_stays_short() -> None:
    """README has at most 130 lines."""
    assert len(README.splitlines()) <= 130


def test_readme_opens_with_a_picture_of_the_real_thing() -> None:
    """The picture stands above the first heading, and shows the variants of invoke.yaml."""
    (path,) = re.findall(r"^!\[.+\]\((.*?)\)$", README[: README.index("\n## ")], re.MULTILINE)
    picture = (PROJECT / path).read_text(encoding="utf-8")

    assert picture.startswith("<svg ")
    assert all(f">{name}</text>" in picture for name in SETTINGS["variants"])


def test_every_limit_of_the_budgets_is_told() -> None:
    """The table names all limits of a variant, in their order, and nothing else."""
    assert [*rows(BUDGETS)] == [*Limits.model_fields]


def test_examples_of_budgets_are_right() -> None:
    """What the page puts into invoke.yaml is taken there, and says what the text says of it."""
    first, second = (yaml.safe_load(block) for block in blocks("yaml", BUDGETS))
    limits = Budgets.model_validate(first["budgets"])

    assert first["budgets"]["variants"].keys() <= SETTINGS["variants"].keys()
    assert limits.noise == Budgets().noise
    assert limits.get_limits("single").growth is None
    assert limits.get_limits("multi").growth == limits.default.growth
    assert Limits.model_validate(second).growth


def test_findings_of_budgets_are_worded_as_told() -> None:
    """The page's examples are what a report says of images that are over these limits."""
    limits = {"shipped": "120 MB", "pull": "40 MB", "waste": "1 MB"}
    estimated: dict[str, Any] = {
        "layers": tuple(replace(layer, blob=None) for layer in image().layers),
        "pull": Pull(bytes=45 * MB, basis="estimated"),
    }
    grown, before = report(image(redis_mb=33, version="8.1")), report(image())
    since = baseline.compare(before, grown, "main, 3f2a9c1")
    found = [
        *budgets.check(report(image(**estimated)), budgeted(limits)).images[0].findings,
        *budgets.check(grown, budgeted({"growth": {"bytes": "2 MB"}}), since).images[0].findings,
    ]
    section = BUDGETS[BUDGETS.index("## What a finding says") :]
    told = re.sub(r"\n      ", " ", "\n".join(re.findall(r"^    .*", section, re.MULTILINE)))

    assert [f"    multi: {finding.message}" for finding in found] == told.splitlines()


def test_budget_in_the_readme_leads_to_its_finding() -> None:
    """README's finding is what a report says of an image that is over the limits in README's example."""
    (example,) = blocks("yaml", README)
    limits = yaml.safe_load(example)["budgets"]["variants"]["multi"]
    found = budgets.check(report(image()), budgeted(limits)).images[0].findings

    assert [f"multi: {each.message}" for each in found if each.rule == "budget-shipped"] == [
        re.sub(r"\n +", " ", "\n".join(re.findall(r"^    (multi: shipped: .*\n      .*)$", README, re.MULTILINE)))
    ]


def budgeted(limits: dict[str, Any]) -> Settings:
    """Return settings of one variant with these limits."""
    return check({"variants": {"multi": {}}, "budgets": {"default": limits}})


def test_sample_in_the_readme_has_the_columns_that_there_are() -> None:
    """README's sample of the first screen is drawn from the columns of the terminal's table."""
    sample = README[README.index("    What each variant weighs") : README.index("    multi: 2.27 MB wasted")]
    names = {name for line in sample.splitlines()[1:3] for name in line.split()}
    variants = re.findall(r"^     ([a-z]+) +[0-9.]+ [kM]?B ", sample, re.MULTILINE)

    assert names <= {"Variant", *(word for name in COLUMNS for word in name.split())}
    assert variants == [*SETTINGS["variants"]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link in a document names a file of the project."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_to_headings(path: Path) -> None:
    """What follows `#` in a relative link is a heading of that page, spelled as GitHub makes it an anchor."""
    links = re.findall(r"\]\((?!https?:)([^)#]*\.md|)#([^)]+)\)", path.read_text(encoding="utf-8"))

    places = [(path.parent / page if page else path, name) for page, name in links]

    assert [(place, name) for place, name in places if name not in list_anchors(place)] == []


@cache
def list_anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_commands_stand_as_code(path: Path) -> None:
    """A line that is a command is indented or in a fence, else it runs into the text around it."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)

    assert re.findall(r"^(?:invoke|\./inv|docker|git) .*", text, re.MULTILINE) == []


def rows(text: str) -> dict[str, str]:
    """Return what the tables of a text name in their first column -> what stands in the second."""
    cells = re.findall(r"^\| `([^`]+)` \| (.*?) ?(?<!\\)\|", text, re.MULTILINE)
    assert len(dict(cells)) == len(cells)
    return {name: cell.replace("\\|", "|") for name, cell in cells}


def blocks(language: str, text: str = SMOKE) -> list[str]:
    """Return the code of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def flatten(kind: Any) -> Iterator[Any]:
    """Yield an annotation and all its parts."""
    yield kind
    for each in get_args(kind):
        yield from flatten(each)


IN_WORDS = (FileText, Request, Source, StubAnswer, Upload)
"""Sections whose keys the text of the page tells, not its table."""


def keys(section: type[Section], place: str) -> Iterator[tuple[str, object]]:
    """Yield each key of a section of the settings, and of the sections in it, with its default; None: it has none."""
    for name, field in section.model_fields.items():
        name = field.alias or name  # noqa: PLW2901 - as files write it
        kinds = [each for each in flatten(field.annotation) if isinstance(each, type)]
        inner = [each for each in kinds if issubclass(each, Section) and each not in IN_WORDS]
        for each in inner:
            yield from keys(each, f"{place}.{name}")
        if not inner or field.is_required():
            default = field.default.written if isinstance(field.default, Size) else field.default
            yield f"{place}.{name}", "required" if field.is_required() else default or None


def shape(value: Any) -> Any:
    """Return the names of all fields, in their order."""
    if isinstance(value, list):
        return [shape(each) for each in value]
    return [(name, shape(each)) for name, each in value.items()] if isinstance(value, dict) else None


def test_every_rule_of_the_smoke_test_is_told() -> None:
    """The tables name the rules of each role, in the order in which they are tried, and nothing else."""
    parts = re.split(r"^##+ (.*)\n", SMOKE, flags=re.MULTILINE)[1:]
    told = {
        title.strip("`"): [*rows(text)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
        if title.startswith("`")
    }
    chosen, rules = check(SETTINGS), dict[str, list[str]]()
    for rule in (*suite.build_rules(chosen, CAST), *suite.build_fault_rules(chosen, CAST)):
        rules.setdefault(rule.role, []).append(rule.name)
    rules["worker"].append("stops-on-sigterm")  # what others have in place of a job that is running
    rules["stack"].insert(1, "stubs-start")  # what others have who call third parties
    rules["stack"].insert(rules["stack"].index("data-stays-small"), "stubs-are-called")

    assert told == rules


def test_every_setting_of_the_smoke_test_is_told() -> None:
    """The table names all keys of `roles` and `smoke`, with their defaults, and nothing else."""
    table = SMOKE[SMOKE.index("| key | default |") :]
    told = {key: yaml.safe_load(cell.strip("`")) for key, cell in rows(table).items()}
    kinds = (ApiRole, WorkerRole, BeatRole, OtherRole)
    known = dict([*(each for kind in kinds for each in keys(kind, "roles")), *keys(Smoke, "smoke")])
    of_a_container = {f"smoke.before.{name}" for name in Container.model_fields}
    known = {key: default for key, default in known.items() if key not in of_a_container}
    sections = {"roles.kind": None, "smoke.services": None, "smoke.before": None}

    assert len(Before.model_fields) > len(of_a_container)
    assert told == json.loads(json.dumps({**known, **sections}))


def test_every_other_setting_is_told() -> None:
    """The table names all keys beside those of the smoke test and of budgets, with their defaults, and nothing else."""
    told = {key: yaml.safe_load(cell.strip("`")) for key, cell in rows(ADOPTING).items()}
    elsewhere = re.compile(r"\.(roles|smoke|budgets)\.")
    known = {key.removeprefix("."): default for key, default in keys(Settings, "") if not elsewhere.match(key)}

    assert told == {"changes": None, "variants": None, **known}


def test_example_of_another_repository_suffices(tmp_path: Path) -> None:
    """With the page's examples of settings and of tasks, the tasks open, and run."""
    (tasks_file,) = blocks("python", ADOPTING)
    shutil.copytree(PROJECT / "tests" / "live" / "adopted" / "tutorial", tmp_path, dirs_exist_ok=True)
    (tmp_path / "weighbridge.yaml").write_text("".join(blocks("yaml", ADOPTING)), encoding="utf-8")
    (tmp_path / "tasks.py").write_text(tasks_file, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-B", "-m", "invoke", "image.trend", "image.settings"]
    ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("No record: `invoke image.report` writes one.\nVariants  ")
    assert ended.stdout.endswith("Probes    shouts\nProfile   works\nBudgets   web\n")


def test_example_of_another_application_is_the_one_that_is_tried() -> None:
    """What the page says of another application is what the tests prove its images by."""
    (example,) = [block for block in blocks("yaml") if "\nroles:" in block]

    assert check(yaml.safe_load(example)) == check(otherapp.settings("words"))


def test_example_of_accepted_rules_names_rules() -> None:
    """Each rule that the page's example accepts is one."""
    (example,) = [block for block in blocks("yaml") if "accepts:" in block]
    variants = check(yaml.safe_load(example)).variants
    accepted = {rule for variant in variants.values() for rule in variant.accepts}

    assert accepted
    assert accepted <= suite.list_names(check(SETTINGS), CAST)


def test_json_of_the_smoke_test_has_the_fields_that_are_told() -> None:
    """The page's example has the fields that `--format json` has, in this order."""
    checks = (Check(role="api", rule="live", outcome="failed", detail="", seconds=0),)
    images = (TriedImage(key="multi", image_id="sha256:1", config_digest="sha256:2"),)
    proof = Proof(variant="multi", seconds=1, checks=checks, images=images)
    (example,) = json.loads(*blocks("json"))["variants"]

    assert shape(example) == shape(smoke.serialize_proof(proof))


def test_rules_in_the_readme_are_rules() -> None:
    """README's sample of the smoke test names rules that there are."""
    named = re.findall(r"^     (\w+) +([a-z-]+) +[✓~]", README, re.MULTILINE)

    assert named
    assert {" ".join(each) for each in named} <= suite.list_names(check(SETTINGS), CAST)


def test_compose_runs_the_worker_as_the_smoke_test_does() -> None:
    """The worker's command and the roles' time to end are the same in `compose.yaml` and in `invoke.yaml`."""
    services, roles = COMPOSE["services"], SETTINGS["roles"]

    assert services["worker"]["command"] == roles["worker"]["command"]
    assert services["worker"]["stop_grace_period"] == f"{roles['worker']['grace_seconds']}s"
    assert services["backend"]["stop_grace_period"] == f"{roles['api']['grace_seconds']}s"
    assert "command" not in services["backend"]
    assert "command" not in roles["api"]


@pytest.mark.parametrize(("service", "role"), [("backend", "api"), ("worker", "worker")])
def test_compose_gives_a_role_what_the_smoke_test_gives_it(service: str, role: str) -> None:
    """Memory and processes are limited alike, so what passes has room there, too."""
    compose, chosen = COMPOSE["services"][service], check(SETTINGS).roles[role]

    assert TypeAdapter(ByteSize).validate_python(f"{compose['mem_limit']}ib") == chosen.memory.bytes
    assert compose["pids_limit"] == chosen.processes


@pytest.mark.parametrize("name", ["backend", "worker", "redis"])
def test_compose_hardens_every_service(name: str) -> None:
    """No service of `compose.yaml` has a capability, a writable root or a way to new privileges."""
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]


def test_official_bases_are_the_same_everywhere() -> None:
    """Dockerfile, `compose.yaml`, `invoke.yaml` and what Dependabot reads name the same official images."""
    official = SETTINGS["bases"]
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")

    assert f"ARG PYTHON_IMAGE={official['python']}\n" in dockerfile
    assert COMPOSE["services"]["backend"]["build"]["args"]["PYTHON_IMAGE"] == f"${{PYTHON_IMAGE:-{official['python']}}}"
    assert COMPOSE["services"]["redis"]["image"] == f"${{REDIS_IMAGE:-{official['redis']}}}"
    listed = (PROJECT / ".github/bases/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+) AS (\S+)$", listed, re.MULTILINE) == [
        (name, role) for role, name in official.items()
    ]


def test_version_stands_in_one_place() -> None:
    """pyproject.toml alone has the version; the backend's own and the Dockerfile leave it to `invoke build`."""
    library, backend = (
        tomllib.loads((PROJECT / folder / "pyproject.toml").read_text(encoding="utf-8")) for folder in (".", "backend")
    )
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")

    assert library["project"]["version"]
    assert backend["project"]["dynamic"] == ["version"]
    assert set(re.findall(r"^ARG VERSION(.*)$", dockerfile, re.MULTILINE)) == {""}


def test_compose_takes_the_certificates_that_it_is_told() -> None:
    """`compose.yaml` knows the variable that `invoke engine` writes, and its own default is the one left out there."""
    default = f"${{{bases._BUNDLE_VARIABLE}:-{bases._COMPOSE_BUNDLE}}}"

    assert COMPOSE["secrets"]["ca"]["file"] == default
