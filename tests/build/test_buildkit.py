"""What BuildKit's clients print becomes steps, and a failure becomes one line.

The transcripts are those of real clients: Docker 20.10 with BuildKit built in, buildx 0.13 and buildx 0.29.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build import built_images
from weighbridge.build.buildkit import OUTPUT_LINES, Build, Progress, build, find_certificates
from weighbridge.build.built_images import BuiltImage
from weighbridge.build.plan import plan_builds
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import BuildFailed
from weighbridge.model.build import Step
from weighbridge.model.engine import LocalImage
from weighbridge.settings.project import check

WANTED = Build(variant="multi", reference="backend:multi", context=Path(), dockerfile=Path("Dockerfile"))

PREAMBLE = {
    "20.10": """\
#1 [internal] load build definition from Dockerfile
#1 sha256:544254edadc85e5b627c19e9dcba91658a6b0e78c84773541c2bbffe5d8e7592
#1 transferring dockerfile: 373B done
#1 DONE 0.0s

#2 [internal] load .dockerignore
#2 sha256:c49acd4e55ee0145eb50b32c4adf9f77c838046af3ceac6659f44c3e83d110b3
#2 transferring context: 2B done
#2 DONE 0.0s
""",
    "buildx": """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 373B done
#1 DONE 0.0s

#2 [internal] load .dockerignore
#2 transferring context: 2B done
#2 DONE 0.0s
""",
}

SUCCEEDED = {
    "20.10": """
#4 [builder 1/3] FROM docker.io/library/python:3.13
#4 sha256:5468cfe898034c98bd389ee2cfefc7e8868f2b803079801e3782eaf67283a156
#4 DONE 0.0s

#5 [builder 2/3] RUN echo one
#5 sha256:ee1b52cb7d50ab6bf32e49f3af1e262f85fedf98c7eb8ae3216610f2b4158fe0
#5 0.521 one
#5 0.521 #9 DONE 0.1s
#5 0.521 #7 [x 1/2] RUN y
#5 0.525 ERROR: none of ours

#8 [other 2/2] RUN sleep 1
#8 sha256:92d8b9785ea54c6a9ecf89088d0701eabb7bd98d137388ffde55cd1c503b4e6c
#8 0.516 three
#8 ...

#5 [builder 2/3] RUN echo one
#5 0.900 two
#5 DONE 1.9s

#8 [other 2/2] RUN sleep 1
#8 DONE 2.5s

#6 [builder 3/3] COPY a b
#6 sha256:e4d6429819f0d664cff23da7970dab6185f7b9124b28150c43a768c15c950bd9
#6 CACHED

#10 exporting to image
#10 exporting layers 0.0s done
#10 writing image sha256:a6394fc448d74585f73dd6a6784b07a78fb36e0c6848d0ee5330e1427b67ae3d done
#10 DONE 0.0s
""",
    "buildx": """
#3 [auth] library/python:pull token for registry.example
#3 DONE 0.0s

#4 [builder 1/3] FROM docker.io/library/python:3.13@sha256:f00e5cdfa29e
#4 resolve docker.io/library/python:3.13@sha256:f00e5cdfa29e 0.0s done
#4 sha256:b53224e8af06 29.15MB / 29.15MB 1.2s done
#4 extracting sha256:b53224e8af06 0.7s done
#4 DONE 2.0s

#5 [builder 2/3] RUN echo one
#5 0.521 one
#5 0.521 #9 DONE 0.1s
#5 0.521 #7 [x 1/2] RUN y
#5 0.525 ERROR: none of ours
#5 ...

#8 [other 2/2] RUN sleep 1
#8 0.516 three
#8 DONE 2.5s

#5 [builder 2/3] RUN echo one
#5 0.900 two
#5 DONE 1.9s

#6 [builder 3/3] COPY a b
#6 CACHED

