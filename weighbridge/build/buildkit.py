"""Builds variants with BuildKit, one at a time, and reports, times and counts their steps.

It reads the client's plain progress, which every client from 20.10 on prints: `#7 [builder 3/6] RUN …`, `#7 CACHED`,
`#7 DONE 4.2s`, `#7 ERROR: …`, and `#7 1.234 …` for a line of the step's own output.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from weighbridge.build import built_images, context, dockerfile, labels, lifeline, standins, untrusted
from weighbridge.build.built_images import BuiltImage
from weighbridge.build.steps import build_title
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import LABEL, Engine
from weighbridge.errors import BuildFailed
from weighbridge.model.build import Built, Step, StepState
from weighbridge.settings import certificates as trusted

OUTPUT_LINES = 20
"""How many of the last lines of a failed step the error shows."""

_BUNDLE_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_LINE = re.compile(r"#(\d+) (.*)")
_OUTCOME = re.compile(r"(CACHED|CANCELED|DONE (\d+\.\d+)s|ERROR: (.*))$")
_CLOCK = re.compile(r"^\d+\.\d+ ")
_METADATA = "[internal] load metadata for "
"""What the name of the step begins with that looks for an image of a FROM."""
# The clients' last line, with or without "ERROR: ": "failed to solve with frontend dockerfile.v0: failed to create LLB
# definition: dockerfile parse error line 2: unknown instruction: RUNN".
_REASON = re.compile(
    r"^(?:error: |rpc error: code = \w+ desc = |failed to (?:build|solve|create LLB definition)[^:]*: )+(.*)",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What to build."""

    variant: str
    reference: str
    context: Path
    dockerfile: Path
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels besides those that mark the image as ours, and those made from the arguments."""
    platforms: tuple[str, ...] = ()
    """`os/architecture[/variant]` each; empty: the engine's own. See `platforms.check`."""
    no_cache: bool = False
    others: Mapping[str, str] = field(default_factory=dict)
    """Image in a FROM of the Dockerfile -> the image to use in its place, because that one cannot be had."""


OnStep = Callable[[Step], None]


def build(client: BuildClient, engine: Engine, wanted: Build, on_step: OnStep = lambda _: None) -> Built:
    """Build one image, record it as ours, and return its id and its steps.

    Args:
        client: The client that drives BuildKit.
        engine: The engine that gets the image.
        wanted: What to build.
        on_step: Called whenever a step starts or ends.

    Raises:
        BuildFailed: A step failed, and the message names it and the detail shows its last lines; or the Dockerfile
            cannot be read.
    """
    started, progress = time.monotonic(), Progress(on_step)
    with (
        _write_dockerfile(wanted) as path,
        lifeline.run(
            (*client.command, *_list_options(wanted, path), str(wanted.context)),
            client.build_environment(engine.host),
        ) as process,
    ):
        for line in process.stdout or ():
            progress.feed(line.rstrip("\n"))
        code = process.wait()
    if code:
        raise progress.describe_failure(wanted)
    # Asks the engine, because on the containerd store buildx prints a digest that the engine does not know.
    image_id = engine.inspect_image(wanted.reference).id
    built_images.record(engine.key, BuiltImage(wanted.reference, image_id))
    return Built(
        variant=wanted.variant,
        image_id=image_id,
        seconds=time.monotonic() - started,
        steps=progress.instructions,
    )


def find_certificates() -> Path | None:
    """Return this machine's bundle of certificates, which builds get as a secret: it may have a proxy's certificate."""
    named = (Path(path) for _, path in trusted.find_named(*_BUNDLE_VARIABLES))
    return next((path for path in named if path.is_file()), None) or trusted.find_system_bundle()


@contextmanager
def _write_dockerfile(wanted: Build) -> Iterator[Path]:
    """Yield the path of the Dockerfile to build; if it shall use other images, that of a copy with their names.

    All clients take such a copy. Contexts with the images' names would do, too, but only BuildKit 0.10 and later know
    them, and they would not show in the error if a FROM is wrong.
    """
    if not wanted.others:
        yield wanted.dockerfile
        return
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
        copy = Path(folder, wanted.dockerfile.name)
        text = dockerfile.replace_images(dockerfile.read_text(wanted.dockerfile), wanted.arguments, wanted.others)
        copy.write_text(text, encoding="utf-8")
        rules = context.locate_own_rules(wanted.dockerfile)
        if rules.is_file():
            shutil.copyfile(rules, context.locate_own_rules(copy))
        yield copy


