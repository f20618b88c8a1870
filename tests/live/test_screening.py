"""Every rule on images, on real images: each broken one is caught by its own rule and by no other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import evidence
from tests.smoke.rules.test_image import RULES, failures
from tests.support.modes import elf
from tests.test_secret_detection import ISSUED, KEY
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.engine.client import DockerEngine
from weighbridge.model.scan import ScannedImage
from weighbridge.sources.scan.image import screen

pytestmark = pytest.mark.engine

_COMMANDS = "chmod chown mkdir rm sh touch"
_BASES = rf"""
ARG PYTHON
FROM ${{PYTHON}} AS files
RUN set -e; mkdir -p /tiny/bin; cd /usr/bin; cp -L {_COMMANDS} /tiny/bin; \
    for file in $(ldd {_COMMANDS} | grep -o '/[^ :]*\.so[^ :]*' | sort -u); do cp -L --parents "$file" /tiny; done

FROM scratch AS tiny
COPY --from=files /tiny /
"""
_BEFORE = "COPY app /app\nCOPY programs /usr/bin/\n"
_AFTER = """
USER 10001:10001
EXPOSE 8000
HEALTHCHECK CMD ["/usr/bin/check"]
CMD ["/usr/bin/serve"]
"""
GOOD = ("good", "good-deleted")


@dataclass(frozen=True, slots=True)
class Broken:
    """An image that breaks one rule: what its stage has beside the good one's, before or after its end."""

    rule: str
    words: str
    """In what the rule says."""
    before: str = ""
    after: str = ""
    base: str = "scratch"


BROKEN = {
    "root": Broken("runs_as_non_root", after="USER 0", words="runs as root"),
    "named-user": Broken("runs_as_non_root", after="USER app", words="gives its user by name, app"),
    "shell-form": Broken("command_is_exec_form", after="CMD /usr/bin/serve --all", words="`/usr/bin/serve --all`"),
    "no-health-check": Broken("has_health_check", after="HEALTHCHECK NONE", words="turns its health check off"),
    "two-ports": Broken("declares_its_port", after="EXPOSE 5555", words="exposes 5555/tcp besides 8000/tcp"),
    "environment": Broken("no_secrets_in_config", after="ENV DB_PASSWORD=hunter2", words="variable DB_PASSWORD"),
    "label": Broken(
        "no_secrets_in_config", after=f"LABEL l={ISSUED['a GitHub token']}", words="label l holds a GitHub"
    ),
    "secret": Broken("no_secrets_in_layers", before="COPY key.pem /app/", words="/app/key.pem is a private key"),
    "chown": Broken("code_is_not_writable", before="COPY --chown=10001:10001 app /srv/app", words="owner 10001:10001"),
    "compiler": Broken("no_compiler", before="COPY programs/serve /usr/bin/gcc", words="/usr/bin/gcc is there"),
    "cache": Broken("no_package_cache", before="COPY app /root/.cache/pip/http", words="/root/.cache/pip/http/lib.so"),
    "repository": Broken("no_vcs_folder", before="COPY app /app/.git", words="/app/.git was copied into the image"),
    "tests": Broken("no_test_suite", before="COPY app/main.py /app/test_main.py", words="/app/test_main.py is a test"),
    "our-settings": Broken(
        "no_tool_files",
        before="COPY example /app/weighbridge.yaml",
        words="/app/weighbridge.yaml holds the settings of Weighbridge",
    ),
    "env-file": Broken("no_env_file", before="COPY settings /app/.env", words="/app/.env holds"),
    "foreign": Broken(
        "code_is_for_this_platform", before="COPY foreign /app/x.so", words="/app/x.so is built for s390x"
    ),
    "deleted-key": Broken(
        "no_secrets_in_layers",
        "/app/key.pem is a private key in layer 3 (`COPY key.pem /app/`), which a pull still brings",
        before="COPY key.pem /app/\nRUN rm /app/key.pem",
        base="tiny",
    ),
    "deleted-env-file": Broken(
        "no_secrets_in_layers",
        "/srv/.env is an environment file with values in layer 3",
        before="COPY settings /srv/.env\nRUN rm -r /srv",
        base="tiny",
    ),
    "build-argument": Broken(
        "no_secrets_in_config", "the history shows API_TOKEN", before="ARG API_TOKEN\nRUN touch /made", base="tiny"
    ),
    "setuid": Broken(
        "no_setuid_files",
        "/usr/bin/serve is setuid, mode 4755, owner 0:0 (`RUN chmod u+s /usr/bin/serve`)",
        before="RUN chmod u+s /usr/bin/serve",
        base="tiny",
    ),
    "chown-later": Broken("code_is_not_writable", "/app is writable by", before="RUN chown -R 10001 /app", base="tiny"),
    "all-may-write": Broken("code_is_not_writable", "/app is writable by", before="RUN chmod 777 /app", base="tiny"),
}
_DELETED = """
COPY foreign /app/x.so
COPY app/main.py /app/tests/test_main.py
COPY programs/serve /usr/bin/gcc
COPY app /app/.git
COPY app /root/.cache/pip/http
COPY --chown=10001:10001 app /srv/app
COPY example /app/.env.example
RUN chmod u+s /usr/bin/serve
RUN rm -r /app/x.so /app/tests /usr/bin/gcc /app/.git /root/.cache /srv/app && chmod u-s /usr/bin/serve
"""
"""All of the above but secrets, each made good by a later layer."""