#10 exporting to image
#10 exporting layers done
#10 writing image sha256:a6394fc448d74585f73dd6a6784b07a78fb36e0c6848d0ee5330e1427b67ae3d done
#10 naming to docker.io/library/backend:multi done
#10 DONE 0.0s

 2 warnings found (use docker --debug to expand):
 - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)
 - LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format (line 3)
""",
}


def read(*texts: str) -> tuple[Progress, list[Step]]:
    """Feed transcripts, and return the reader with all that it told."""
    told: list[Step] = []
    progress = Progress(told.append)
    for line in "".join(texts).splitlines():
        progress.feed(line)
    return progress, told


def failure(*texts: str) -> BuildFailed:
    """Return the error that transcripts end in."""
    return read(*texts)[0].describe_failure(WANTED)


@pytest.mark.parametrize("client", ["20.10", "buildx"])
def test_steps(client: str) -> None:
    """Steps come with state, seconds and output; BuildKit's own, FROM and registries' tokens are no steps of ours.

    Output that looks like progress stays output, and steps that take turns stay apart.
    """
    progress, _ = read(PREAMBLE[client], SUCCEEDED[client])
    output = ("one", "#9 DONE 0.1s", "#7 [x 1/2] RUN y", "ERROR: none of ours", "two")
    assert progress.instructions == (
        Step(name="[builder 2/3] RUN echo one", state="done", seconds=1.9, output=output),
        Step(name="[other 2/2] RUN sleep 1", state="done", seconds=2.5, output=("three",)),
        Step(name="[builder 3/3] COPY a b", state="cached"),
    )


@pytest.mark.parametrize("client", ["20.10", "buildx"])
def test_steps_are_told_once_per_state(client: str) -> None:
    """Each step is reported when it starts and when it ends, in the order of events."""
    _, told = read(PREAMBLE[client], SUCCEEDED[client])
    assert [(step.name.split("]")[0][1:], step.state) for step in told if step.name.startswith("[builder 2")] == [
        ("builder 2/3", "running"),
        ("builder 2/3", "done"),
    ]
    assert [step.state for step in told].count("running") == 3
    assert len(told) == 6


NAME = "[stage-2 3/3] RUN seq 1 30; exit 17"
REPLAY = "------\n > [stage-2 3/3] RUN seq 1 30; exit 17:\n"
OUTPUT = "".join(f"#7 0.26{number % 10} {number}\n" for number in range(1, 31))
PROCESS = 'process "/bin/sh -c seq 1 30; exit 17" did not complete successfully: exit code: 17'
CANCELLED = "\n#5 [slow 2/2] RUN sleep 40\n#5 0.066 slow 0\n#5 CANCELED\n"
FAILED = {
    "20.10": f"""{CANCELLED}
#7 {NAME}
#7 sha256:d3e71b9e752187e58e63dcb3bb7554bea0e3a210ffa2062c1e3b158bbc8b3ade
{OUTPUT}#7 ERROR: executor failed running [/bin/sh -c seq 1 30; exit 17]: exit code: 17
{REPLAY}------
executor failed running [/bin/sh -c seq 1 30; exit 17]: exit code: 17
""",
    "buildx 0.13": f"""{CANCELLED}
#7 {NAME}
{OUTPUT}#7 ERROR: {PROCESS}
{REPLAY}0.265 29
0.265 30
------
Dockerfile:7
--------------------
   6 |     COPY --from=slow /etc/hostname /x
   7 | >>> RUN seq 1 30; exit 17
--------------------
ERROR: failed to solve: {PROCESS}
""",
    "buildx 0.29": f"""{CANCELLED}
#7 {NAME}
{OUTPUT}#7 ERROR: {PROCESS}
{REPLAY}0.265 29
0.265 30
------
Dockerfile:7
--------------------
   7 | >>> RUN seq 1 30; exit 17