def _list_options(wanted: Build, path: Path) -> Iterator[str]:
    yield from ("--progress", "plain", "--tag", wanted.reference, "--file", str(path))
    own = (f"{LABEL}=image", f"{LABEL}.repository={wanted.reference.rpartition(':')[0]}")
    given = {**labels.make_labels(wanted.arguments), **wanted.labels}
    for label in (*own, *(f"{name}={value}" for name, value in given.items())):
        yield from ("--label", label)
    if wanted.target:
        yield from ("--target", wanted.target)
    if wanted.platforms:
        yield from ("--platform", ",".join(wanted.platforms))
    if wanted.no_cache:
        yield "--no-cache"
    bundle = find_certificates()
    if bundle:
        yield from ("--secret", f"id=ca,src={bundle}")
    for name, value in wanted.arguments.items():
        yield from ("--build-arg", f"{name}={value}")
    for name in _PROXIES:
        if name in os.environ:
            yield from ("--build-arg", name)  # BuildKit takes the value from the environment and stores it in no layer


class Progress:
    """Turns lines of plain progress into steps."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step = on_step
        self._steps: dict[str, Step] = {}
        self._text: list[str] = []
        self._faults: dict[str, str] = {}
        """Number of a step -> the reason for its failure."""

    @property
    def instructions(self) -> tuple[Step, ...]:
        """The steps that are instructions of the Dockerfile, without FROM and BuildKit's own steps."""
        return tuple(step for step in self._steps.values() if _is_instruction(step.name))

    def feed(self, line: str) -> None:
        """Process one line."""
        found = _LINE.match(line)
        if not found:
            self._text.append(line)
            return
        number, text = found.groups()
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = Step(name=text)
            self._tell(step)
            return
        if text.startswith("ERROR: "):
            self._faults[number] = text.removeprefix("ERROR: ")
        changed = self._advance(step, text)
        self._steps[number] = changed
        if changed.state != step.state:
            self._tell(changed)

    def _advance(self, step: Step, text: str) -> Step:
        outcome = _OUTCOME.match(text)
        if outcome:
            states: dict[str, StepState] = {"CACHED": "cached", "CANCELED": "cancelled"}
            state = states.get(text, "done" if outcome[3] is None else "failed")
            return replace(step, state=state, seconds=float(outcome[2] or step.seconds))
        # BuildKit repeats a step's header when it returns to the step; "sha256:" lines report downloads.
        if text in {step.name, "..."} or text.startswith("sha256:"):
            return step
        return replace(step, output=(*step.output, _CLOCK.sub("", text, count=1))[-OUTPUT_LINES:])

    def _tell(self, step: Step) -> None:
        if _is_instruction(step.name):
            self._on_step(step)

    def describe_failure(self, wanted: Build) -> BuildFailed:
        """Return the error that the lines so far describe."""
        number = next(
            (n for n, step in self._steps.items() if step.state == "failed" and _is_instruction(step.name)), ""
        )
        if number:
            step, fault = self._steps[number], self._faults[number]
            code = re.search(r"exit code: (\d+)$", fault)
            why = f"exit code {code[1]}" if code else fault
            return BuildFailed(
                f"{wanted.variant}: step {build_title(step)} failed: {why}",
                advice=untrusted.find_advice(step.name.partition("] ")[2], (*step.output, fault)),
                detail="\n".join(step.output),
            )
        text = [line for line in self._text if line.strip()]
        reasons = _REASON.findall("\n".join(text)) or text[-1:] or ["the client gave no reason"]
        return BuildFailed(
            f"{wanted.variant} cannot be built: {reasons[-1].rstrip('.')}",
            advice=self._advise(wanted, reasons[-1]),
            detail="\n".join(text[-OUTPUT_LINES:-1]),
        )

    def _advise(self, wanted: Build, reason: str) -> str:
        """Return what to do where no step failed: about an image in a FROM, or else about the Dockerfile."""
        names = (step.name for number, step in self._steps.items() if number in self._faults)
        image = next((name.removeprefix(_METADATA) for name in names if name.startswith(_METADATA)), None)
        if image is None:
            return f"Correct {wanted.dockerfile.name} and run `invoke build` again."
        return untrusted.find_advice("FROM", [reason]) or (
            f"Correct {image} in {wanted.dockerfile.name}, solve that problem, or bring the image from another machine "
            f"with `docker save` and `docker load`; stand-ins exist for {standins.KNOWN}."
        )


def _is_instruction(name: str) -> bool:
    """Tell `[builder 2/5] RUN …` from `[internal] …`, `[auth] …`, `exporting to image` and `[builder 1/5] FROM …`."""
    return bool(re.match(r"\[(?:[^\]]* )?\d+/\d+\] (?!FROM )", name))
