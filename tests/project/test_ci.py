"""CI: workflow, action, GitLab's job and hooks ask for what there is, and one comment is written, and anew."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from invoke.collection import Collection

import tasks
from docs import generate
from weighbridge.render import formats
from weighbridge.render.markdown import report as markdown

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / ".github" / "comment.py"
DOCUMENT = (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((PROJECT / ".github/workflows/weigh.yml").read_text(encoding="utf-8"))
DEPENDABOT = yaml.safe_load((PROJECT / ".github/dependabot.yml").read_text(encoding="utf-8"))
FENCED = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)]
GITLAB = yaml.safe_load((PROJECT / ".gitlab/weigh.yml").read_text(encoding="utf-8"))[".weighbridge"]
HOOKS = {each["id"]: each for each in yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
STEPS = [
    *ACTION["runs"]["steps"],
    *(step for workflow in (WORKFLOW, FENCED[0]) for job in workflow["jobs"].values() for step in job["steps"]),
]
SHELL = {
    **{f"step {number}: {step.get('name')}": step["run"] for number, step in enumerate(STEPS) if "run" in step},
    "gitlab": "\n".join((*GITLAB["before_script"], *GITLAB["script"])),
    **{f"hook {name}": hook["entry"] for name, hook in HOOKS.items()},
}
TASKS = Collection.from_module(tasks).tasks


def loaded() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("comment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["comment"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


COMMENT = loaded()
REPORT = f"{COMMENT.MARKER}\n\n### Unchanged ✓\n"
OWN = "github-actions[bot]"
NO_NAMES = ("-->", "a b", "a\n", "../a", ".a", "a,b", "é", "a" * 51)


@dataclass
class Server:
    """The comments of one pull request, kept as GitHub's and GitLab's interfaces keep them."""

    address: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    page: int = 2
    """How many comments a page has, whoever asks for more."""
    refuse: int = 0
    """The status of every answer to who writes; 0: all is well."""
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of the next answers to whoever asks, before all is well."""
    lost: int = 0
    """How many comments are written and answered by 502."""
    author: str = OWN
    """Who writes."""
    elsewhere: str = ""
    """Where the next page is said to be; empty: here."""

    def add(self, body: str | None, author: str) -> None:
        """Add a comment."""
        who = {"login": author, "username": author}
        self.comments.append({"id": 100 + len(self.comments), "body": body, "user": who, "author": who})