--------------------
ERROR: failed to build: failed to solve: {PROCESS}
""",
}


@pytest.mark.parametrize("client", FAILED)
def test_step_that_fails(client: str) -> None:
    """The failing step, not the cancelled one, is named with its exit code; its last lines are the detail."""
    text = PREAMBLE["20.10" if client == "20.10" else "buildx"] + FAILED[client]
    error = failure(text)
    assert error.message == f"multi: step {NAME} failed: exit code 17"
    assert error.detail.splitlines() == [str(number) for number in range(31 - OUTPUT_LINES, 31)]
    assert [step.state for step in read(text)[0].instructions] == ["cancelled", "failed"]


def test_exit_code_is_the_last_word() -> None:
    """A command that speaks of exit codes does not mislead."""
    fault = 'process "/bin/sh -c echo exit code: 9; exit 3" did not complete successfully: exit code: 3'
    assert failure(f"#7 [a 1/1] RUN x\n#7 ERROR: {fault}\n").message.endswith("failed: exit code 3")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (
            '#4 ERROR: "/x" not found: not found\nfailed to compute cache key: "/x" not found\n',
            '"/x" not found: not found',
        ),
        (
            '#4 ERROR: failed to calculate checksum of ref 06::m3: "/x": not found\nERROR: failed to solve: it\n',
            'failed to calculate checksum of ref 06::m3: "/x": not found',
        ),
    ],
)
def test_copy_that_fails(end: str, reason: str) -> None:
    """If a failed step has no exit code, the message has its reason."""
    assert failure("#4 [1/1] COPY x /\n", end).message == f"multi: step [1/1] COPY x / failed: {reason}"


OF_THE_FRONTEND = "failed to solve with frontend dockerfile.v0: failed to create LLB definition"
OF_RPC = "ERROR: failed to solve: rpc error: code = Unknown desc"
EXCERPT = "Dockerfile:3\n--------------------\n   3 | >>> RNU echo hi\n--------------------\n"
NO_METADATA = """\
#3 [internal] load metadata for docker.io/nosuch/image:1
#3 ERROR: no such host
------
 > [internal] load metadata for docker.io/nosuch/image:1:
------
"""


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (
            f"{OF_THE_FRONTEND}: dockerfile parse error line 3: unknown instruction: RNU\n",
            "dockerfile parse error line 3: unknown instruction: RNU",
        ),
        (
            f"{OF_RPC} = {OF_THE_FRONTEND}: dockerfile parse error line 3: unknown instruction: RNU\n",
            "dockerfile parse error line 3: unknown instruction: RNU",
        ),
        (
            f"{EXCERPT}ERROR: failed to solve: dockerfile parse error on line 3: RNU (did you mean RUN?)\n",
            "dockerfile parse error on line 3: RNU (did you mean RUN?)",
        ),
        (
            f"{EXCERPT}ERROR: failed to build: failed to solve: dockerfile parse error on line 3: it\n\nView: x\n",
            "dockerfile parse error on line 3: it",
        ),
        ('ERROR: failed to solve: target stage "nope" could not be found\n', 'target stage "nope" could not be found'),
        ("ERROR: Cannot connect to the Docker daemon\n", "Cannot connect to the Docker daemon"),
        ("unknown flag: --load\n", "unknown flag: --load"),
    ],
)
def test_dockerfile_that_cannot_be_built(end: str, reason: str) -> None:
    """Where no step failed, the client's own reason stands in one line, freed from what its layers put before it."""
    error = failure(PREAMBLE["buildx"], end)
    assert str(error) == f"multi cannot be built: {reason}. Correct Dockerfile and run `invoke build` again."


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        (
            "failed to resolve source metadata: no such host",
            "Correct docker.io/nosuch/image:1 in Dockerfile, solve that",
        ),
        ("x509: certificate signed by unknown authority", "The engine does not trust that server's certificate"),
    ],
)
def test_base_that_cannot_be_had(reason: str, advice: str) -> None:
    """Where an image of a FROM is the reason, the advice is about this image, or about the registry's certificate."""
    error = failure(PREAMBLE["buildx"], f"{NO_METADATA}ERROR: failed to solve: nosuch/image:1: {reason}\n")
    assert error.message == f"multi cannot be built: nosuch/image:1: {reason}"
    assert error.advice.startswith(advice)


