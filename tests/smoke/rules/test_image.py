"""The rules on an image itself: what holds, what does not, and the words that lead to the fix."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_secret_detection import ISSUED
from weighbridge.model.scan import Kind, ScanHit, ScannedImage
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import image_suite
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import config_secrets, image

SETTINGS = check({"variants": {"good": {}}})
GOOD = ScannedImage(
    reference="app:good",
    image_id="sha256:a",
    platform="linux/amd64",
    user="10001:10001",
    group=10001,
    labels={"title": "An application"},
    environment=("PATH=/usr/bin", "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", "TOKEN_FILE=/run/secrets/token"),
    command=("uvicorn", "main:app"),
    health_check=("CMD", "python3", "health.py"),
    ports=("8000/tcp",),
    history=("COPY . . # buildkit", "RUN |1 MODE=fast /bin/sh -c make # buildkit"),
    layer_count=2,
)
RULES = {rule.__name__: rule for rule in image_suite._IMAGE_RULES}


def trace(kind: Kind, path: str = "/app/x", **more: Any) -> ScanHit:
    """Return a hit of a scan."""
    known: dict[str, Any] = {"layer": 1, "instruction": "COPY . .", "live": True, "detail": "a thing"}
    return ScanHit(kind=kind, path=path, **known | more)


def failures(contents: ScannedImage, settings: Settings = SETTINGS) -> dict[str, str]:
    """Return rule -> reason of each rule that fails."""
    found = {}
    for name, rule in RULES.items():
        try:
            assert rule(contents, settings)
        except CheckFailed as failure:
            found[name] = str(failure)
    return found


def only_failure(rule: str, contents: ScannedImage, settings: Settings = SETTINGS) -> str:
    """Return why this rule fails, after checking that all others hold."""
    found = failures(contents, settings)
    assert list(found) == [rule]
    assert "\n" not in found[rule]
    assert "; " in found[rule], "a remedy follows what was seen"
    return found[rule]


def test_good_image() -> None:
    """Every rule of the modules is in the suite, holds, and says what it saw."""
    known = [*vars(image).items(), *vars(config_secrets).items()]
    judges = {name for name, rule in known if inspect.isfunction(rule) and "contents" in rule.__annotations__}
    assert {name for name in judges if not name.startswith("_")} == RULES.keys()
    assert failures(GOOD) == {}


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("", "names no user, so it runs as root; end its Dockerfile with `USER 10001:10001`"),
        ("app", "gives its user by name, app, and not by number"),
        ("0", "runs as root"),
        ("00:7", "runs as root"),
    ],
)
def test_user(user: str, words: str) -> None:
    """A user by name fails the rule, and so does root, however it is written."""
    assert words in only_failure("runs_as_non_root", replace(GOOD, user=user, group=None))


@pytest.mark.parametrize(
    ("entrypoint", "command"),
    [
        ((), ("/bin/sh", "-c", "uvicorn main:app")),
        (("/bin/sh", "-c", "uvicorn main:app"), ("ignored",)),
        (("tini", "--"), ("/bin/bash", "-o", "pipefail", "-c", "uvicorn main:app")),
        (("/bin/bash", "-euo", "pipefail", "-lc"), ("cd /app && uvicorn main:app",)),
        ((), ("sh", "-c", "exec_it && uvicorn")),
        ((), ("sh", "-c", "test -e x && exec true; uvicorn")),
        ((), ("sh", "-c")),
    ],
)
def test_shell_form(entrypoint: tuple[str, ...], command: tuple[str, ...]) -> None:
    """A shell between the engine and the application is found anywhere in the command line."""
    contents = replace(GOOD, entrypoint=entrypoint, command=command)
    assert "a shell runs the command" in only_failure("command_is_exec_form", contents)


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "exec uvicorn main:app"),
        ("/bin/sh", "-c", "cd /app && exec uvicorn main:app"),
        ("sh", "/start.sh", "-c"),
        ("python3", "-c", "print()"),
        ("bash", "-o", "pipefail", "start", "-c"),
    ],
)
def test_exec_form(command: tuple[str, ...]) -> None:
    """The rule holds for a shell that execs the application, for a script, and for another program's -c."""
    assert failures(replace(GOOD, command=command)) == {}


def test_no_command() -> None:
    """For an image without a command, the reason says how to write one."""
    assert "no command" in only_failure("command_is_exec_form", replace(GOOD, command=()))


