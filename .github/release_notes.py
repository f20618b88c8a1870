"""Print what a version's release says: its section of CHANGELOG.md.

    python3 release_notes.py v0.2.0

It ends with code 1 if pyproject.toml has another version, or the changelog has no such section. It needs Python alone.
"""

# ruff: noqa: INP001 - a script that is run by its path, and part of no package

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
_WORDS = 2


def find_notes(tag: str, version: str, changelog: str) -> str:
    """Return the section of a version.

    Args:
        tag: Git's tag, `v` and the version.
        version: The version in pyproject.toml.
        changelog: The whole changelog: a section begins with `## 0.2.0` and, perhaps, more words such as a date.

    Raises:
        SystemExit: The versions differ, or there is no such section or nothing in it.
    """
    if tag != f"v{version}":
        raise SystemExit(f"The tag is {tag}, and pyproject.toml has version {version}.")
    parts = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    sections = {head.split()[0].strip("[]"): text.strip() for head, _, text in (part.partition("\n") for part in parts)}
    if not sections.get(version):
        raise SystemExit(f"CHANGELOG.md says nothing of {version}. Give its section that heading.")
    return sections[version]


if __name__ == "__main__":
    if len(sys.argv) != _WORDS:
        raise SystemExit(f"usage: {sys.argv[0]} TAG")
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    sys.stdout.write(find_notes(sys.argv[1], settings["project"]["version"], text) + "\n")