def test_silent_client() -> None:
    """If the client fails without output, the message says that it gave no reason."""
    assert failure("").message == "multi cannot be built: the client gave no reason"


lines = st.one_of(
    st.text(),
    st.builds(
        "#{} {}".format,
        st.integers(0, 3),
        st.sampled_from(
            ["CACHED", "CANCELED", "DONE 1.2s", "DONE s", "ERROR: ", "ERROR: x", "[a 1/2] RUN x", "...", "1.0 x"]
        )
        | st.text(),
    ),
)


@given(st.lists(lines))
def test_any_text_is_read(text: list[str]) -> None:
    """Whatever a client prints, reading it and telling its failure never breaks, and the message is one line."""
    told: list[Step] = []
    progress = Progress(told.append)
    for line in text:
        progress.feed(line)
    assert len(progress.instructions) <= len(text)
    assert {step.state for step in told} <= {"running", "done", "cached", "cancelled", "failed"}
    assert progress.describe_failure(WANTED).exit_code == 5


def test_other_images_are_built_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets a copy of the Dockerfile with their names, and its rules; the Dockerfile itself stays."""
    monkeypatch.setattr("weighbridge.build.built_images.record", lambda *_: None)
    wanted = replace(WANTED, context=tmp_path, dockerfile=tmp_path / "Own.Dockerfile", others={"a:1": "b:2"})
    wanted.dockerfile.write_text("FROM a:1 AS x\nRUN true\n")
    (tmp_path / "Own.Dockerfile.dockerignore").write_text("*\n")
    find_file = 'while [ "$1" != --file ]; do shift; done'
    script = f'{find_file}; (cat "$2" "$2.dockerignore"; echo "$2") > {tmp_path}/seen'
    build(client(tmp_path, script), cast("Engine", Shelf()), wanted)
    *seen, path = (tmp_path / "seen").read_text().splitlines()
    assert seen == ["FROM b:2 AS x", "RUN true", "*"]
    assert wanted.dockerfile.read_text() == "FROM a:1 AS x\nRUN true\n"
    assert not Path(path).exists()


def client(folder: Path, script: str) -> BuildClient:
    """Return a client that runs a script; `$@` are the words of the build."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return BuildClient(path=path, version="28.0.0", buildx="0.13.1")


IMAGE_ID = f"sha256:{'a' * 64}"


class Shelf:
    """An engine that has one image under every name."""

    host = key = "unix:///e"

    def inspect_image(self, reference: str) -> LocalImage:
        """Return that image."""
        return LocalImage(reference=reference, id=IMAGE_ID, platform="linux/amd64", diff_ids=(), labels={}, user="")


SHELF = cast("Engine", Shelf())


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide what a build takes from the user's environment."""
    proxies = (name for name in os.environ if name.lower().endswith("_proxy"))
    bundles = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", *bundles, *proxies):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_build(tmp_path: Path) -> None:
    """A build returns the image's id, its steps and its seconds, tells steps as they happen, and records the image."""
    script = "echo '#1 [a 1/1] RUN x'; echo '#1 DONE 0.5s' >&2"
    told: list[Step] = []
    built = build(client(tmp_path, script), SHELF, WANTED, told.append)
    assert (built.variant, built.image_id) == ("multi", IMAGE_ID)
    assert built_images.read(SHELF.key) == (BuiltImage("backend:multi", IMAGE_ID),)
    assert built.steps == (Step(name="[a 1/1] RUN x", state="done", seconds=0.5),)
    assert (built.count("done"), built.count("cached")) == (1, 0)
    assert [step.state for step in told] == ["running", "done"]
    assert built.seconds > 0