class Handler(BaseHTTPRequestHandler):
    """Answers for the server's state."""

    state: Server
    lists = re.compile(r"/(?:repos/o/r|repositories/7)/issues/5/comments|/projects/7/merge_requests/5/notes")
    single = re.compile(r"(?:/repos/o/r/issues/comments|/projects/7/merge_requests/5/notes)/(\d+)")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Give a page of the comments, or who asks."""
        there = urlsplit(self.path)
        self.state.requests.append(("GET", self.path))
        if self.state.faults:
            status, headers = self.state.faults.pop(0)
            self.answer(status, {}, **headers)
            return
        if there.path == "/user":
            self.answer(200, {"username": "project_7_bot"})
            return
        assert self.lists.fullmatch(there.path), there.path
        number, size = int(parse_qs(there.query).get("page", ["1"])[0]), self.state.page
        rest = len(self.state.comments) > number * size
        # GitHub's next page has another path than the first.
        path = there.path.replace("/repos/o/r/", "/repositories/7/")
        following = f"{self.state.elsewhere or self.state.address}{path}?page={number + 1}"
        link = f'<{self.state.address}/x?page=1>; rel="prev", <{following}>; rel="next"' if rest else ""
        self.answer(200, self.state.comments[(number - 1) * size : number * size], link)

    def do_POST(self) -> None:
        """Take a new comment."""
        assert self.lists.fullmatch(self.path), self.path
        body = self.asked()
        if self.state.refuse:
            self.answer(self.state.refuse, {})
            return
        self.state.add(body, self.state.author)
        if self.state.lost:
            self.state.lost -= 1
            self.answer(502, {})
            return
        self.answer(201, self.state.comments[-1])

    def do_PATCH(self) -> None:
        """Write a comment anew, as GitHub wants it."""
        assert self.path.startswith("/repos/"), self.path
        self.update()

    def do_PUT(self) -> None:
        """Write a comment anew, as GitLab wants it."""
        assert self.path.startswith("/projects/"), self.path
        self.update()

    def update(self) -> None:
        """Write the comment of that number anew."""
        found = self.single.fullmatch(self.path)
        assert found, self.path
        body = self.asked()
        (comment,) = (each for each in self.state.comments if each["id"] == int(found[1]))
        comment["body"] = body
        self.answer(200, comment)

    def asked(self) -> str:
        """Note the request; return the body of the comment."""
        assert self.headers["Authorization"] == "Bearer secret" or self.headers["PRIVATE-TOKEN"] == "secret"
        self.state.requests.append((self.command, self.path))
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert list(value) == ["body"]
        return str(value["body"])

    def answer(self, status: int, value: object, link: str = "", **headers: str) -> None:
        """Send JSON."""
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(data)))
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve an empty pull request."""
    state = Server()
    serving = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{serving.server_port}"
    yield state
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture(params=["github", "gitlab"])
def told(request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the variables of that forge's CI; return whose its comments are."""
    github = {"GITHUB_API_URL": server.address, "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "secret"}
    gitlab = {"CI_API_V4_URL": server.address, "CI_PROJECT_ID": "7", "GITLAB_TOKEN": "secret"}
    for name in ("CI_MERGE_REQUEST_IID", "COMMENT_AUTHOR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    both = {"github": {**github, "PULL_REQUEST": "5"}, "gitlab": {**gitlab, "CI_MERGE_REQUEST_IID": "5"}}
    for name, value in both[request.param].items():
        monkeypatch.setenv(name, value)
    server.author = {"github": OWN, "gitlab": "project_7_bot"}[request.param]
    return server.author


@pytest.fixture
def report(tmp_path: Path) -> str:
    """Return the path of a report."""
    path = tmp_path / "report.md"
    path.write_text(REPORT, encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("told")
def test_first_report_is_a_new_comment(server: Server, report: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no comment is ours, one is added; those of others stay, whatever they say."""
    server.add("Nice.", "someone")
    server.add(f"{COMMENT.MARKER}\nmine, not yours", "someone")
    server.add(None, OWN)

    assert COMMENT.main(report) == 0
    bodies = [each["body"] for each in server.comments]
    assert bodies == ["Nice.", f"{COMMENT.MARKER}\nmine, not yours", None, REPORT]
    assert capsys.readouterr().out == "The comment was created.\n"


@pytest.mark.parametrize("before", [0, 1, 2, 5])
def test_next_report_updates_that_comment(server: Server, told: str, report: str, before: int) -> None:
    """Our comment is found on whatever page it is, and written anew; there is never a second."""
    for number in range(before):
        server.add(f"{number}. see {COMMENT.MARKER}", told)
    server.add(f"{COMMENT.MARKER}\r\nold", told)
    server.add("after", "someone")

    assert COMMENT.main(report) == 0
    assert [each["body"] for each in server.comments[before:]] == [REPORT, "after"]
    assert {method for method, _ in server.requests} <= {"GET", "PATCH", "PUT"}


@pytest.mark.usefixtures("told")
def test_refusal_is_told(server: Server, report: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A token that may not write ends with one line that says so."""
    server.refuse = 403

    assert COMMENT.main(report) == 1
    err = capsys.readouterr().err
    assert err == "error: the comment was not written: HTTP Error 403: Forbidden; the token may not write comments\n"


LIMITED = {"Retry_After": "0", "X_RateLimit_Remaining": "0"}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no seconds before it is tried again."""
    monkeypatch.setattr(COMMENT, "_PAUSES", (0.0, 0.0, 0.0))


@pytest.mark.usefixtures("told", "hurried")
@pytest.mark.parametrize("fault", [(500, {}), (502, {}), (503, LIMITED), (429, LIMITED), (403, LIMITED)])
def test_forge_out_of_order_is_asked_again(server: Server, report: str, fault: Any) -> None:
    """A fault that passes, or a limit on how often one may ask, is waited for."""
    server.faults = [fault, fault]

    assert COMMENT.main(report) == 0
    assert [each["body"] for each in server.comments] == [REPORT]


@pytest.mark.usefixtures("told", "hurried")
def test_lost_answer_makes_no_second_comment(server: Server, report: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written before its answer got lost is found, and written anew instead of once more."""
    server.lost = 1

    assert COMMENT.main(report) == 0
    assert [each["body"] for each in server.comments] == [REPORT]
    assert capsys.readouterr().out == "The comment was updated.\n"


@pytest.mark.usefixtures("told", "hurried")
@pytest.mark.parametrize(
    ("fault", "asked"), [((503, {}), 4), ((403, {}), 1), ((404, {}), 1), ((429, {"Retry_After": "3600"}), 1)]
)
def test_forge_is_asked_no_longer_than_is_of_use(
    server: Server, report: str, fault: Any, asked: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What lasts, or what no second try can mend, ends with one line."""
    server.faults = [fault] * 9

    assert COMMENT.main(report) == 1
    assert len(server.requests) == asked
    assert capsys.readouterr().err.startswith(f"error: the comment was not written: HTTP Error {fault[0]}: ")


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_token_follows_no_redirection(server: Server, report: str, status: int) -> None:
    """Who is sent elsewhere neither goes there with the token, nor takes that for a comment that was written."""
    server.faults = [(status, {"Location": f"{server.address}/elsewhere"})]

    assert COMMENT.main(report) == 1
    assert len(server.requests) == 1
    assert not server.comments


@pytest.mark.usefixtures("told")
def test_missing_report_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that is not there is one line."""
    path = tmp_path / "none.md"
    assert COMMENT.main(str(path)) == 1
    assert capsys.readouterr().err == f"error: {path} cannot be read: No such file or directory\n"


@pytest.mark.usefixtures("told")
def test_token_goes_nowhere_else(server: Server, report: str) -> None:
    """A next page at another address is not asked for."""
    server.elsewhere = "http://elsewhere.invalid"
    for _ in range(3):
        server.add("x", "someone")

    assert COMMENT.main(report) == 0
    assert server.comments[-1]["body"] == REPORT


@pytest.mark.usefixtures("told")
def test_what_is_no_report_is_not_posted(server: Server, tmp_path: Path) -> None:
    """A text without the marker, which would be posted again and again, is refused before anybody is asked."""
    path = tmp_path / "empty.md"
    path.write_text("")

    assert COMMENT.main(str(path)) == 1
    assert not server.requests


def test_each_name_has_its_own_comment(server: Server, told: str, report: str) -> None:
    """Reports under several names stand beside each other and beside one without; each is written anew by itself."""
    server.add(f"{COMMENT.MARKER}\nold", told)
    for name in ("shop", "shop-api", "shop", ""):
        assert COMMENT.main(report, name) == 0

    begin = COMMENT.MARKER.removesuffix("-->")
    rest = REPORT.removeprefix(COMMENT.MARKER)
    assert [each["body"] for each in server.comments] == [
        REPORT,
        f"{begin}shop -->\n\n## shop{rest}",
        f"{begin}shop-api -->\n\n## shop-api{rest}",
    ]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("name", NO_NAMES)
def test_comment_takes_no_text_for_a_name(server: Server, report: str, name: str) -> None:
    """A name that would end the marker, or be a second line, is refused before anybody is asked."""
    assert COMMENT.main(report, name) == 1
    assert not server.requests


@pytest.mark.usefixtures("told")
def test_missing_variable_is_named(report: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The error names the variable that is not set."""
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    assert COMMENT.main(report) == 1
    assert re.fullmatch(r"error: (GITHUB|GITLAB)_TOKEN is not set\n", capsys.readouterr().err)


def test_marker_is_that_of_the_reports() -> None:
    """The script looks for what the format writes."""
    assert COMMENT.MARKER == markdown.MARKER


@pytest.mark.parametrize("script", SHELL.values(), ids=SHELL)
def test_shell_is_sound(script: str) -> None:
    """Each script is whole in Bash, and `shellcheck`, where there is one, finds nothing."""
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if shutil.which("shellcheck"):
        checked = subprocess.run(
            ["shellcheck", "--shell=bash", "-"], input=script, text=True, capture_output=True, check=False
        )
        assert not checked.stdout


@pytest.mark.parametrize("script", SHELL.values(), ids=SHELL)
def test_scripts_hold_nothing_from_outside(script: str) -> None:
    """No expression of GitHub's stands in a script: a text of a pull request would become a command."""
    assert "${{" not in script


def commands() -> list[list[str]]:
    """Return the words of each command line of Invoke in scripts and in the document's prose."""
    lines = [line for script in SHELL.values() for line in script.splitlines()]
    found = [match[1] for line in lines for match in re.finditer(r"""(?:inv|weighbridge)"? ([^>|;&]+)""", line)]
    return [*map(shlex.split, found), *map(shlex.split, re.findall(r"`invoke ([^`]+)`", DOCUMENT))]


def test_commands_name_tasks_and_options_that_are() -> None:
    """Workflow, action and document call tasks that exist, with options that these have."""
    told = commands()
    assert {"engine", "build", "smoke", "report"} <= {word for words in told for word in words}
    for words in told:
        known = {"--" + argument.name.replace("_", "-") for word in words for argument in arguments(word)}
        names = [word for word in words if re.fullmatch("[a-z]+", word)]
        options = {option for word in words for option in re.findall(r"--[a-z-]+", word)}
        assert names[0] in TASKS, words
        assert options <= known, words
        table = formats.PROOFS if "smoke" in names else formats.REPORTS
        chosen = {format_.partition(":")[0] for option, format_ in pairwise(words) if option == "--format"}
        assert chosen <= set(table), words


def arguments(name: str) -> list[Any]:
    """Return the options of a task; of no task none."""
    return generate.list_arguments(TASKS[name]) if name in TASKS else []


def test_least_permissions() -> None:
    """All may read and nothing else, but for the job that comments; that one runs nothing of the pull request's."""
    assert WORKFLOW["permissions"] == {"contents": "read"}
    weigh, comment = WORKFLOW["jobs"]["weigh"], WORKFLOW["jobs"]["comment"]
    assert "permissions" not in weigh
    assert weigh["steps"][0]["with"] == {"persist-credentials": False}
    assert comment["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert comment["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "pull_request_target" not in WORKFLOW[True]  # YAML 1.1 reads `on` as true


def holds(condition: str, values: dict[str, str]) -> bool:
    """Return what a condition of GitHub's comes to where nothing was cancelled; what is not set is empty."""
    text = condition.replace("!cancelled()", "True").replace("&&", "and").replace("||", "or")
    text = re.sub(r"\b(?:steps|needs|github|inputs)\.[\w.-]+", lambda found: f"values.get({found[0]!r}, '')", text)
    text = re.sub(r"contains\(fromJSON\('(.*?)'\), (values\.get\(.*?\))\)", r"(\2 in \1)", text)
    return bool(eval(" ".join(text.split()), {"values": values}))  # noqa: S307 - our own files


PULL_REQUEST = {
    "github.repository": "o/r",
    "github.event_name": "pull_request",
    "github.event.pull_request.head.repo.full_name": "o/r",
    "needs.weigh.outputs.reported": "true",
    "steps.report.outputs.reported": "true",
    "inputs.comment": "true",
}


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({}, True),
        ({"github.event.pull_request.head.repo.full_name": "stranger/r"}, False),
        ({"github.event.pull_request.head.repo.full_name": ""}, False),
        ({"github.event_name": "push"}, False),
        ({"github.event_name": "pull_request_target"}, False),
        ({"needs.weigh.outputs.reported": "", "steps.report.outputs.reported": ""}, False),
    ],
    ids=["own", "fork", "fork-deleted", "push", "target", "no-report"],
)
def test_own_pull_requests_alone_get_a_comment(change: dict[str, str], *, written: bool) -> None:
    """Who comments asks first whether there is a report, and whether the pull request comes from this repository."""
    conditions = [WORKFLOW["jobs"]["comment"]["if"]]
    conditions += [step["if"] for step in ACTION["runs"]["steps"] if "comment.py" in step.get("run", "")]
    assert [holds(each, PULL_REQUEST | change) for each in conditions] == [written, written]


MAIN = {
    "github.event_name": "push",
    "github.ref_name": "main",
    "github.event.repository.default_branch": "main",
    "steps.report.outputs.reported": "true",
    "steps.report.outputs.status": "0",
    "steps.smoke.outputs.status": "0",
}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"steps.smoke.outputs.status": ""}, True),  # images are not tried
        ({"steps.report.outputs.status": "6"}, True),  # or what was merged once would be held against all that follow
        ({"steps.report.outputs.status": "3"}, False),
        ({"steps.report.outputs.reported": "", "steps.report.outputs.status": ""}, False),
        ({"steps.smoke.outputs.status": "7"}, False),
        ({"github.ref_name": "topic"}, False),
        ({"github.event_name": "pull_request", "github.ref_name": "5/merge"}, False),
    ],
    ids=["fine", "images", "over-budget", "unreadable", "no-report", "does-not-run", "branch", "pull-request"],
)
def test_default_branch_keeps_what_can_be_compared_with(change: dict[str, str], *, kept: bool) -> None:
    """The default branch's records are kept where they were made, also over budget, but not of what does not run."""
    (condition,) = [step["if"] for step in ACTION["runs"]["steps"] if "/cache/save@" in step.get("uses", "")]
    assert holds(condition, MAIN | change) is kept


def test_only_the_platforms_own_actions() -> None:
    """Nobody's code but GitHub's and ours runs, each pinned by a commit with its version beside it, all alike."""
    used = {step["uses"] for step in STEPS if "uses" in step}
    foreign = {each for each in used if not re.fullmatch(r"actions/[\w/-]+@[0-9a-f]{40}", each)}
    assert foreign == {"./", "OWNER/weighbridge@main"}
    files = [PROJECT / "action.yml", PROJECT / ".github/workflows/weigh.yml", PROJECT / "docs/ci.md"]
    told = [
        line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "uses: actions/" in line
    ]
    pins = [re.search(r"uses: actions/([\w-]+)[\w/-]*@(\w+) # v\d+\.\d+\.\d+$", line) for line in told]
    assert all(pins), told
    assert len({pin.groups() for pin in pins if pin}) == len({pin[1] for pin in pins if pin})


def test_dependabot_watches_all_that_is_pinned() -> None:
    """Actions, each lock with hashes, and the folder that names the base images; all are asked for regularly."""
    updates = {each["package-ecosystem"]: each for each in DEPENDABOT["updates"]}
    locks = {path for path in PROJECT.glob("**/requirements*.txt") if "--hash=" in path.read_text(encoding="utf-8")}
    assert updates.keys() == {"github-actions", "pip", "docker"}
    assert updates["github-actions"]["directory"] == "/"
    assert {PROJECT / folder.removeprefix("/") for folder in updates["pip"]["directories"]} == {
        path.parent for path in locks if ".venv" not in path.parts
    }
    assert (PROJECT / updates["docker"]["directory"].removeprefix("/") / "Dockerfile").is_file()
    assert all(each["schedule"]["interval"] in {"weekly", "monthly"} for each in updates.values())


def test_inputs_are_told() -> None:
    """The document names every input of the action and none besides; each is used; callers give none that is not."""
    rows = re.findall(r"^\| (`.*?`) \|", DOCUMENT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named == set(ACTION["inputs"])
    text = (PROJECT / "action.yml").read_text(encoding="utf-8")
    assert {name for name in ACTION["inputs"] if f"inputs.{name}" not in text} == set()
    given = {
        name for step in STEPS if str(step.get("uses")).startswith(("./", "OWNER")) for name in step.get("with", {})
    }
    assert given <= set(ACTION["inputs"])


def test_steps_that_are_named_exist() -> None:
    """What a condition or an output asks of a step is asked of one that there is."""
    text = (PROJECT / "action.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"steps\.(\w+)\.", text))
    assert asked
    assert asked <= {step.get("id") for step in ACTION["runs"]["steps"]}


LAUNCHER = """#!/bin/bash
[ "$*" = environment ] && echo "${0%/*}/environment"
"""
RUNNER = (PROJECT / ".github" / "weighbridge").read_text(encoding="utf-8")
STUB = """#!/bin/bash
[ "$1 $2 $3" = "-P -m weighbridge" ] && [ "$PYTHONPATH" = "$GITHUB_ACTION_PATH" ] || exit 9
shift 3
echo "$*" >> "$CALLS"
printf '%b' "$SAYS" >&2
case "$1" in smoke) ;; *) printf '%b' "$SAYS" ;; esac
case "$* " in
  "smoke "*) echo '<testsuites/>'; exit "${SMOKE_STATUS:-0}" ;;
  "report "*"--baseline="*) [ -z "$UNREADABLE" ] || exit 3 ;;&
  "report "*) touch "$WEIGHBRIDGE_REPORTS_DIRECTORY/2.json" ;;&
  *" markdown:"*)
    line=$*
    file=${line##*markdown:}
    [ -z "$BROKEN" ] && echo '### told' > "${file%% *}"
    exit "${STATUS:-0}" ;;
esac
"""


@dataclass(frozen=True)
class Run:
    """What the action's scripts did, one after the other, as a runner runs them."""

    calls: list[str]
    summary: str
    codes: list[int]
    records: list[str]
    logs: list[str]
    """What each script wrote, on both streams."""


def run(
    folder: Path, inputs: dict[str, str], *, records: tuple[str, ...] = (), variables: dict[str, str] | None = None
) -> Run:
    """Run the action's scripts in Bash, with a program that notes what it is asked."""
    calls, summary, output = (folder / name for name in ("calls", "summary", "output"))
    for name, text in (("inv", LAUNCHER), ("environment/bin/python", STUB), (".github/weighbridge", RUNNER)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    values = {f"inputs.{name}": inputs.get(name, str(told["default"])) for name, told in ACTION["inputs"].items()}
    kept = folder / f"weighbridge{'-' * bool(inputs.get('name'))}{inputs.get('name', '')}" / "records"
    kept.mkdir(parents=True)
    for name in records:
        (kept / name).touch()
    environment = {"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(folder), "GITHUB_ACTION_PATH": str(folder)}
    environment |= {
        "CALLS": str(calls),
        "WEIGHBRIDGE_REPORTS_DIRECTORY": str(kept),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    environment |= {
        "GITHUB_OUTPUT": str(output),
        "GITHUB_ENV": str(folder / "env"),
        "BROKEN": "",
        "UNREADABLE": "",
        "SAYS": "",
        **(variables or {}),
    }
    codes: list[int] = []
    logs: list[str] = []
    for step in ACTION["runs"]["steps"]:
        skipped = "comment" in step.get("if", "") or (step.get("if") == "inputs.images == ''" and inputs.get("images"))
        if "run" not in step or skipped:
            continue
        if any(codes):
            break
        output.write_text("")
        own = {name: value(str(text), values) for name, text in step.get("env", {}).items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            command,
            env={**environment, **own},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        codes.append(done.returncode)
        logs.append(done.stdout)
        told = dict(line.split("=", 1) for line in output.read_text().splitlines())
        values |= {f"steps.{step.get('id')}.outputs.{name}": text for name, text in told.items()}
    lines = calls.read_text().splitlines()
    shown = summary.read_text() if summary.exists() else ""
    return Run(lines, shown, codes, sorted(path.name for path in kept.iterdir()), logs)


def value(text: str, values: dict[str, str]) -> str:
    """Return what an expression of the action comes to."""
    found = re.fullmatch(r"\$\{\{ ([\w.-]+)(?: \|\| '(.*)')? \}\}", text)
    assert found, text
    return values.get(found[1]) or found[2] or ""


def test_action_builds_smokes_and_reports(tmp_path: Path) -> None:
    """Without inputs all variants are built, tried and weighed; without records nothing is compared."""
    done = run(tmp_path, {})
    assert done.calls == ["engine build", "smoke --format junit", drawn(tmp_path)]
    assert done.summary == "### told\n"
    assert set(done.codes) == {0}
    assert done.records == ["2.json"]
    assert (tmp_path / "weighbridge/smoke.xml").read_text() == "<testsuites/>\n"


def test_callers_settings_count_and_our_code(tmp_path: Path) -> None:
    """The program that the steps start is that of the checkout, in the caller's folder, whatever modules lie there."""
    checkout, caller = tmp_path / "checkout", tmp_path / "caller"
    for folder in (checkout / ".github", caller):
        folder.mkdir(parents=True)
    (checkout / "weighbridge").symlink_to(PROJECT / "weighbridge")
    for name, text in (("inv", f"#!/bin/sh\necho {sys.prefix}\n"), (".github/weighbridge", RUNNER)):
        (checkout / name).write_text(text)
        (checkout / name).chmod(0o755)
    (caller / "weighbridge.yaml").write_text("repository: callers\nvariants: {prod: {}}\n")
    for name in ("weighbridge.py", "invoke.py", "yaml.py"):
        (caller / name).write_text("raise SystemExit('not ours')\n")
    words = [str(checkout / ".github" / "weighbridge"), "settings"]
    done = subprocess.run(words, cwd=caller, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["Variants  callers:prod"]), done.stderr


def drawn(folder: Path, *options: str) -> str:
    """Return how a report is asked for: once, in all formats."""
    kept = folder / "weighbridge"
    files = f"--format markdown:{kept}/report.md --format html:{kept}/report.html"
    return " ".join(("report", *options, f"--format terminal {files}"))


def test_action_chooses_variants_and_compares_with_the_newest(tmp_path: Path) -> None:
    """Variants reach each task; the newest record of the default branch is the baseline; words stay words."""
    done = run(tmp_path, {"variants": "multi $(id)", "rebuild": "true"}, records=("0.json", "1.json"))
    names = "--variant=multi --variant=$(id)"
    since = f"--baseline={tmp_path}/weighbridge/records/1.json"
    assert done.calls == [
        f"engine build {names}",
        f"smoke --format junit {names}",
        f"{drawn(tmp_path, names, '--rebuild')} {since}",
    ]


def test_action_takes_the_settings_of_a_folder(tmp_path: Path) -> None:
    """A root reaches each task."""
    done = run(tmp_path, {"root": "services/a shop"})
    root = "--root=services/a shop"
    assert done.calls == [
        f"engine {root} build {root}",
        f"smoke {root} --format junit",
        drawn(tmp_path, root),
    ]


def test_action_weighs_images_that_are_there(tmp_path: Path) -> None:
    """If images are given, nothing is built or started; a baseline that is given is used."""
    done = run(tmp_path, {"images": "docker:a:1 oci:b", "baseline": "last", "variants": "x"}, records=("1.json",))
    assert done.calls == [drawn(tmp_path, "--image=docker:a:1", "--image=oci:b", "--baseline=last")]


@pytest.mark.parametrize("name", NO_NAMES)
def test_action_takes_no_text_for_a_name(tmp_path: Path, name: str) -> None:
    """What could not be an artifact's name, a folder's or a comment's ends the job before anything is done."""
    (tmp_path / "calls").touch()
    done = run(tmp_path, {"name": name})
    assert (done.codes, done.calls) == ([2], [])


def test_action_takes_no_records_of_another_name() -> None:
    """No use restores what another kept, though the restore key of one name is how that of another begins."""
    told = [step["with"] for step in ACTION["runs"]["steps"] if "/cache/" in step.get("uses", "")]
    keys = {each["key"] for each in told}
    assert len(told) == 2
    assert len(keys) == 1
    artifact = "${{ steps.prepare.outputs.artifact }}"
    wanted = told[0]["restore-keys"].replace(artifact, "weighbridge-shop")
    (kept,) = keys
    assert kept.replace(artifact, "weighbridge-shop").startswith(wanted)
    for name in ("weighbridge", "weighbridge-shop-api", "weighbridge-shop.v2"):
        assert not kept.replace(artifact, name).startswith(wanted)


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"SMOKE_STATUS": "7"}, 7), ({"STATUS": "6"}, 6), ({"SMOKE_STATUS": "7", "STATUS": "6"}, 7)],
    ids=["smoke", "budget", "both"],
)
def test_action_tells_before_it_fails(tmp_path: Path, variables: dict[str, str], code: int) -> None:
    """What fails is reported in full; the last step alone ends with its exit code."""
    done = run(tmp_path, {}, variables=variables)
    assert done.summary == "### told\n"
    assert done.codes == [0, 0, 0, 0, code]


def test_record_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    """Where the default branch's record is of no use, as one of another version, the report is made without it."""
    done = run(tmp_path, {}, records=("1.json",), variables={"UNREADABLE": "1"})
    since = f"--baseline={tmp_path}/weighbridge/records/1.json"
    assert done.calls[2:] == [f"{drawn(tmp_path)} {since}", drawn(tmp_path)]
    assert (done.summary, set(done.codes)) == ("### told\n", {0})


def test_records_do_not_grow_for_ever(tmp_path: Path) -> None:
    """The oldest go, and the newest is still what the report is compared with."""
    names = tuple(f"1{number:03}.json" for number in range(302))
    done = run(tmp_path, {}, records=names)
    assert done.records == [*names[2:], "2.json"]
    assert done.calls[2].endswith(f"--baseline={tmp_path}/weighbridge/records/{names[-1]}")


def test_baseline_that_is_told_has_to_be_there(tmp_path: Path) -> None:
    """If the baseline that was named cannot be read, the job fails without a report."""
    done = run(tmp_path, {"baseline": "x.json"}, variables={"UNREADABLE": "1"})
    assert done.calls[2:] == [drawn(tmp_path, "--baseline=x.json")]
    assert (done.summary, done.codes[-1]) == ("", 3)


def test_action_without_a_report_has_no_summary(tmp_path: Path) -> None:
    """If the report could not be made, the job fails and has no summary."""
    done = run(tmp_path, {}, variables={"BROKEN": "1", "STATUS": "3"})
    assert done.summary == ""
    assert done.codes[-1] == 3


def find_obeyed(log: str) -> tuple[list[str], list[str]]:
    """Return the commands in a log that GitHub's runner obeys, and the tokens that stop it meanwhile."""
    obeyed, tokens, stopped = [], [], ""
    for line in log.splitlines():
        command = line.lstrip()
        if stopped:
            stopped = "" if command == f"::{stopped}::" else stopped
        elif command.startswith("::stop-commands::"):
            stopped = command.removeprefix("::stop-commands::")
            tokens.append(stopped)
        elif command.startswith("::") or "##[" in command:
            obeyed.append(command)
    assert not stopped, "what comes after the step would not be obeyed"
    return obeyed, tokens


def test_log_obeys_the_action_alone(tmp_path: Path) -> None:
    """What a build, a container or an image says is no command; the action's own warning is one, between two stops."""
    says = "\\n::error::a\\n##[add-mask]b\\n::stop-commands::c\\n::c::\\n::error::d"  # and no end of the line
    done = run(tmp_path, {}, records=("1.json",), variables={"UNREADABLE": "1", "SAYS": says})
    found = [find_obeyed(log) for log in done.logs]
    warning = "::warning::There is no report with the default branch's last record. Trying without it."
    assert [obeyed for obeyed, _ in found] == [[], [], [], [warning], []]
    tokens = [token for _, told in found for token in told]
    assert len(tokens) == 4
    assert len(set(tokens)) == 3, "each step has its own"
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)
    assert "::error::a" in done.logs[1]


def test_log_obeys_again_after_a_failure(tmp_path: Path) -> None:
    """A step that fails, or whose program is killed in the middle of a line, ends the stop, too."""
    done = run(tmp_path, {}, variables={"SAYS": "::error::a", "BROKEN": "1", "STATUS": "3"})
    assert done.codes[-1] == 3
    assert [find_obeyed(log)[0] for log in done.logs] == [[]] * len(done.logs)


def test_steps_that_show_foreign_text_stop_commands() -> None:
    """Each step of action and workflow that runs a program of ours stops commands first, and nothing else does."""
    ours = [step for step in STEPS if re.search(r"/weighbridge\"|comment\.py", str(step.get("run")))]
    assert len(ours) == 5
    for step in STEPS:
        assert ("::stop-commands::" in str(step.get("run"))) is (step in ours)
