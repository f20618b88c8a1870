"""The JSON of an archive: every field by its name, what counts as nothing, and each error in words."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, TypeAdapter

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.model.limits import Limits
from weighbridge.sources.oci.documents import (
    Config,
    Execution,
    ManifestEntry,
    RootFS,
    Step,
    parse_config,
    parse_json,
    parse_manifest,
    read_list,
)

FIRST, SECOND = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"


def config(**fields: Any) -> Config:
    """Parse a config of these fields."""
    return parse_config(json.dumps(fields).encode(), "The config")


def refused(**fields: Any) -> str:
    """Return the message about a config of these fields that cannot be read."""
    with pytest.raises(UnreadableImage) as caught:
        config(**fields)
    return caught.value.message


# What is read.


def test_manifest() -> None:
    """Each image of manifest.json has a config, names and layers, in the order of the file."""
    text = b"""[{"Config": "a.json", "RepoTags": ["x:1", "x:2"], "Layers": ["1/layer.tar", "2/layer.tar"], "Parent": 5},
               {"Config": "b.json", "RepoTags": null, "Layers": null}, {"Config": "c.json"}]"""
    first, second, third = parse_manifest(text)
    assert (first.config, first.repo_tags, first.layers) == ("a.json", ("x:1", "x:2"), ("1/layer.tar", "2/layer.tar"))
    assert (second.config, second.repo_tags, second.layers) == ("b.json", (), ())
    assert third == ManifestEntry(Config="c.json")
    assert parse_manifest(b"[]") == ()


def test_config() -> None:
    """Every field that figures or titles need is read by its name in config.md; others are ignored."""
    found = config(
        architecture="arm",
        os="linux",
        variant="v7",
        config={"Labels": {"a": "1"}, "WorkingDir": "/app", "Cmd": ["x"]},
        rootfs={"type": "layers", "diff_ids": [FIRST, SECOND]},
        history=[{"created_by": "ADD /", "comment": "buildkit", "empty_layer": True}],
        author=5,
    )
    assert (found.architecture, found.os, found.variant) == ("arm", "linux", "v7")
    assert found.config == Execution(Labels={"a": "1"}, WorkingDir="/app")
    assert found.rootfs == RootFS(diff_ids=(FIRST, SECOND))
    assert found.history == (Step(created_by="ADD /", comment="buildkit", empty_layer=True),)


NAMES = ("architecture", "os", "variant", "config", "rootfs", "history")


@pytest.mark.parametrize("fields", [{}, dict.fromkeys(NAMES)])
def test_null_is_nothing(fields: dict[str, Any]) -> None:
    """A config without fields is one without layers and history, and so is one of nulls."""
    found = config(**fields)
    assert (found.architecture, found.os, found.variant, found.rootfs.diff_ids, found.history) == ("", "", "", (), ())
    assert (found.config.labels, found.config.working_dir) == ({}, "")


@pytest.mark.parametrize("value", [5, True, ["linux"], {"linux": 1}])
def test_what_is_no_text_is_empty(value: Any) -> None:
    """A field on which no figure depends is empty, whatever stands there instead of a text."""
    found = config(os=value, config={"WorkingDir": value}, history=[{"created_by": value, "comment": value}])
    assert (found.os, found.config.working_dir, found.history) == ("", "", (Step(),))


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ({"a": "1", "b": "", "c": None, "d": 5, "e": ["1"]}, {"a": "1", "b": "", "c": ""}),
        (None, {}),
        (5, {}),
        ([["a", "1"]], {}),
    ],
)
def test_labels(told: Any, labels: dict[str, str]) -> None:
    """Labels are those whose value is text, null being empty text; what is no object has none."""
    assert config(config={"Labels": told}).config.labels == labels


@pytest.mark.parametrize("value", [5, "x", [], [["Labels", {}]]])
def test_what_is_no_object_is_empty(value: Any) -> None:
    """What says how a container starts may be anything, and a step of the history, too; it still counts as a step."""
    found = config(config=value, history=[value, {"comment": "x"}])
    assert found.config == Execution()
    assert found.history == (Step(), Step(comment="x"))


@pytest.mark.parametrize("value", [5, "x", {"0": {}}, True])
def test_history_that_is_no_list(value: Any) -> None:
    """What is no list is no history."""
    assert config(history=value).history == ()


@pytest.mark.parametrize(("value", "empty"), [(True, True), (False, False), (None, False), ("true", False), (1, False)])
def test_step_without_a_layer(value: Any, *, empty: bool) -> None:
    """Only `true` says that a step made no layer."""
    assert config(history=[{"empty_layer": value}]).history == (Step(empty_layer=empty),)


@pytest.mark.parametrize("value", [[], ["a"], "a", 0, False, {}])
def test_only_null_is_an_empty_list(value: Any) -> None:
    """Anything but null is left for the type of the field to judge, even if it is empty."""
    assert read_list(value) is value
    assert read_list(None) == []


# What is refused.


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'[{"Config": "a"}, {"RepoTags": []}]', "1.Config: Field required"),
        (b'[{"Config": null}]', "0.Config: Input should be a valid string"),
        (b'[{"Config": "a", "RepoTags": ["x:1", 5, 6]}]', "0.RepoTags.1: Input should be a valid string"),
        (b'[{"Config": "a", "Layers": [5]}]', "0.Layers.0: Input should be a valid string"),
        (b'[{"Config": "a", "Layers": "b"}]', "0.Layers: Input should be a valid array"),
        (b"{}", "the whole document: Input should be a valid array"),
        (b"", "the whole document: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    ],
)
def test_damaged_manifest(text: bytes, reason: str) -> None:
    """The error names the first place that is wrong, by field and number, and says what to do."""
    with pytest.raises(UnreadableImage) as caught:
        parse_manifest(text)
    assert caught.value.message == f"manifest.json is damaged: {reason}"
    assert caught.value.advice == "Save the image again and compare the files' checksums."
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("digest", ["sha256:0", f"sha256:{'0' * 65}", f"sha256:{'A' * 64}", f"sha512:{'0' * 64}", 5])
def test_diff_id_that_is_none(digest: Any) -> None:
    """A diff ID is a SHA-256 in lower case; the error names the first that is none, by the config's name."""
    message = refused(rootfs={"diff_ids": [FIRST, digest, "x"]})
    assert message.startswith("The config is damaged: rootfs.diff_ids.1: ")


