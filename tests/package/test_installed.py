"""The wheel in fresh environments, one for each Python that is here: what a team that installs it meets."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.images import Entry, ImageSpec, docker_25, tar_of

PROJECT = Path(__file__).parents[2]
CLIENT = """
from invoke import Collection
from weighbridge import tasks

ns = Collection()
ns.add_collection(tasks.ns, "image")
"""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    environment: Path
    folder: Path

    def run(self, *words: str, at: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder; nothing of this checkout is in reach."""
        command = [str(self.environment / "bin" / words[0]), *words[1:]]
        return self.start(*command, at=at, **variables)

    def start(self, *command: str, at: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run any program with the environment's programs first on PATH."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        clean = {"PATH": f"{self.environment / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LC_ALL": "C"}
        environment = {**clean, "PYTHONSAFEPATH": "1", **variables}
        return subprocess.run(
            command, cwd=at or self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file below the folder and return it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def weigh(self, *before: str, at: Path | None = None) -> str:
        """Weigh the archive of 1000 bytes and return what stands on standard error; the figure has been checked."""
        image = f"archive:{self.folder / 'saved.tar'}"
        done = self.run(*before, "--image", image, "--format", "json", at=at)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["images"][0]["shipped_bytes"] == 1000
        return done.stderr


def find_python(version: str) -> str:
    """Return a Python of this version; empty if there is none."""
    places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for place in filter(None, places):
        probe = [str(place), "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return str(place)
    return ""


def install(folder: Path, python: str, wheel: str, *options: str) -> Path:
    """Make an environment with a wheel and return it."""
    environment = folder / "environment"
    subprocess.run([python, "-m", "venv", str(environment)], check=True, capture_output=True)
    words = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", wheel, *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return environment


def prepare(folder: Path, environment: Path) -> Installed:
    """Return an empty folder to work in, with an archive to weigh."""
    work = folder / "a folder"
    work.mkdir()
    spec = ImageSpec(("shop:1",), ((Entry("a", b"1" * 1000),),))
    (work / "saved.tar").write_bytes(tar_of(docker_25([spec])))
    return Installed(environment, work)


def use_without_any_file(there: Installed) -> None:
    """An image is weighed; nothing is recorded, and one line says so."""
    assert "Not recorded: no settings file names a folder for records." in there.weigh("weighbridge", "report")
    menu = there.run("weighbridge", "--list").stdout
    assert {"report", "smoke", "docker-plugin"} <= {line.split()[0] for line in menu.splitlines() if line[:2] == "  "}
    assert re.fullmatch(r"Weighbridge \d+\.\d+.*\n", there.run("weighbridge", "--version").stdout)


def use_pyproject(there: Installed) -> None:
    """Settings stand in pyproject.toml, and the program is called from below."""
    project = there.write("py/pyproject.toml", '[tool.weighbridge]\nreports.directory = "sizes"\n').parent
    (project / "src" / "shop").mkdir(parents=True)
    there.weigh("weighbridge", "report", at=project / "src" / "shop")
    assert len([*(project / "sizes").glob("*.json")]) == 1


def use_collection(there: Installed) -> None:
    """A client has own tasks and keys, and ours in a sub-collection; then as a package of tasks."""
    tasks = there.write("client/tasks.py", CLIENT)
    there.write("client/invoke.yaml", "packaging: {sign: true}\nreports: {x: 1}\nweighbridge: {repository: shop}\n")
    assert "image.report" in there.run("invoke", "--list", at=tasks.parent, PYTHONSAFEPATH="").stdout
    there.weigh("invoke", "image.report", at=tasks.parent)
    (tasks.parent / "tasks").mkdir()
    tasks.rename(tasks.parent / "tasks" / "__init__.py")
    there.weigh("invoke", "image.report", at=tasks.parent)
    assert len([*(tasks.parent / "reports").glob("*.json")]) == 2


def use_monorepo(there: Installed) -> None:
    """Two services have settings of their own below those of the whole; each record lies with its service."""
    there.write("mono/weighbridge.yaml", "repository: whole\n")
    for name in ("api", "web"):
        service = there.write(f"mono/services/{name}/weighbridge.yaml", f"repository: {name}\n").parent
        there.weigh("weighbridge", "report", at=service)
        there.weigh("weighbridge", "report", "--root", str(service), at=there.folder)
        assert len([*(service / "reports").glob("*.json")]) == 2
    assert not (there.folder / "mono" / "reports").exists()


def use_formats(there: Installed) -> None:
    """Each format that needs no extra is written; the other names the extra."""
    image = f"archive:{there.folder / 'saved.tar'}"
    for name in ("terminal", "markdown", "html", "svg", "badge"):
        done = there.run("weighbridge", "report", "--image", image, "--format", name)
        assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr
    done = there.run("weighbridge", "report", "--image", image, "--format", "cyclonedx")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --format cyclonedx needs a library that is not installed. Install `weighbridge[bom]`.\n",
    )


def use_wrong_input(there: Installed) -> None:
    """Faults are one line with their exit code."""
    wrong = there.write("wrong/weighbridge.yaml", "reports: {folder: x}\n").parent
    for words, code in (
        (("report", "--image", "archive:gone.tar", "--root", str(there.folder / "mono")), 3),
        (("build",), 2),
        (("report",), 2),
    ):
        done = there.run("weighbridge", *words, at=wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
        assert done.stderr.startswith("error: ")


def use_read_only(there: Installed) -> None:
    """An environment that cannot be written to works, too; only root can mount one so."""
    place = shlex.quote(str(there.environment))
    mount = f"mount --bind {place} {place} && mount -o remount,ro,bind {place}"
    if there.start("unshare", "--mount", "sh", "-c", f"{mount} && ! touch {place}/x 2>/dev/null").returncode:
        return
    image = shlex.quote(f"archive:{there.folder / 'saved.tar'}")
    done = there.start("unshare", "--mount", "sh", "-c", f"{mount} && weighbridge report --image {image}")
    assert done.returncode == 0, done.stderr


def use_plugin(there: Installed) -> None:
    """The plugin is linked, answers Docker's client, and is removed again."""
    assert there.run("weighbridge", "docker-plugin").returncode == 0
    link = there.folder / "home" / ".docker" / "cli-plugins" / "docker-weigh"
    told = subprocess.run([str(link), "docker-cli-plugin-metadata"], check=True, capture_output=True, text=True).stdout
    assert json.loads(told)["SchemaVersion"] == "0.1.0"
    assert there.run("weighbridge", "docker-plugin", "--remove").returncode == 0
    assert not os.path.lexists(link)


USES: tuple[Callable[[Installed], None], ...] = (
    use_without_any_file,
    use_pyproject,
    use_collection,
    use_monorepo,
    use_formats,
    use_wrong_input,
    use_read_only,
    use_plugin,
)


@pytest.mark.parametrize("version", PYTHONS)
def test_each_python(wheel: Path, tmp_path: Path, version: str) -> None:
    """With the newest libraries, everything works on each Python that is here."""
    python = find_python(version)
    if not python:
        pytest.skip(f"there is no Python {version} with venv")
    there = prepare(tmp_path, install(tmp_path, python, str(wheel)))
    for use in USES:
        use(there)


def test_oldest_libraries(wheel: Path, tmp_path: Path) -> None:
    """The lowest versions that the package admits are enough, also for the bill of materials."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["bom"]]
    lowest = [re.sub(r"(\[.*?\])?>=", "==", each.partition(";")[0]).strip() for each in needed]
    assert all("==" in each for each in lowest)
    constraints = tmp_path / "lowest.txt"
    constraints.write_text("\n".join(lowest), encoding="utf-8")
    there = prepare(tmp_path, install(tmp_path, sys.executable, f"{wheel}[bom]", "--constraint", str(constraints)))
    for use in USES:
        if use is not use_formats:
            use(there)
    done = there.run(
        "weighbridge", "report", "--image", f"archive:{there.folder / 'saved.tar'}", "--format", "cyclonedx"
    )
    assert (done.returncode, json.loads(done.stdout)["bomFormat"]) == (0, "CycloneDX")
