"""The program `docker-weigh`: Docker's client runs it for `docker weigh IMAGE…`.

The client asks every plugin for its metadata each time it prints its help. So that question is answered before anything
of weight is imported. See docker/cli, cli-plugins/metadata.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

METADATA = "docker-cli-plugin-metadata"
"""What the client's question looks like."""
NAME = "weigh"
_CLIENT_OPTIONS = {
    "--config": "DOCKER_CONFIG",
    "--context": "DOCKER_CONTEXT",
    "-c": "DOCKER_CONTEXT",
    "--host": "DOCKER_HOST",
    "-H": "DOCKER_HOST",
    "--tlscacert": "",
    "--tlscert": "",
    "--tlskey": "",
    "--log-level": "",
    "-l": "",
}
"""Options of the client that take a value -> the variable that says the same; empty if we have no use for it."""
_OUR_OPTIONS = {"--format", "-f", "--baseline", "-b", "--root"}
"""Options of `weighbridge report` that take a value."""
USAGE = """Usage:  docker weigh IMAGE... [OPTIONS]

Weigh images layer by layer, say what their bytes are, and compare them.

Options are those of `weighbridge report`:
  --format FORMAT       terminal, json, markdown, html, svg, badge or cyclonedx; FORMAT:FILE writes to a file
  --baseline BASELINE   what to compare with: a record, or SOURCE:REF such as docker:shop:1.3
  --root FOLDER         the folder of the settings file
"""


def main() -> None:
    """Answer the client's question, or weigh the images that the user names."""
    words = sys.argv[1:]
    if words[:1] == [METADATA]:
        sys.stdout.write(describe())
        return
    rest = take_client_options(words)
    if {"--help", "-h"} & {*rest}:
        sys.stdout.write(USAGE)
        return
    images, options = split(rest)
    if not images:
        sys.stderr.write("error: No image is named. Write `docker weigh IMAGE`.\n")
        sys.exit(2)
    from weighbridge.program import main as run  # noqa: PLC0415 - it takes ten times as long as the answer above

    sys.argv = [
        "weighbridge",
        "report",
        *(word for image in images for word in ("--image", f"docker:{image}")),
        *options,
    ]
    run()


def describe() -> str:
    """Return the plugin's metadata. Clients before 28.4.1 take exactly this schema version."""
    told = {
        "SchemaVersion": "0.1.0",
        "Vendor": "Weighbridge",
        "ShortDescription": "Weigh images layer by layer and say what their bytes are",
    }
    return json.dumps(told) + "\n"


def take_client_options(words: Sequence[str]) -> list[str]:
    """Return what follows the plugin's name; options of the client before it become variables, as its own do."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == NAME:
            return rest
        name, equals, value = word.partition("=")
        if name in _CLIENT_OPTIONS:
            value = value if equals or not rest else rest.pop(0)
            if _CLIENT_OPTIONS[name]:
                os.environ[_CLIENT_OPTIONS[name]] = value
            if _CLIENT_OPTIONS[name] == "DOCKER_CONTEXT":
                os.environ.pop("DOCKER_HOST", None)  # the client's option comes before that variable
    return [*words]  # it was not called by Docker's client


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the images among the words, and our options with their values."""
    images, options, rest = list[str](), list[str](), list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            images.append(word)
            continue
        options.append(word)
        if word in _OUR_OPTIONS and rest:
            options.append(rest.pop(0))
    return images, options
