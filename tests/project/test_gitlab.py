"""GitLab's job, run as a runner does: a real checkout and a real download, and a program that notes its calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TEMPLATE = PROJECT / ".gitlab" / "weigh.yml"
JOB = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))[".weighbridge"]
DOCUMENT = (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8")
(EXAMPLE,) = (text for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if "include:" in text)
INV = """#!/bin/sh
[ "$*" = environment ] && echo "${0%/*}/environment"
"""
PROGRAM = """#!/bin/bash
[ "$1 $2 $3" = "-P -m weighbridge" ] && [ -x "$PYTHONPATH/inv" ] || exit 9
shift 3
echo "$PWD: $*" >> "$CALLS"
case "$*" in
  smoke*) echo '<testsuites/>'; exit "${SMOKE:-0}" ;;
  report*--baseline*) [ -z "$UNREADABLE" ] || exit 3 ;;&
  report*) [ -n "$BROKEN" ] || echo '### told' > report.md; exit "${REPORT:-0}" ;;
esac
"""
COMMENT = "import os, sys; open(os.environ['CALLS'], 'a').write(f'comment {sys.argv[1:]}\\n')\n"


@dataclass(frozen=True)
class Run:
    """How the job ended, and what it asked of the program, without what is the same in each call."""

    code: int
    calls: list[str]
    log: str


class Quiet(SimpleHTTPRequestHandler):
    """Serves the artifacts of earlier jobs to who has the job's token."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Give the file to the job `weigh of shop`."""
        asked = parse_qs(urlsplit(self.path).query)
        known = self.headers["JOB-TOKEN"] == "secret" and asked == {"job": ["weigh of shop"]}
        super().do_GET() if known else self.send_error(404)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return a repository to weigh, and a source of Weighbridge with one commit."""
    source, project, kept = (tmp_path / name for name in ("source", "a project", "kept"))
    files = {"inv": INV, "environment/bin/python": PROGRAM, ".github/comment.py": COMMENT}
    files[".github/weighbridge"] = (PROJECT / ".github" / "weighbridge").read_text(encoding="utf-8")
    for name, text in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    name_author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "."), (*name_author, "commit", "--quiet", "--message", "a")):
        subprocess.run(["git", *words], cwd=source, check=True)
    (project / "services").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").symlink_to("/bin/true")
    kept.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(kept))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Runner(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Runner:
    """Runs the job's lines in one shell, as GitLab's runner does."""

    folder: Path
    address: str

    def keep(self) -> None:
        """Keep a record of the default branch, which the next run finds."""
        path = self.folder / "kept/projects/7/jobs/artifacts/main/raw/record.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")

    def __call__(self, *, shell: str = "bash", **variables: str) -> Run:
        """Run the job with these variables of the pipeline."""
        calls, project = self.folder / "calls", self.folder / "a project"
        head = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(head, cwd=self.folder / "source", check=True, capture_output=True, text=True).stdout
        (self.folder / "home").mkdir(exist_ok=True)
        told = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": f"{self.folder}/home",
            "TMPDIR": str(self.folder),
            "CALLS": str(calls),
            "CI_PROJECT_DIR": str(project),
            "CI_API_V4_URL": self.address,
            "CI_PROJECT_ID": "7",
            "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_NAME": "weigh of shop",
            "CI_JOB_TOKEN": "secret",
            "WEIGH_SOURCE": f"file://{self.folder}/source",
            "WEIGH_COMMIT": commit.strip(),
            "BROKEN": "",
            "UNREADABLE": "",
        }
        options = ["bash", "-eo", "pipefail"] if shell == "bash" else [shell, "-e"]
        script = "\n".join((*JOB["before_script"], *JOB["script"]))
        done = subprocess.run(
            [*options, "-c", script], cwd=project, env=told | variables, capture_output=True, text=True, check=False
        )
        lines = calls.read_text().splitlines() if calls.exists() else []
        short = [line.replace(f"{project}", ".").replace(OUTPUTS, " …") for line in lines]
        return Run(done.returncode, short, done.stdout + done.stderr)


OUTPUTS = " --format terminal --format json:./record.json --format markdown:./report.md --format html:./report.html"
PLAIN = [".: engine build", ".: smoke --format junit", ".: report …"]


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_job_builds_smokes_and_reports(runner: Runner, shell: str) -> None:
    """The job runs the program of the commit that it names, in the caller's folder; its files are the artifacts."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    done = runner(shell=shell)
    assert (done.code, done.calls) == (0, PLAIN), done.log
    told = {*JOB["artifacts"]["paths"], JOB["artifacts"]["reports"]["junit"]}
    assert {"report.md", "smoke.xml"} == {path.name for path in (runner.folder / "a project").glob("*.*")} <= told


def test_job_compares_with_the_default_branch(runner: Runner) -> None:
    """The record of the last job of this name is the baseline; one that cannot be read stops nothing."""
    runner.keep()
    assert runner().calls[2:] == [".: report … --baseline ./baseline.json"]
    (runner.folder / "calls").unlink()
    (runner.folder / "a project/report.md").unlink()
    done = runner(UNREADABLE="1", BROKEN="1")
    assert done.calls[2:] == [".: report … --baseline ./baseline.json", ".: report …"]


def test_job_takes_a_folder_and_variants(runner: Runner) -> None:
    """The commands run in the folder of the settings, on the variants that are named; the files stay at the top."""
    done = runner(WEIGH_FOLDER="services", WEIGH_VARIANTS="a b")
    names = "--variant=a --variant=b"
    assert done.calls[:2] == [f"./services: engine build {names}", f"./services: smoke {names} --format junit"]
    assert done.calls[2].startswith(f"./services: report {names} …")


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"SMOKE": "7"}, 7), ({"REPORT": "6"}, 6), ({"SMOKE": "7", "REPORT": "6"}, 7)],
    ids=["smoke", "budget", "both"],
)
def test_job_tells_before_it_fails(runner: Runner, variables: dict[str, str], code: int) -> None:
    """What fails is reported and commented on first; then the job ends with its exit code."""
    request = {"CI_MERGE_REQUEST_IID": "5", "WEIGH_NAME": "shop", "GITLAB_TOKEN": "x"}
    done = runner(**request, **variables)
    assert (done.code, done.calls) == (code, [*PLAIN, "comment ['./report.md', 'shop']"])


def test_job_needs_a_commit(runner: Runner) -> None:
    """Without a commit nothing is fetched or run, and the log names the variable."""
    done = runner(WEIGH_COMMIT="")
    assert done.code != 0
    assert done.calls == []
    assert "WEIGH_COMMIT: names no commit of Weighbridge" in done.log


def test_example_has_six_lines_that_fit() -> None:
    """What a caller writes includes the file that is here, extends the job in it, and pins both by one commit."""
    told = yaml.safe_load(EXAMPLE)
    (included,) = told["include"]
    commit, _, path = included["remote"].partition("weighbridge/")[2].partition("/")
    assert len(EXAMPLE.splitlines()) == 6
    assert PROJECT / path == TEMPLATE
    assert told["variables"] == {"WEIGH_COMMIT": commit}
    assert told["weigh"] == {"extends": ".weighbridge"}


def test_variables_are_told() -> None:
    """The document names each variable that the job takes, and no other; the job sets none over the caller's."""
    used = set(re.findall(r"WEIGH_[A-Z]+", "\n".join((*JOB["before_script"], *JOB["script"]))))
    assert used == set(re.findall(r"WEIGH_[A-Z]+", DOCUMENT))
    assert not used & JOB["variables"].keys()
