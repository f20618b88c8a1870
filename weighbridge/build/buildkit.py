"""BuildKit invocations: one variant at a time, its steps told as they happen, timed and counted.

The client's plain progress is read, because every client from 20.10 on prints it: `#7 [builder 3/6] RUN …`,
`#7 CACHED`, `#7 DONE 4.2s`, `#7 ERROR: …`, and `#7 1.234 …` for a line of the step's own output.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from weighbridge.build import labels
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import LABEL, Engine
from weighbridge.errors import BuildFailed
from weighbridge.model.build import Built, Step, StepState
from weighbridge.settings import certificates as trusted

OUTPUT_LINES = 20
"""How many of a failing step's last lines the error shows."""

_BUNDLE_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_LINE = re.compile(r"#(\d+) (.*)")
_OUTCOME = re.compile(r"(CACHED|CANCELED|DONE (\d+\.\d+)s|ERROR: (.*))$")
_CLOCK = re.compile(r"^\d+\.\d+ ")
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
    """More labels than those by which we find the image again, and those that tell the arguments."""
    platforms: tuple[str, ...] = ()
    """`os/architecture[/variant]` each; empty: the engine's own. See `platforms.check`."""
    no_cache: bool = False


OnStep = Callable[[Step], None]


def build(client: BuildClient, engine: Engine, wanted: Build, on_step: OnStep = lambda _: None) -> Built:
    """Build one image and return what became of its steps.

    Args:
        client: What drives BuildKit.
        engine: Where the image comes to be.
        wanted: The image.
        on_step: Called whenever a step starts or ends.

    Raises:
        BuildFailed: A step failed, its name in the message and its last lines in the detail; or the Dockerfile cannot
            be read.
    """
    started, progress = time.monotonic(), Progress(on_step)
    with _started(
        (*client.command, *_options(wanted), str(wanted.context)), client.environment(engine.host)
    ) as process:
        for line in process.stdout or ():
            progress.feed(line.rstrip("\n"))
        code = process.wait()
    if code:
        raise progress.failure(wanted)
    return Built(
        variant=wanted.variant,
        # Not what the client calls it: on the containerd store buildx tells a digest that the engine does not know.
        image_id=engine.image(wanted.reference).id,
        seconds=time.monotonic() - started,
        steps=progress.instructions,
    )


def images(engine: Engine, repository: str) -> tuple[str, ...]:
    """Return the images that builds of a project made, and those of them that lost their name to a newer build."""
    found = engine.labelled_images(_label(repository))
    return tuple(name for name in found if name.startswith(("sha256:", f"{repository}:")))


def certificates() -> Path | None:
    """Return this machine's bundle of certificates, which builds get as a secret: a proxy's own may be among them."""
    named = (Path(path) for _, path in trusted.named(*_BUNDLE_VARIABLES))
    return next((path for path in named if path.is_file()), None) or trusted.of_system()


def _label(repository: str) -> str:
    """Return what an image keeps of its name when a newer build takes the name itself."""
    return f"{LABEL}.repository={repository}"


def _options(wanted: Build) -> Iterator[str]:
    yield from ("--progress", "plain", "--tag", wanted.reference, "--file", str(wanted.dockerfile))
    own = (f"{LABEL}=image", _label(wanted.reference.rpartition(":")[0]))
    given = {**labels.labels(wanted.arguments), **_base_label(wanted), **wanted.labels}
    for label in (*own, *(f"{name}={value}" for name, value in given.items())):
        yield from ("--label", label)
    if wanted.target:
        yield from ("--target", wanted.target)
    if wanted.platforms:
        yield from ("--platform", ",".join(wanted.platforms))
    if wanted.no_cache:
        yield "--no-cache"
    bundle = certificates()
    if bundle:
        yield from ("--secret", f"id=ca,src={bundle}")
    for name, value in wanted.arguments.items():
        yield from ("--build-arg", f"{name}={value}")
    for name in _PROXIES:
        if name in os.environ:
            yield from ("--build-arg", name)  # the value is taken from the environment and kept in no layer


def _base_label(wanted: Build) -> dict[str, str]:
    try:
        text = wanted.dockerfile.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}  # the client will say what is wrong with it
    return labels.base_labels(wanted.arguments, text, wanted.target)


@contextmanager
def _started(command: Iterable[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run the client; whatever happens here, it has ended when this returns."""
    with subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate()  # reads on: a client that cannot write does not end


class Progress:
    """Reads plain progress line by line into steps."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step = on_step
        self._steps: dict[str, Step] = {}
        self._text: list[str] = []
        self._faults: dict[str, str] = {}
        """Number of a step -> why it failed."""

    @property
    def instructions(self) -> tuple[Step, ...]:
        """The steps that are instructions and do something: BuildKit's own and FROM are left out."""
        return tuple(step for step in self._steps.values() if _is_instruction(step.name))

    def feed(self, line: str) -> None:
        """Take one line."""
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
        changed = self._advanced(step, text)
        self._steps[number] = changed
        if changed.state != step.state:
            self._tell(changed)

    def _advanced(self, step: Step, text: str) -> Step:
        outcome = _OUTCOME.match(text)
        if outcome:
            states: dict[str, StepState] = {"CACHED": "cached", "CANCELED": "cancelled"}
            state = states.get(text, "done" if outcome[3] is None else "failed")
            return replace(step, state=state, seconds=float(outcome[2] or step.seconds))
        # A step's header comes again when BuildKit turns back to it; "sha256:" lines tell of downloads.
        if text in {step.name, "..."} or text.startswith("sha256:"):
            return step
        return replace(step, output=(*step.output, _CLOCK.sub("", text, count=1))[-OUTPUT_LINES:])

    def _tell(self, step: Step) -> None:
        if _is_instruction(step.name):
            self._on_step(step)

    def failure(self, wanted: Build) -> BuildFailed:
        """Return the error that the lines so far tell of."""
        number = next(
            (n for n, step in self._steps.items() if step.state == "failed" and _is_instruction(step.name)), ""
        )
        if number:
            step, fault = self._steps[number], self._faults[number]
            code = re.search(r"exit code: (\d+)$", fault)
            why = f"exit code {code[1]}" if code else fault
            return BuildFailed(f"{wanted.variant}: step {step.title} failed: {why}", detail="\n".join(step.output))
        text = [line for line in self._text if line.strip()]
        reasons = _REASON.findall("\n".join(text)) or text[-1:] or ["the client gave no reason"]
        return BuildFailed(
            f"{wanted.variant} cannot be built: {reasons[-1].rstrip('.')}",
            advice=f"Mend {wanted.dockerfile.name} and run `invoke build` again.",
            detail="\n".join(text[-OUTPUT_LINES:-1]),
        )


def _is_instruction(name: str) -> bool:
    """Tell `[builder 2/5] RUN …` from `[internal] …`, `[auth] …`, `exporting to image` and `[builder 1/5] FROM …`."""
    return bool(re.match(r"\[(?:[^\]]* )?\d+/\d+\] (?!FROM )", name))
