"""A path tells what a file is."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence

import pytest

from tests.support.modes import File, kinds


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("usr/bin/x86_64-linux-gnu-gcc-14", ["compiler"]),
        ("usr/local/go/bin/go", ["compiler"]),
        ("root/.cargo/bin/rustc", ["compiler"]),
        ("usr/libexec/gcc/x86_64-linux-gnu/14/cc1", ["compiler"]),
        ("usr/bin/make", ["compiler"]),
        ("usr/bin/run-as", []),
        ("usr/share/bash-completion/completions/make", []),
        ("app/as", []),
        ("var/lib/apt/lists/host_dists_trixie_InRelease", ["package-cache"]),
        ("var/lib/apt/lists/lock", []),
        ("var/cache/apt/archives/gcc.deb", ["package-cache"]),
        ("var/cache/apt/archives/lock", []),
        ("root/.cache/pip/http-v2/a/b", ["package-cache"]),
        ("root/.cache/uv/archive-v0/x/conftest.py", ["package-cache"]),
        ("app/.cache/mine", []),
        ("app/.git/HEAD", ["vcs-folder"]),
        ("app/.gitignore", []),
        ("app/sub/.git", []),
        ("app/tests/test_app.py", ["test-suite"]),
        ("app/tests/x/app_test.pyc", ["test-suite"]),
        ("app/ab_test.py", []),
        ("app/conftest.py", ["test-suite"]),
        ("app/testing.py", []),
        ("app/latest_x.py", []),
        ("venv/lib/python3.13/site-packages/x/conftest.py", []),
        ("app/.env", ["env-file"]),
        ("app/.env.production", ["env-file"]),
        ("app/.env.example", []),
        ("app/.env.local.sample", []),
        ("app/.envrc", []),
        (".env", ["env-file"]),
        ("app/weighbridge.yaml", ["tool-file"]),
        ("app/reports/20261124T134410Z-0a1d5f2b9c77.json", ["tool-file"]),
        ("app/reports/sales.json", []),
        ("v/lib/python3.13/site-packages/weighbridge-0.2.0.dist-info/METADATA", ["tool-file"]),
        ("v/lib/python3.13/site-packages/weighbridge/errors.py", []),
    ],
)
def test_paths(path: str, found: Sequence[str]) -> None:
    """A path shows which kind a file is; similar paths have no kind."""
    assert kinds(File(path=path)) == list(found)


def test_links_and_empty_files() -> None:
    """A link to a compiler counts as a compiler; an empty file does not count as a cache."""
    link = File(path="usr/bin/cc", type=tarfile.SYMTYPE, target="gcc-14")
    assert kinds(link, File(path="var/lib/apt/lists/x", data=b"")) == ["compiler"]
