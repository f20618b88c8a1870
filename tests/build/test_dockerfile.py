"""Which image a target stands on, read from any Dockerfile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.dockerfile import SCRATCH, find_base, list_images, list_sources, replace_images

STAGES = """
ARG PYTHON_IMAGE=python:3.13
FROM ${PYTHON_IMAGE} AS builder
RUN true
from --platform=linux/amd64 Builder as later
FROM later
FROM scratch AS minimal
COPY --from=builder / /
FROM other:1 AS foreign
FROM $PYTHON_IMAGE
"""


@pytest.mark.parametrize(
    ("target", "base"),
    [
        ("builder", "python:3.13"),
        ("later", "python:3.13"),
        ("LATER", "python:3.13"),
        ("2", "python:3.13"),
        ("minimal", "scratch"),
        ("3", "scratch"),
        ("foreign", "other:1"),
        (None, "python:3.13"),
        ("nope", None),
        ("6", None),
        ("99999999999", None),
        ("", None),
    ],
)
def test_stages(target: str | None, base: str | None) -> None:
    """A target stands on the image of its first stage, through whatever stages; its name may be in capitals."""
    assert find_base(STAGES, target, {}) == base
    assert find_base(STAGES, target, {"PYTHON_IMAGE": "x:1"}) == (base and base.replace("python:3.13", "x:1"))


SOURCES: dict[str, tuple[str, set[str]]] = {
    "everything": ("FROM x\nCOPY . .", {""}),
    "everything with a slash": ("FROM x\nADD ./ /app/", {""}),
    "everything by its contents": ("FROM x\nCOPY ./* /app/", {"*"}),
    "everything from the root": ("FROM x\ncopy --chown=1:1 --link / /app", {""}),
    "several": ("FROM x\nCOPY a b/c/ /d/e d/", {"a", "b/c", "d/e"}),
    "as JSON": ('FROM x\nCOPY ["a b", "./c", "/d/"]', {"a b", "c"}),
    "in quotes": ('FROM x\nCOPY "a b" c /d', {"a b", "c"}),
    "continued": ("FROM x\nCOPY a \\\n# COPY . .\n  b \\\n  /c", {"a", "b"}),
    "another escape": ("# escape=`\nFROM x\nCOPY a `\n  b c", {"a", "b"}),
    "of a stage": ("FROM x AS y\nFROM x\nCOPY --from=y . .", set()),
    "from the network": ("FROM x\nADD https://example.org/a git@example.org:b.git c /d/", {"c"}),
    "text": ("FROM x\nCOPY <<EOF /a\nCOPY . .\nEOF\n", set()),
    "variable": ("FROM x\nCOPY $A/b ${C:-d} /e", {"$A/b", "${C:-d}"}),
    "mount": ("FROM x\nRUN --mount=target=/src make", {""}),
    "mount of a file": (
        "FROM x\nRUN --mount=type=bind,source=a/b,target=/b --mount=type=bind,src=c,target=c x",
        {"a/b", "c"},
    ),
    "other mounts": ("FROM x\nRUN --mount=type=cache,target=/c --mount=from=y,target=/y --network=none x", set()),
    "nothing": ("FROM x\nRUN cp . /app\nWORKDIR .\nCOPY\nCOPY [1\n", set()),
    "another frontend": ("# syntax=example.org/x\nFROM x\nCOPY . .", set()),
}


@pytest.mark.parametrize("what", SOURCES)
def test_what_is_taken_of_the_context(what: str) -> None:
    """COPY, ADD and bind mounts name what they take of the context; empty means all of it."""
    text, sources = SOURCES[what]
    assert list_sources(text) == sources


READ = {
    "no stage": ("RUN x", None),
    "empty": ("", None),
    "argument without a value": ("ARG A\nFROM $A", None),
    "argument of a stage": ("FROM x AS y\nARG A=1\nFROM a:$A", None),
    "argument after another": ("ARG A=1 B=2\nARG C=$A.${B}\nFROM a:$C", "a:1.2"),
    "argument in quotes": ("ARG A=\"b:1\"\nARG C='$A'\nFROM $A", "b:1"),
    "argument in single quotes": ("ARG A=1\nARG C='b:$A'\nFROM $C", None),
    "argument of itself": ("ARG A=1\nARG A=$A.2\nFROM a:$A", "a:1.2"),
    "default": ("FROM ${A:-a:1}", "a:1"),
    "default of a default": ("ARG B=2\nFROM ${A:-a:${B:+3}}", "a:3"),
    "platform": ("FROM a:$TARGETARCH", None),
    "platform in a default": ("ARG A=b-$BUILDOS\nARG C=c\nFROM $A AS d\nFROM $C", "c"),
    "flag": ("FROM --platform=$BUILDPLATFORM a:1", "a:1"),
    "pattern": ("ARG A=a:1\nFROM ${A%1}", None),
    "digest": ("FROM localhost:5000/a/b:1@sha256:00", "localhost:5000/a/b:1@sha256:00"),
    "small letters": ("from a:1 as b", "a:1"),
    "tab and blanks": (" \tFROM \t a:1 \t\r\n", "a:1"),
    "byte order mark": ("\ufeffFROM a:1", "a:1"),
    "not AS": ("FROM a:1 in b", None),
    "too many words": ("FROM a:1 AS b c", None),
    "own name": ("FROM debian AS debian\nFROM debian", "debian"),
    "name of an earlier stage": ("FROM a AS b\nFROM b AS a\nFROM a", "a"),
    "later stage": ("FROM b\nFROM a AS b", "a"),
    "same name twice": ("FROM a AS x\nFROM b AS x\nFROM x", "b"),
    "comment": ("# FROM b\nFROM a\n  # FROM c\n", "a"),
    "continued": ("FR\\\nOM \\  \n# a comment\n\n a:\\\n1", "a:1"),
    "continued by a comment alone": ("FROM a\n# x \\\nFROM b", "b"),
    "continued text": ("FROM a\nRUN x \\\n  FROM b\\\n\nFROM c", "a"),
    "escaped escape": ("FROM a\nRUN x \\\\\nFROM b", "b"),
    "escape": ("# escape=`\nFROM a`\n:1\nRUN c:\\\nFROM b", "b"),
    "escape after a comment": ("#\n# escape=`\nFROM a\nRUN x `\nFROM b", "b"),
    "escape that is none": ("# escape=x\nFROM a", None),
    "syntax": ("# syntax=docker/dockerfile:1.7\nFROM a", "a"),
    "syntax from a mirror": ("#Syntax = m.example:5000/docker/dockerfile:1 x\nFROM a", "a"),
    "other syntax": ("# syntax=example/frontend\nFROM a", None),
    "syntax that is a comment": ("# x\n# syntax=example/frontend\nFROM a", "a"),
    "heredoc": ("FROM a\nRUN <<EOF\nFROM b\nEOF\n", "a"),
    "heredoc with a number": ("FROM a\nRUN 3<<EOF cat\nFROM b\nEOF\nFROM c", "c"),
    "heredoc in quotes": ("FROM a\nRUN <<'E F' cat\nFROM b\nE F\nFROM c", "c"),
    "heredoc in capitals": ("FROM a\nrun <<EOF\neof\nFROM b\nEOF", "a"),
    "heredoc with tabs": ("FROM a\nRUN <<-EOF\n\tFROM b\n\tEOF\nFROM c", "c"),
    "heredoc, tabs kept": ("FROM a\nRUN <<EOF\n\tEOF\nFROM b\nEOF", "a"),
    "heredocs": ('FROM a\nCOPY <<A <<"B" /x/\nFROM b\nB\nA\nFROM c\nB\nFROM d', "d"),
    "heredoc of a trigger": ("FROM a\nONBUILD RUN <<EOF\nFROM b\nEOF", "a"),
    "heredoc that does not end": ("FROM a\nRUN <<EOF\nFROM b", "a"),
    "here-string": ("FROM a\nRUN cat <<<x\nFROM b", "b"),
    "shift": ("FROM a\nRUN echo $((1<<2))\nFROM b", "b"),
    "heredoc of the shell": ("FROM a\nRUN cat<<EOF\nFROM b", "b"),
    "text in quotes": ("FROM a\nRUN echo '<<EOF' \" <<EOF\"\nFROM b", "b"),
    "list of words": ('FROM a\nRUN ["cat", "<<EOF"]\nFROM b', "b"),
    "dash alone": ("FROM a\nRUN cat <<-\nFROM b", "b"),
    "heredoc of a label": ("FROM a\nLABEL x=1 <<EOF\nFROM b", "b"),
}


@pytest.mark.parametrize("name", READ)
def test_one(name: str) -> None:
    """One point of the format each, as BuildKit reads it."""
    text, base = READ[name]
    assert find_base(text, None, {}) == base


def test_frontend_by_argument() -> None:
    """A build argument may name the frontend, too, and does so before the Dockerfile."""
    text = "# syntax=docker/dockerfile:1\nFROM a"
    assert find_base(text, None, {"BUILDKIT_SYNTAX": "example/frontend"}) is None
    assert find_base(text, None, {"BUILDKIT_SYNTAX": "docker/dockerfile:1-labs"}) == "a"


def test_platform_by_argument() -> None:
    """A variable of the builder that the build sets itself is known."""
    assert find_base("FROM a:$TARGETARCH", None, {"TARGETARCH": "x"}) == "a:x"


@dataclass(frozen=True)
class Stage:
    """A stage as a test makes it, and what it must turn out to stand on."""

    text: str
    base: str


NOISE = st.sampled_from(
    [
        "RUN echo FROM no:1",
        "RUN <<EOF\nFROM no:2 AS s0\nEOF",
        "# FROM no:3",
        "RUN echo \\\n  FROM no:4 \\\n # FROM no:5\n\n  FROM no:6",
        "",
        "ARG A=no",
        'COPY <<-"E" /x\nFROM no:7\n\tE',
        "LABEL x='FROM no:8'",
    ]
)
FORMS = st.sampled_from(["FROM {}", "from  {}", "FROM --platform=linux/amd64 {}", "FROM \\\n# x\n  {}"])
WRITTEN = st.sampled_from(["{}", "${{UNSET:-{}}}", "${{SET:+{}}}", '"{}"', "${{UNSET}}{}"])


@st.composite
def dockerfiles(draw: st.DrawFn) -> Sequence[Stage]:
    """Draw a Dockerfile of up to five stages, each on an image or on an earlier stage."""
    stages = list[Stage]()
    for number in range(draw(st.integers(1, 5))):
        on = draw(st.integers(-2, number - 1))
        image = "scratch" if on == -2 else f"image:{number}"
        written = draw(WRITTEN).format(image if on < 0 else draw(st.sampled_from(["s{}", "S{}"])).format(on))
        line = draw(FORMS).format(written) + f" AS s{number}"
        text = "\n".join([line, *draw(st.lists(NOISE, max_size=3))])
        stages.append(Stage(text, image if on < 0 else stages[on].base))
    return stages


@given(dockerfiles(), st.lists(NOISE.filter(lambda text: text.startswith("#") or not text), max_size=2))
def test_stages_in_any_order(stages: Sequence[Stage], above: Sequence[str]) -> None:
    """However a FROM is written and whatever stands between, each stage stands on what it was made to stand on."""
    text = "\n".join([*above, "ARG SET=1", *(stage.text for stage in stages)])
    assert [find_base(text, f"s{number}", {}) for number in range(len(stages))] == [stage.base for stage in stages]
    assert find_base(text, None, {}) == stages[-1].base


@given(dockerfiles())
def test_images_are_listed_and_replaced(stages: Sequence[Stage]) -> None:
    """Each image in a FROM is listed once; with others in their place all stages stand on these, and no line moves."""
    text = "\n".join(["ARG SET=1", *(stage.text for stage in stages)])
    images = [stage.base for stage in stages if stage.base != SCRATCH]
    assert set(list_images(text, {})) == set(images)
    assert len(list_images(text, {})) == len(set(images))
    others = {image: f"other/{image}" for image in images}
    changed = replace_images(text, {}, others)
    for number, stage in enumerate(stages):
        assert find_base(changed, f"s{number}", {}) == others.get(stage.base, SCRATCH)
    assert changed.count("\n") == text.count("\n")
    assert not any("no:" in old for old, new in zip(text.split("\n"), changed.split("\n"), strict=True) if old != new)
    assert replace_images(text, {}, {}) == text


def test_replaced_image_keeps_what_stands_around_it() -> None:
    """Flags, the stage's name and the number of each line stay; a FROM over several lines becomes one."""
    text = "ARG V=3.11\nFROM --platform=$BUILDPLATFORM python:${V} AS \\\n  # why\n  build\nFROM build\nFROM scratch\n"
    assert list_images(text, {}) == ("python:3.11",)
    assert list_images(text, {"V": "3.13"}) == ("python:3.13",)
    changed = replace_images(text, {}, {"python:3.11": "x:1"})
    assert changed == "ARG V=3.11\nFROM --platform=$BUILDPLATFORM x:1 AS build\n\n\nFROM build\nFROM scratch\n"
    assert list_images("# syntax=example/other\nFROM a", {}) == ()
    assert replace_images("# syntax=example/other\nFROM a", {}, {"a": "b"}) == "# syntax=example/other\nFROM a"