@pytest.mark.parametrize("value", [5, "x", []])
def test_rootfs_that_is_no_object(value: Any) -> None:
    """Layers decide figures, so what stands for them may be null and nothing else."""
    assert refused(rootfs=value).startswith("The config is damaged: rootfs: Input should be ")


@pytest.mark.parametrize(
    ("key", "place"), [("a\x1b[31m\nb", "a [31m b"), ("x" * 120, "x" * 120), ("x" * 121, f"{'x' * 119}…")]
)
def test_foreign_place_in_an_error(key: str, place: str) -> None:
    """A place that the document itself names is shown on one line, without control characters, and never longer."""
    with pytest.raises(UnreadableImage) as caught:
        parse_json(TypeAdapter(dict[str, int]), json.dumps({key: "x"}).encode(), "The document")
    assert caught.value.message.startswith(f"The document is damaged: {place}: Input should be a valid integer")


def test_foreign_reason_in_an_error() -> None:
    """A reason that quotes the document is shown on one line and without control characters, too."""

    def refuse(value: object) -> None:
        raise ValueError(f"no {value}")

    adapter = TypeAdapter(Annotated[str, AfterValidator(refuse)])
    with pytest.raises(UnreadableImage) as caught:
        parse_json(adapter, b'"a\\u001b\\nb"', "The document")
    assert caught.value.message == "The document is damaged: the whole document: Value error, no a b"


# Limits.


def manifest_of(count: int) -> bytes:
    """Return a manifest.json of two images, of which the second has so many layers."""
    return json.dumps([{"Config": "a"}, {"Config": "b", "Layers": ["x"] * count}]).encode()


def test_limits_unless_told() -> None:
    """Without limits of the caller's, an image may have 1,000 layers and 10,000 steps."""
    assert len(parse_manifest(manifest_of(1_000))[1].layers) == 1_000
    with pytest.raises(LimitExceeded) as caught:
        parse_manifest(manifest_of(1_001))
    assert caught.value.message == "manifest.json has more than 1,000 layers, the limit for an image"
    assert caught.value.advice == "Raise limits.layers in the settings if that is right."
    assert len(config(rootfs={"diff_ids": [FIRST] * 1_000}).rootfs.diff_ids) == 1_000
    assert refused(rootfs={"diff_ids": [FIRST] * 1_001}).startswith("The config has more than 1,000 layers, ")
    assert len(config(history=[{}] * 10_000).history) == 10_000
    assert refused(history=[{}] * 10_001).startswith("The config has more than 10,000 history steps, ")


def test_limits_of_the_caller() -> None:
    """The caller's limits count instead, each image at its limit is read, and one above it is refused."""
    limits = Limits(layers=2, history_steps=3)
    assert parse_manifest(manifest_of(2), limits)[1].layers == ("x", "x")
    with pytest.raises(LimitExceeded, match=r"^manifest\.json has more than 2 layers, the limit for an image\. "):
        parse_manifest(manifest_of(3), limits)
    text = json.dumps({"rootfs": {"diff_ids": [FIRST] * 2}, "history": [{}] * 3}).encode()
    assert len(parse_config(text, "x", limits).history) == 3
    with pytest.raises(LimitExceeded, match=r"^x has more than 2 history steps, the limit for an image\. "):
        parse_config(text, "x", Limits(history_steps=2))
    with pytest.raises(LimitExceeded, match=r"^x has more than 1 layers, the limit for an image\. "):
        parse_config(text, "x", Limits(layers=1))


def test_limits_without_a_parser() -> None:
    """A part of a config that is built by itself has the same limits as one that is parsed."""
    assert len(RootFS.model_validate({"diff_ids": [FIRST] * 1_000}).diff_ids) == 1_000
    with pytest.raises(LimitExceeded) as caught:
        RootFS.model_validate({"diff_ids": [FIRST] * 1_001})
    assert caught.value.message == "The document has more than 1,000 layers, the limit for an image"


def test_two_images_of_an_archive_have_the_limits_each() -> None:
    """Two images of as many layers as one may have are read."""
    text = json.dumps([{"Config": "a", "Layers": ["x"] * 2}] * 2).encode()
    assert len(parse_manifest(text, Limits(layers=2))) == 2
