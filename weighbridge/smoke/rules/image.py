"""Rules on an image as it lies there: each returns what it saw, or raises `CheckFailed`.

All but those on secrets look at what a container sees; a secret is given away by whatever layer has it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from weighbridge import secret_detection
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.scan import Kind, ScanHit, ScannedImage
from weighbridge.quoting import on_one_line, shortened
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_OPTION = re.compile(r"[-+][A-Za-z]+")
_ENDS_IN_EXEC = re.compile(r"(?:^|[;&|\n])\s*exec\s[^;&|\n]*$|^\s*exec\s")
_SHOWN_CHARACTERS = 70
_OWNER, _GROUP, _OTHERS = 0o200, 0o020, 0o002
_AT_START = "leave it out of the Dockerfile and give it when the container starts"
_AT_BUILD = "give it to the one step that needs it, with RUN --mount=type=secret"


def runs_as_non_root(contents: ScannedImage, settings: Settings) -> str:
    """The image's own user is a number, and not 0: an orchestrator can only judge a number."""
    name = contents.user.partition(":")[0]
    remedy = f"end its Dockerfile with `USER {settings.smoke.user}:{settings.smoke.user}`"
    if not name.isdecimal():
        what = f"names its user {_shown(name)}, not its number" if name else "names no user, so it runs as root"
        raise CheckFailed(f"the image {what}; {remedy}")
    if int(name) == 0:
        raise CheckFailed(f"the image runs as root; {remedy}")
    return f"user {contents.user}"


def command_is_exec_form(contents: ScannedImage, _settings: Settings) -> str:
    """The image's command is the application itself, so that SIGTERM comes to it and not to a shell."""
    words = (*contents.entrypoint, *contents.command)
    if not words:
        raise CheckFailed('the image has no command; end its Dockerfile with CMD ["program", "argument"]')
    script = _script(words)
    if script is not None and not _ENDS_IN_EXEC.search(script):
        raise CheckFailed(
            f"the command is a shell's, `{_shown(script)}`, and the shell keeps SIGTERM to itself; "
            'write it as CMD ["program", "argument"], or begin its last command with exec'
        )
    return f"starts {_shown(words[0])}" if script is None else "a shell that gives way to its command"


def has_health_check(contents: ScannedImage, _settings: Settings) -> str:
    """The image brings its own health check, so that every engine can tell how it is."""
    test = contents.health_check
    if not test:
        raise CheckFailed("the image has no health check; give its Dockerfile a HEALTHCHECK that knows both roles")
    if test[0] == "NONE":
        raise CheckFailed("the image turns its health check off; replace HEALTHCHECK NONE by one that knows both roles")
    return _shown(" ".join(test))


def declares_its_port(contents: ScannedImage, settings: Settings) -> str:
    """The image exposes the API's port and no other."""
    wanted = f"{settings.roles.api.port}/tcp"
    others = ", ".join(port for port in contents.ports if port != wanted)
    if wanted not in contents.ports:
        what = f"exposes {others}, not {wanted}" if others else f"exposes no port, and the API is to listen at {wanted}"
        raise CheckFailed(f"the image {what}; write `EXPOSE {settings.roles.api.port}`, or correct roles.api.port")
    if others:
        raise CheckFailed(f"the image exposes {others} beside {wanted}; take that out of its EXPOSE")
    return wanted


def no_secrets_in_config(contents: ScannedImage, _settings: Settings) -> str:
    """Neither environment nor labels nor history hold a secret: whoever can pull the image reads them."""
    found = dict.fromkeys([*_of_environment(contents), *_of_labels(contents), *_of_history(contents)])
    for what, remedy in found:
        raise CheckFailed(f"{what}{_and_more(len(found) - 1)}; {remedy}")
    steps = len(contents.history)
    return f"none in {len(contents.environment)} variables, {len(contents.labels)} labels, {steps} steps of history"


def no_secrets_in_layers(contents: ScannedImage, _settings: Settings) -> str:
    """No layer holds a credential, not even where a later one deletes it: the layer is pulled all the same."""
    found = [trace for trace in contents.traces if trace.kind == "secret"]
    if found:
        first = found[0]
        gone = "" if first.live else ", which a pull still brings, though a later layer hides it"
        raise CheckFailed(
            f"{_named(first)} is {first.detail} in layer {first.layer}{_by(first)}{gone}{_more(contents, found)}; "
            f"keep it out with .dockerignore or {_AT_BUILD}, and have it replaced by a new one"
        )
    return f"none in {contents.layer_count} layers"


def no_setuid_files(contents: ScannedImage, _settings: Settings) -> str:
    """No file lends its owner's rights to who runs it."""
    return _none(
        contents,
        "setuid",
        "no setuid or setgid file",
        lambda trace: f"{_named(trace)} is {trace.detail}",
        "take the bits away in the Dockerfile: RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +",
    )


def code_is_not_writable(contents: ScannedImage, settings: Settings) -> str:
    """The image's user cannot change what it runs."""
    uid, gid = _user(contents, settings)
    found = [trace for trace in _live(contents, "writable") if _may_write(trace, uid, gid)]
    if found:
        first = found[0]
        raise CheckFailed(
            f"{_named(first)} can be written by the image's user {uid}:{gid}, owner {first.uid}:{first.gid}, mode "
            f"{first.mode:o}{_by(first)}{_more(contents, found)}; leave code to root: no --chown and no chown for it"
        )
    return f"user {uid}:{gid} cannot write to code"