PIECES = st.sampled_from(
    ["FROM ", "ARG ", "A=", "$A", "${", "}", ":-", "\n", "\\", "\\\n", "`", "<<E", "E\n", "RUN ", '"', "'", " AS ", "#"]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join), st.none() | st.text(max_size=3))
def test_any_text(text: str, target: str | None) -> None:
    """Whatever a file holds, reading it ends without an error; what it finds is one word."""
    found = find_base(text, target, {"A": text})
    assert found is None or not set(found) & set(" \n\t'\"$")


def test_arguments_that_multiply() -> None:
    """A base whose name is made of arguments that hold one another many times over is not known."""
    text = "\n".join(["ARG A=aaaaaaaaaa", *["ARG A=" + "$A" * 10] * 30, "FROM $A", "FROM b"])
    assert find_base(text, "0", {}) is None
    assert find_base(text, None, {}) == "b"


@pytest.mark.parametrize("line", ["# escape=`{}x", "# syntax={}", "#{}", "FROM a{}", "RUN {}\\", "ARG A={}"])
def test_many_blanks(line: str) -> None:
    """Blanks in a line do not cost time with the square of their number."""
    begin = time.process_time()
    find_base(line.format(" " * 200_000) + "\nFROM a\n", None, {})
    assert time.process_time() - begin < 2