@pytest.mark.parametrize(("test", "words"), [((), "has no health check"), (("NONE",), "turns its health check off")])
def test_health_check(test: tuple[str, ...], words: str) -> None:
    """The rule fails without a health check, and with one that is turned off."""
    assert words in only_failure("has_health_check", replace(GOOD, health_check=test))


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ((), "exposes no port, but api listens on 8000/tcp; write `EXPOSE 8000`"),
        (("80/tcp",), "exposes 80/tcp, not 8000/tcp"),
        (("8000/udp",), "exposes 8000/udp, not 8000/tcp"),
        (("5555/tcp", "8000/tcp"), "exposes 5555/tcp besides 8000/tcp"),
    ],
)
def test_ports(ports: tuple[str, ...], words: str) -> None:
    """The rule fails if the API's port is not exposed, or another one is."""
    assert words in only_failure("declares_its_port", replace(GOOD, ports=ports))


def test_port_of_the_settings() -> None:
    """The settings say which port must be exposed."""
    settings = check({"variants": {"good": {}}, "roles": {"api": {"port": 9000}}})
    assert failures(replace(GOOD, ports=("9000/tcp",)), settings) == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"environment": ("DB_PASSWORD=hunter2",)},
            "the environment variable DB_PASSWORD holds what is a secret by its",
        ),
        (
            {"environment": ("URL=redis://:hunter2@redis",)},
            "the environment variable URL holds a password inside a URL",
        ),
        ({"environment": (f"X={ISSUED['a GitHub token']}",)}, "the environment variable X holds a GitHub token"),
        ({"labels": {"l": f"x {ISSUED['a Slack token']}"}}, "the label l holds a Slack token"),
        (
            {"history": ("RUN |2 TOKEN=hunter2 A=b /bin/sh -c make",)},
            "the history shows TOKEN, which by its name is a secret",
        ),
        ({"history": ("RUN /bin/sh -c API_KEY=hunter2 make # buildkit",)}, "the history shows API_KEY"),
        ({"history": ("ENV PASSWORD=hunter2",)}, "the history shows PASSWORD"),
        ({"history": ("RUN pip install -i https://me:hunter2@host/",)}, "the history holds a password inside a URL"),
    ],
)
def test_secret_in_config(fields: dict[str, Any], words: str) -> None:
    """The reason says where the secret is and what gives it away, but not its value."""
    text = only_failure("no_secrets_in_config", replace(GOOD, **fields))
    assert text.startswith(words)
    assert "hunter2" not in text
    assert " more" not in text


def test_each_secret_counts_once() -> None:
    """A secret that is in a variable or a label and therefore in the history, too, counts once."""
    contents = replace(
        GOOD,
        environment=("DB_PASSWORD=hunter2", f"X={ISSUED['a GitHub token']}"),
        labels={"l": ISSUED["a Slack token"]},
        history=(
            f"ENV DB_PASSWORD=hunter2 X={ISSUED['a GitHub token']}",
            f"LABEL l={ISSUED['a Slack token']}",
        ),
    )
    text = only_failure("no_secrets_in_config", contents)
    assert text.startswith("the environment variable DB_PASSWORD holds what is a secret by its name, and 2 more; ")


def test_secret_in_a_layer() -> None:
    """The reason says where the secret is, what it is, what added it, and that deleting it does not help."""
    found = trace("secret", "/root/.netrc", live=False, detail="passwords for hosts", instruction="RUN TOKEN=hunter2 x")
    contents = replace(GOOD, traces=(found, trace("secret"), trace("secret", "/app/y")))
    text = only_failure("no_secrets_in_layers", contents)
    assert text.startswith(
        "/root/.netrc is passwords for hosts in layer 1 (`RUN TOKEN=*** x`), "
        "which a pull still brings, although a later layer hides it, and 2 more; keep it out"
    )


@pytest.mark.parametrize(
    ("rule", "found", "words"),
    [
        (
            "no_setuid_files",
            trace("setuid", "/bin/su", detail="setuid, mode 4755"),
            "/bin/su is setuid, mode 4755 (`COPY",
        ),
        (
            "no_compiler",
            trace("compiler", "/usr/bin/cc", instruction=""),
            "/usr/bin/cc is there; build in a separate stage",
        ),
        ("no_package_cache", trace("package-cache"), "/app/x is part of a package manager's cache"),
        (
            "no_vcs_folder",
            trace("vcs-folder", "/app/.git/HEAD"),
            "/app/.git was copied into the image (`COPY . .`); put **/.git into",
        ),
        ("no_test_suite", trace("test-suite"), "/app/x is a test"),
        ("no_env_file", trace("env-file", "/app/.env"), "/app/.env holds the settings of one machine"),
        (
            "code_is_for_this_platform",
            trace("foreign-code", "/app/x.so", detail="built for arm64"),
            "/app/x.so is built for arm64, but the image is for linux/amd64",
        ),
        (
            "code_is_not_writable",
            trace("writable", uid=10001, gid=0, mode=0o644),
            "/app/x is writable by the image's user 10001:10001: owner 10001:0, mode 644",
        ),
    ],
)
def test_traces(rule: str, found: ScanHit, words: str) -> None:
    """Each kind of hit fails one rule, which names the first and counts the others; hidden hits fail none."""
    name = rule.replace("_", "-")
    assert words in only_failure(rule, replace(GOOD, traces=(found,))), name
    others = tuple(replace(found, path=f"/{number}{found.path}") for number in range(3))
    assert "and 2 more" in only_failure(rule, replace(GOOD, traces=others))
    if rule != "no_vcs_folder":
        assert "and at least 2 more" in only_failure(rule, replace(GOOD, traces=others, cut=frozenset({found.kind})))
    assert failures(replace(GOOD, traces=(replace(found, live=False),))) == {}


