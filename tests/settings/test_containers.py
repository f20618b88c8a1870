"""How a container of the project's images runs: its files, its folders, its limits, and the image that it names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.fakes import settings
from weighbridge.errors import SettingsError
from weighbridge.settings.containers import Before, Container, FileText


@pytest.mark.parametrize("path", ["/cache", "files:/cache", "my.files_1:/srv/a-b", "/a/b.c"])
def test_writable(path: str) -> None:
    """A folder is its container's own; with a name before it, containers share it."""
    assert Container.model_validate({"writable": [path]}).writable == (path,)


@pytest.mark.parametrize("path", ["cache", "/", "Files:/cache", ":/cache", "files:cache", "/a b", "files:/a:rw"])
def test_writable_that_is_none(path: str) -> None:
    """Anything else is refused by its key."""
    with pytest.raises(SettingsError, match=r"roles\.api\.writable\.0: .* is no absolute path of a folder, such as"):
        settings({"writable": [path]})


def test_env_file() -> None:
    """One file need not stand in a list."""
    assert Container.model_validate({"env_file": ".env"}).env_file == (".env",)
    assert Container.model_validate({"env_file": [".env", "b"]}).env_file == (".env", "b")


def test_mounts() -> None:
    """What is mounted is a path of the project, or a text."""
    mounts = Container.model_validate({"mounts": {"/etc/a": "conf/a", "/etc/b": {"content": "b = 1"}}}).mounts
    assert mounts == {"/etc/a": "conf/a", "/etc/b": FileText(content="b = 1")}
    with pytest.raises(SettingsError, match=r"roles\.api\.mounts\./etc/b\.contents: there is no such setting"):
        settings({"mounts": {"/etc/b": {"contents": "b"}}})
    with pytest.raises(SettingsError, match=r"roles\.api\.mounts\.etc: 'etc' is no absolute path of a folder"):
        settings({"mounts": {"etc": "conf"}})


@pytest.mark.parametrize(("values", "key"), [({}, None), ({"variant": "a"}, "a"), ({"image": "front:1"}, "front:1")])
def test_image_that_it_names(values: dict[str, Any], key: str | None) -> None:
    """A variant or an image is the key of the image; without one, it is the variant that is tested."""
    assert Container.model_validate(values).image_key == key


def test_two_images() -> None:
    """It runs from one image."""
    with pytest.raises(ValidationError, match="it runs from one image: give `variant` or `image`"):
        Container.model_validate({"variant": "a", "image": "b"})


@pytest.mark.parametrize(("seconds", "fine"), [(0.1, True), (3600, True), (0, False), (3601, False)])
def test_time_of_a_command(seconds: float, fine: bool) -> None:  # noqa: FBT001 - a column
    """A command that runs first gets at most an hour."""
    try:
        Before.model_validate({"timeout_seconds": seconds})
    except ValidationError:
        assert not fine
    else:
        assert fine
