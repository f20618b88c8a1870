"""Applications as others write them, in `adopted`: copied, spoiled in one way or not, and taken up by the program."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.live.conftest import ROOT, Done, Project

FOLDER = Path(__file__).with_name("adopted")
SETTINGS = "weighbridge.yaml"
NAMES = tuple(sorted(path.name for path in FOLDER.iterdir()))
MOST_SETTINGS = 8
"""So many suffice for each application."""

# Behind a proxy that inspects TLS, a build needs this machine's certificates, as an error of `invoke build` would say.
_INSTALL = re.compile(r"^RUN (?=pip install)", re.MULTILINE)
_TRUST = "RUN --mount=type=secret,id=ca if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; "
_WHOLE = ("probes",)
"""Keys that count as one setting, whatever is below them."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is changed in a file of an application."""

    path: str
    find: str
    """A text that is in it once; empty: the file is new."""
    replace: str

    def make(self, folder: Path) -> None:
        """Change the file, or write it."""
        path = folder / self.path
        text = path.read_text(encoding="utf-8") if self.find else ""
        assert text.count(self.find) == 1, f"{self.path}: {self.find}"
        path.write_text(text.replace(self.find, self.replace), encoding="utf-8")


def adopt(project: Project, application: str, edits: Iterable[Edit] = ()) -> Project:
    """Copy an application into the folder of a project, which from now on runs the program there."""
    shutil.copytree(FOLDER / application, project.folder)
    for edit in edits:
        edit.make(project.folder)
    for path in project.folder.rglob("Dockerfile"):
        path.write_text(trust(path.read_text(encoding="utf-8")), encoding="utf-8")
    own = {"PYTHONPATH": str(ROOT), "WEIGHBRIDGE_REPOSITORY": project.repository}
    return replace(project, environment={**project.environment, **own}, program="weighbridge")


def trust(text: str) -> str:
    """Return a Dockerfile whose `pip install` trusts the certificates of this machine."""
    return _INSTALL.sub(_TRUST, text)


def run(project: Project, *words: str) -> Done:
    """Build all images of an application, and try it."""
    for task in ("engine", "build"):
        done = project.invoke(task)
        assert done.code == 0, done.stderr
    return project.invoke("smoke", *words)


def count_settings(values: Mapping[str, Any]) -> int:
    """Return how many keys have a value; a list counts as one, and so do all probes, whatever is in them."""
    return sum(
        count_settings(value) if isinstance(value, Mapping) and key not in _WHOLE else 1
        for key, value in values.items()
    )