BASE = {"base": "python:3.13-slim", "base_layers": 1}
BROUGHT: dict[str, tuple[ScanHit, str]] = {
    "no_secrets_in_layers": (trace("secret", "/root/.netrc"), "choose another base: whoever pulls this image gets"),
    "no_setuid_files": (trace("setuid", "/bin/su"), "remove the bits in the final stage, with RUN find / -xdev"),
    "no_compiler": (trace("compiler", "/usr/bin/cc"), "let the final stage stand on a base without it, such as a slim"),
    "no_package_cache": (trace("package-cache"), "delete it in the final stage, or choose another base"),
    "no_vcs_folder": (trace("vcs-folder", "/src/.git/HEAD"), "delete it in the final stage, or choose another base"),
    "no_test_suite": (trace("test-suite"), "delete it in the final stage, or choose another base"),
    "no_env_file": (trace("env-file", "/app/.env"), "delete it in the final stage, or choose another base"),
    "no_tool_files": (trace("tool-file", "/weighbridge.yaml", detail=""), "delete it in the final stage, or choose"),
    "code_is_for_this_platform": (trace("foreign-code", "/x.so"), "choose a base for the image's platform"),
    "code_is_not_writable": (trace("writable", uid=10001, mode=0o644), "let root own it in the final stage, with RUN"),
}
"""Rule -> a hit that breaks it, and what to do if the hit lies in the base."""


def layer_failure(rule: str, *found: ScanHit, **more: Any) -> CheckFailed:
    """Return why a rule fails for an image with these hits, and more of the image."""
    with pytest.raises(CheckFailed) as failure:
        RULES[rule](replace(GOOD, traces=found, **more), SETTINGS)
    return failure.value


@pytest.mark.parametrize("rule", BROUGHT)
def test_what_the_base_brings(rule: str) -> None:
    """If all hits lie in the base's layers, the reason names the base, counts them, and says what to do about it."""
    found, remedy = replace(BROUGHT[rule][0], layer=0, instruction="RUN of somebody else"), BROUGHT[rule][1]
    others = [replace(found, path=f"/{number}{found.path}") for number in range(2)]
    failure = layer_failure(rule, found, *others, **BASE)
    assert failure.from_base
    assert str(failure).startswith("the base image python:3.13-slim brings it: /")
    assert f", and 2 more; {remedy}" in str(failure)
    assert "somebody else" not in str(failure)


@pytest.mark.parametrize("rule", BROUGHT)
def test_own_hits_come_before_those_of_the_base(rule: str) -> None:
    """Hits in the team's own layers come first, with their remedy, and those of the base are counted apart."""
    own = BROUGHT[rule][0]
    base = [replace(own, path=f"/base/{number}{own.path}", layer=0, instruction="") for number in range(3)]
    failure = layer_failure(rule, *base, own, replace(own, path=f"/2{own.path}"), **BASE)
    alone = layer_failure(rule, own, replace(own, path=f"/2{own.path}"))
    assert not failure.from_base
    assert str(failure) == str(alone).replace(
        ", and 1 more", ", and 1 more, and 3 more in the base image python:3.13-slim"
    )


@pytest.mark.parametrize("rule", BROUGHT)
def test_no_base_is_known(rule: str) -> None:
    """Where no base is known, or the image stands on none, every hit is the team's own."""
    failure = layer_failure(rule, replace(BROUGHT[rule][0], layer=0))
    assert not failure.from_base
    assert "base" not in str(failure)


def test_repositories_of_base_and_team() -> None:
    """The remedy names the folder that is the team's own."""
    base, own = (trace("vcs-folder", f"/src/{name}/x", layer=layer) for layer, name in enumerate((".hg", ".git")))
    assert str(layer_failure("no_vcs_folder", base, own, **BASE)).endswith("; put **/.git into .dockerignore")