def test_build_that_fails(tmp_path: Path) -> None:
    """The client's exit code decides; what it printed is the reason, also where it is no UTF-8."""
    with pytest.raises(BuildFailed, match=r"^multi cannot be built: caf\ufffd is closed"):
        build(client(tmp_path, "printf 'ERROR: caf\\351 is closed\\n'; exit 1"), SHELF, WANTED)


def test_client_ends_with_us(tmp_path: Path) -> None:
    """Whatever interrupts us, the client does not go on building."""

    def interrupt(_: Step) -> None:
        raise KeyboardInterrupt

    script = f"echo $$ > {tmp_path}/pid; echo '#1 [a 1/1] RUN x'; exec sleep 60"
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        build(client(tmp_path, script), SHELF, WANTED, interrupt)
    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_words_of_a_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The client gets every part of the plan as a word of its own; a proxy by name alone, certificates as a secret."""
    bundle = tmp_path / "a bundle.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy")
    variants = {"multi": {"target": "t", "context": "sub", "arguments": {"A": "own"}}, "other": {}}
    settings = check({"variants": variants})
    (wanted,) = plan_builds(settings, Path("/p"), ["multi"], {"A": "common", "B": "b b"}, no_cache=True)
    record = tmp_path / "words"
    build(client(tmp_path, f'printf "%s\\n" "$@" > {record}'), SHELF, wanted)
    words = record.read_text().splitlines()
    assert words[:3] == ["buildx", "build", "--load"]
    assert words[-1] == "/p/sub"
    pairs = list(pairwise(words))
    for pair in (
        ("--progress", "plain"),
        ("--tag", "backend:multi"),
        ("--label", "weighbridge=image"),
        ("--label", "weighbridge.repository=backend"),
        ("--file", "/p/Dockerfile"),
        ("--target", "t"),
        ("--secret", f"id=ca,src={bundle}"),
        ("--build-arg", "A=own"),
        ("--build-arg", "B=b b"),
        ("--build-arg", "HTTPS_PROXY"),
    ):
        assert pair in pairs
    assert "--no-cache" in words
    assert "password" not in record.read_text()


def test_certificates_that_are_named_but_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable that names no file does not stand in the way of the machine's own bundle."""
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "missing"))
    monkeypatch.setattr("weighbridge.settings.certificates._SYSTEM", (tmp_path / "also missing",))
    assert find_certificates() is None
    (tmp_path / "bundle").touch()
    monkeypatch.setattr("weighbridge.settings.certificates._SYSTEM", (tmp_path / "also missing", tmp_path / "bundle"))
    assert find_certificates() == tmp_path / "bundle"


def test_words_of_what_is_built(tmp_path: Path) -> None:
    """Labels follow the arguments that the build really gets, and those of the build itself come last."""
    (tmp_path / "docker").mkdir()
    said = client(tmp_path / "docker", f'printf "%s\\n" "$@" > {tmp_path}/words')
    settings = check({"variants": {"multi": {"target": "multi", "arguments": {"VERSION": "2"}}}})
    (wanted,) = plan_builds(
        settings,
        tmp_path,
        ["multi"],
        {"VERSION": "1", "REVISION": "abc"},
        platforms=("linux/amd64", "linux/arm64"),
    )
    build(said, SHELF, replace(wanted, labels={"own": "x", "empty": ""}))
    words = (tmp_path / "words").read_text().splitlines()
    assert words[words.index("--platform") + 1] == "linux/amd64,linux/arm64"
    assert [word for before, word in pairwise(words) if before == "--label"] == [
        "weighbridge=image",
        "weighbridge.repository=backend",
        "org.opencontainers.image.version=2",
        "org.opencontainers.image.revision=abc",
        "own=x",
        "empty=",
    ]