def _dockerfile() -> str:
    stages = {name: (each.base, each.before, each.after) for name, each in BROKEN.items()}
    stages |= {"good": ("scratch", "", ""), "good-deleted": ("tiny", _DELETED, "")}
    parts = (f"FROM {base} AS {name}\n{_BEFORE}{more}{_AFTER}{end}\n" for name, (base, more, end) in stages.items())
    return "\n".join([_BASES, *parts])


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what all images copy from."""
    folder = tmp_path_factory.mktemp("context")
    files = {
        "app/main.py": b"print('hello')\n",
        "app/lib.so": elf(62),
        "programs/serve": elf(62),
        "programs/check": elf(62),
        "key.pem": KEY.encode(),
        "settings": b"DB_PASSWORD=hunter2\n",
        "foreign": elf(22, 2, 2),
        "example": b"DB_PASSWORD=\n",
        "Dockerfile": _dockerfile().encode(),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755 if "programs" in name else 0o644)
        path.parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def found(
    engine: DockerEngine, python_base: bases.BaseImage, context: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, ScannedImage]]:
    """Return all images as they are screened, together in one stream."""
    arguments = {"PYTHON": python_base.reference, "API_TOKEN": "hunter2"}
    with evidence.built(engine, context, [*BROKEN, *GOOD], arguments) as made:
        screened = screen(engine, made.values(), Cache(tmp_path_factory.mktemp("cache")))
        yield {name: screened[reference] for name, reference in made.items()}


@pytest.mark.parametrize("name", GOOD)
def test_good_image(found: Mapping[str, ScannedImage], name: str) -> None:
    """Every rule holds; also where what was wrong is gone, for it harms nobody."""
    assert failures(found[name]) == {}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_image(found: Mapping[str, ScannedImage], name: str) -> None:
    """Each broken image fails its own rule and no other, and the reason does not contain the secret."""
    caught = failures(found[name])
    assert list(caught) == [BROKEN[name].rule]
    assert BROKEN[name].words in caught[BROKEN[name].rule]
    assert "hunter2" not in caught[BROKEN[name].rule]


def test_folder_of_the_engine_shows_the_same(
    engine: DockerEngine, found: Mapping[str, ScannedImage], tmp_path: Path
) -> None:
    """All that is found in the engine's stream is found in its own folder, too."""
    expected = {each.reference: each for each in found.values()}
    assert screen(engine, expected, Cache(tmp_path), local_store=True) == expected


def test_every_rule_is_broken() -> None:
    """There is an image for each."""
    assert {broken.rule for broken in BROKEN.values()} == set(RULES)


@pytest.mark.parametrize("name", ["backend:multi", "backend:minimal"])
def test_what_ships(engine: DockerEngine, tmp_path: Path, name: str) -> None:
    """The images of this project stand every rule; looking again is a matter of a moment."""
    if not engine.has_image(name):
        pytest.skip(f"no image {name}, which `invoke build` makes")
    contents = screen(engine, [name], Cache(tmp_path))[name]
    assert failures(contents) == {}
    began = time.monotonic()
    assert screen(engine, [name], Cache(tmp_path)) == {name: contents}
    assert time.monotonic() - began < 1