def no_compiler(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not bring the tools that built it."""
    return _none(
        contents,
        "compiler",
        "no compiler",
        lambda trace: f"{_named(trace)} is there",
        "build in a stage of its own, and copy from there what it made",
    )


def no_package_cache(contents: ScannedImage, _settings: Settings) -> str:
    """No package manager left what it downloaded."""
    return _none(
        contents,
        "package-cache",
        "no package cache",
        lambda trace: f"{_named(trace)} is left of a package manager's cache",
        "delete it in the RUN that made it, call pip with --no-cache-dir, or use RUN --mount=type=cache",
    )


def no_vcs_folder(contents: ScannedImage, _settings: Settings) -> str:
    """The history of the sources stays where they are."""
    found = _live(contents, "vcs-folder")
    folders = list(dict.fromkeys(re.split(r"(?<=/\.git)/|(?<=/\.hg)/|(?<=/\.svn)/", trace.path)[0] for trace in found))
    if folders:
        more = _and_more(len(folders) - 1)
        name = posixpath.basename(folders[0])
        raise CheckFailed(f"{_shown(folders[0])} came along{_by(found[0])}{more}; put **/{name} into .dockerignore")
    return "no version control's folder"


def no_test_suite(contents: ScannedImage, _settings: Settings) -> str:
    """The application's tests stay where they are run."""
    return _none(
        contents,
        "test-suite",
        "no test",
        lambda trace: f"{_named(trace)} is a test",
        "put the tests into .dockerignore, or copy only what the application needs",
    )


def no_env_file(contents: ScannedImage, _settings: Settings) -> str:
    """Settings of one place do not travel in the image."""
    return _none(
        contents,
        "env-file",
        "no .env file",
        lambda trace: f"{_named(trace)} is one machine's settings",
        "put **/.env into .dockerignore and give the settings when the container starts",
    )


def code_is_for_this_platform(contents: ScannedImage, _settings: Settings) -> str:
    """Every program and library is for the image's own machine."""
    return _none(
        contents,
        "foreign-code",
        f"all for {contents.platform}",
        lambda trace: f"{_named(trace)} is {trace.detail}, and the image is for {contents.platform}",
        "build it, or install its wheel, in a stage of the image's own platform",
    )


def _none(contents: ScannedImage, kind: Kind, seen: str, told: Callable[[ScanHit], str], remedy: str) -> str:
    """Return what was seen where a container sees nothing of a kind; else tell of the first, and what to do."""
    found = _live(contents, kind)
    if found:
        raise CheckFailed(f"{told(found[0])}{_by(found[0])}{_more(contents, found)}; {remedy}")
    return seen


def _live(contents: ScannedImage, kind: Kind) -> list[ScanHit]:
    return [trace for trace in contents.traces if trace.kind == kind and trace.live]


def _script(words: Sequence[str]) -> str | None:
    """Return what a shell is given to run as a line of text; None where there is no such shell."""
    for at, word in enumerate(words):
        if posixpath.basename(word) in _SHELLS:
            rest = iter(words[at + 1 :])
            for option in rest:
                if not _OPTION.fullmatch(option):
                    break
                if "c" in option:
                    return next(rest, "")
                if option[-1] in "oO":  # takes the next word, as in -o pipefail
                    next(rest, "")
    return None


def _of_environment(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in _pairs(contents.environment):
        if what := _secret(name, value):
            yield f"the environment variable {_shown(name)} holds {what}", _AT_START


def _of_labels(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in contents.labels.items():
        if what := secret_detection.found(value):
            yield f"the label {_shown(name)} holds {what}", "take it out of the Dockerfile's LABEL"


def _of_history(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    """Yield what only the history tells: what environment and labels hold is told of there."""
    told = {name for name, value in _pairs(contents.environment) if _secret(name, value)}
    told |= {name for name, value in contents.labels.items() if secret_detection.found(value)}
    for step in contents.history:
        names = [name for name in secret_detection.assigned(step) if name not in told]
        if names:
            yield f"the history tells {_shown(names[0])}, by its name a secret: `{_shown(step)}`", _AT_BUILD
        elif (what := secret_detection.found(step)) and not any(f"{name}=" in step for name in told):
            yield f"the history holds {what}: `{_shown(step)}`", _AT_BUILD


def _pairs(environment: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (each.partition("=") for each in environment)]


def _secret(name: str, value: str) -> str:
    return secret_detection.found(value) or (
        "what its name calls a secret" if secret_detection.is_secret(name, value) else ""
    )


def _user(contents: ScannedImage, settings: Settings) -> tuple[int, int]:
    """Return by which numbers the image is run: its own, or those that it should have where it names none, or root."""
    name = contents.user.partition(":")[0]
    if not name.isdecimal() or int(name) == 0:
        return settings.smoke.user, settings.smoke.user
    return int(name), int(name) if contents.group is None else contents.group


def _may_write(trace: ScanHit, uid: int, gid: int) -> bool:
    """Tell what the kernel would: the owner's bits are for the owner alone, the group's for its members alone."""
    if trace.uid == uid:
        return bool(trace.mode & _OWNER)
    return bool(trace.mode & (_GROUP if trace.gid == gid else _OTHERS))


def _named(trace: ScanHit) -> str:
    return _shown(trace.path, 200)


def _by(trace: ScanHit) -> str:
    return f" (`{_shown(strip_prelude(trace.instruction))}`)" if trace.instruction else ""


def _more(contents: ScannedImage, found: Collection[ScanHit]) -> str:
    first = next(iter(found))
    return _and_more(len({trace.path for trace in found}) - 1, at_least=first.kind in contents.cut)


def _and_more(count: int, *, at_least: bool = False) -> str:
    if not count:
        return ""
    return f", and {'at least ' if at_least else ''}{count} more"


def _shown(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """Return a text of somebody else's on one line and without a secret, its end left out where it is long."""
    return shortened(on_one_line(secret_detection.redacted(text), mark=" "), characters, end=" …")