def test_one_repository_is_one() -> None:
    """A folder is named once, however many of its files are in the image."""
    found = tuple(trace("vcs-folder", f"/app/.git/{name}") for name in ("HEAD", "objects/a", "x/.git/y"))
    assert " more" not in only_failure("no_vcs_folder", replace(GOOD, traces=found))


METADATA = "lib/python3.13/site-packages/weighbridge-0.2.0.dist-info/METADATA"


@pytest.mark.parametrize(
    ("path", "detail", "words"),
    [
        (
            "/app/weighbridge.yaml",
            "",
            "/app/weighbridge.yaml holds the settings of Weighbridge (`COPY . .`); put **/weigh",
        ),
        (
            "/app/reports/20261124T134410Z-0a1d.json",
            "",
            "/app/reports holds records of Weighbridge (`COPY . .`); put **/rep",
        ),
        (
            "/app/.venv/bin/activate",
            "/home/me/.venv",
            "/app/.venv is a virtual environment that was made at /home/me",
        ),
        (f"/app/.venv/{METADATA}", "", "/app/.venv contains Weighbridge, and the image does not use that environment"),
    ],
)
def test_files_of_tools(path: str, detail: str, words: str) -> None:
    """Each is named with the line for .dockerignore, which names the folder where all of it is in one."""
    reason = only_failure("no_tool_files", replace(GOOD, traces=(trace("tool-file", path, detail=detail),)))
    assert reason.startswith(words)
    assert reason.endswith(" into .dockerignore")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (f"/venv/{METADATA}", {"environment": ("PATH=/venv/bin:/usr/bin",)}),
        (f"/opt/v/{METADATA}", {"command": ("/opt/v/bin/python", "-m", "app")}),
        (f"/opt/v/{METADATA}", {"entrypoint": ("/opt/v/bin/tini",)}),
        (f"/usr/local/{METADATA}", {}),
        ("/venv/bin/activate", {"environment": ("PATH=/venv/bin:/usr/bin",)}),
    ],
)
def test_environment_that_the_image_uses(path: str, more: dict[str, Any]) -> None:
    """Who installs Weighbridge where the application runs from has it on purpose."""
    found = trace("tool-file", path, detail="/made" if path.endswith("activate") else "")
    assert failures(replace(GOOD, traces=(found,), **more)) == {}


@pytest.mark.parametrize(
    ("user", "group", "owner", "mode", "writes"),
    [
        ("10001:10001", 10001, (10001, 0), 0o600, True),
        ("10001:10001", 10001, (10001, 10001), 0o466, False),
        ("10001:10001", 10001, (0, 10001), 0o664, True),
        ("10001:10001", 10001, (0, 10001), 0o646, False),
        ("10001:10001", 10001, (0, 0), 0o664, False),
        ("10001:0", 0, (0, 0), 0o664, True),
        ("10001", 0, (0, 0), 0o664, True),
        ("10001", None, (0, 10001), 0o664, True),
        ("10001:10001", 10001, (0, 0), 0o646, True),
        ("10001:10001", 10001, (7, 7), 0o664, False),
    ],
)
def test_who_may_write(user: str, group: int | None, owner: tuple[int, int], mode: int, writes: bool) -> None:  # noqa: FBT001 - the expected value
    """Who may write is decided as by the kernel: by the owner's bits, else the group's, else those of all others."""
    found = trace("writable", uid=owner[0], gid=owner[1], mode=mode)
    contents = replace(GOOD, user=user, group=group, traces=(found,))
    assert ("code_is_not_writable" in failures(contents)) is writes


@pytest.mark.parametrize("user", ["", "app", "0:0"])
def test_writable_by_the_user_that_should_be(user: str) -> None:
    """If the image names no user by number, or root, the user of the settings counts."""
    found = trace("writable", uid=10001, gid=10001, mode=0o644)
    contents = replace(GOOD, user=user, group=0, traces=(found,))
    assert set(failures(contents)) == {"runs_as_non_root", "code_is_not_writable"}
    assert set(failures(replace(contents, traces=(replace(found, uid=7, gid=7),)))) == {"runs_as_non_root"}


@given(
    st.lists(st.text()).map(tuple),
    st.lists(st.text()).map(tuple),
    st.dictionaries(st.text(), st.text()),
    st.lists(st.text()).map(tuple),
)
def test_anything(
    words: tuple[str, ...], environment: tuple[str, ...], labels: dict[str, str], steps: tuple[str, ...]
) -> None:
    """Whatever a config says, a rule holds, or fails with a reason on one line."""
    found = trace("secret", path=f"/{''.join(words)}", instruction="".join(steps))
    contents = replace(
        GOOD, command=words, user="".join(words), environment=environment, labels=labels, history=steps, traces=(found,)
    )
    for text in failures(contents).values():
        assert text.isprintable()
