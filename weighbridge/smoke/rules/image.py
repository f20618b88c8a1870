"""Rules on an image itself, before it runs: each returns what it saw, or raises `CheckFailed`.

They look at the files that a container would see. Only the rule on secrets looks at every layer, because whoever pulls
the image gets all of them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from weighbridge import secret_detection
from weighbridge.model.scan import ScanHit, ScannedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import hits

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_OPTION = re.compile(r"[-+][A-Za-z]+")
_ENDS_IN_EXEC = re.compile(r"(?:^|[;&|\n])\s*exec\s[^;&|\n]*$|^\s*exec\s")
_OWNER, _GROUP, _OTHERS = 0o200, 0o020, 0o002
_AT_START = "leave it out of the Dockerfile and give it when the container starts"
_AT_BUILD = "give it to the one step that needs it, with RUN --mount=type=secret"


def runs_as_non_root(contents: ScannedImage, settings: Settings) -> str:
    """The image's user is a number other than 0: an orchestrator cannot tell whether a name means root."""
    name = contents.user.partition(":")[0]
    remedy = f"end its Dockerfile with `USER {settings.smoke.user}:{settings.smoke.user}`"
    if not name.isdecimal():
        what = (
            f"gives its user by name, {hits.show(name)}, and not by number"
            if name
            else "names no user, so it runs as root"
        )
        raise CheckFailed(f"the image {what}; {remedy}")
    if int(name) == 0:
        raise CheckFailed(f"the image runs as root; {remedy}")
    return f"user {contents.user}"


def command_is_exec_form(contents: ScannedImage, _settings: Settings) -> str:
    """The image's command is the application itself, so that the application gets SIGTERM, and not a shell."""
    words = (*contents.entrypoint, *contents.command)
    if not words:
        raise CheckFailed('the image has no command; end its Dockerfile with CMD ["program", "argument"]')
    script = _find_script(words)
    if script is not None and not _ENDS_IN_EXEC.search(script):
        raise CheckFailed(
            f"a shell runs the command, `{hits.show(script)}`, and does not pass SIGTERM on; "
            'write it as CMD ["program", "argument"], or begin its last command with exec'
        )
    return f"starts {hits.show(words[0])}" if script is None else "a shell that replaces itself with the command"


def has_health_check(contents: ScannedImage, _settings: Settings) -> str:
    """The image has a health check, so that every engine can tell whether it works."""
    test = contents.health_check
    if not test:
        raise CheckFailed("the image has no health check; give its Dockerfile a HEALTHCHECK that knows both roles")
    if test[0] == "NONE":
        raise CheckFailed("the image turns its health check off; replace HEALTHCHECK NONE by one that knows both roles")
    return hits.show(" ".join(test))


def declares_its_port(contents: ScannedImage, settings: Settings) -> str:
    """The image exposes the API's port and no other."""
    wanted = f"{settings.roles.api.port}/tcp"
    others = ", ".join(port for port in contents.ports if port != wanted)
    if wanted not in contents.ports:
        what = f"exposes {others}, not {wanted}" if others else f"exposes no port, but the API listens on {wanted}"
        raise CheckFailed(f"the image {what}; write `EXPOSE {settings.roles.api.port}`, or correct roles.api.port")
    if others:
        raise CheckFailed(f"the image exposes {others} besides {wanted}; remove it from EXPOSE")
    return wanted


def no_secrets_in_config(contents: ScannedImage, _settings: Settings) -> str:
    """No secret is in environment, labels or history: whoever can pull the image can read them."""
    found = dict.fromkeys([*_find_in_environment(contents), *_find_in_labels(contents), *_find_in_history(contents)])
    for what, remedy in found:
        raise CheckFailed(f"{what}{hits.describe_more(len(found) - 1)}; {remedy}")
    steps = len(contents.history)
    return f"none in {len(contents.environment)} variables, {len(contents.labels)} labels, {steps} steps of history"


def no_secrets_in_layers(contents: ScannedImage, _settings: Settings) -> str:
    """No layer holds a credential, even if a later one deletes it: a pull brings every layer."""
    found = [trace for trace in contents.traces if trace.kind == "secret"]
    if found:
        first = found[0]
        gone = "" if first.live else ", which a pull still brings, although a later layer hides it"
        where = f"layer {first.layer}{hits.show_instruction(first)}{gone}{hits.count_more(contents, found)}"
        advice = f"keep it out with .dockerignore or {_AT_BUILD}, and replace it by a new one"
        raise CheckFailed(f"{hits.show_path(first)} is {first.detail} in {where}; {advice}")
    return f"none in {contents.layer_count} layers"


def no_setuid_files(contents: ScannedImage, _settings: Settings) -> str:
    """No file has the setuid or setgid bit, which gives whoever runs it the rights of its owner or group."""
    return hits.check_none(
        contents,
        "setuid",
        "no setuid or setgid file",
        lambda trace: f"{hits.show_path(trace)} is {trace.detail}",
        "remove the bits in the Dockerfile: RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +",
    )


def code_is_not_writable(contents: ScannedImage, settings: Settings) -> str:
    """The image's user cannot change the code that it runs."""
    uid, gid = _find_user(contents, settings)
    found = [trace for trace in hits.select_live(contents, "writable") if _may_write(trace, uid, gid)]
    if found:
        first = found[0]
        raise CheckFailed(
            f"{hits.show_path(first)} is writable by the image's user {uid}:{gid}: owner {first.uid}:{first.gid}, mode "
            f"{first.mode:o}{hits.show_instruction(first)}{hits.count_more(contents, found)}; "
            "let root own the code: no --chown and no chown"
        )
    return f"user {uid}:{gid} cannot write to code"


def no_compiler(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not contain the tools that built it."""
    return hits.check_none(
        contents,
        "compiler",
        "no compiler",
        lambda trace: f"{hits.show_path(trace)} is there",
        "build in a separate stage, and copy only the result",
    )


def no_package_cache(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not contain what package managers downloaded."""
    return hits.check_none(
        contents,
        "package-cache",
        "no package cache",
        lambda trace: f"{hits.show_path(trace)} is part of a package manager's cache",
        "delete it in the RUN that made it, call pip with --no-cache-dir, or use RUN --mount=type=cache",
    )


def no_vcs_folder(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not contain the version history of its sources."""
    found = hits.select_live(contents, "vcs-folder")
    folders = list(dict.fromkeys(re.split(r"(?<=/\.git)/|(?<=/\.hg)/|(?<=/\.svn)/", trace.path)[0] for trace in found))
    if folders:
        more = hits.describe_more(len(folders) - 1)
        name = posixpath.basename(folders[0])
        raise CheckFailed(
            f"{hits.show(folders[0])} was copied into the image{hits.show_instruction(found[0])}{more}; "
            f"put **/{name} into .dockerignore"
        )
    return "no folder of a version control system"


def no_test_suite(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not contain the application's own tests."""
    return hits.check_none(
        contents,
        "test-suite",
        "no test",
        lambda trace: f"{hits.show_path(trace)} is a test",
        "put the tests into .dockerignore, or copy only what the application needs",
    )


def no_env_file(contents: ScannedImage, _settings: Settings) -> str:
    """The image does not contain the settings of one particular machine."""
    return hits.check_none(
        contents,
        "env-file",
        "no .env file",
        lambda trace: f"{hits.show_path(trace)} holds the settings of one machine",
        "put **/.env into .dockerignore and give the settings when the container starts",
    )


def no_tool_files(contents: ScannedImage, _settings: Settings) -> str:
    """The image contains nothing of Weighbridge that the application does not need, nor a checkout's environment."""
    for found in hits.select_live(contents, "tool-file"):
        folder, what = _describe_tool_file(found)
        if not _is_used(contents, folder):
            where = f"{hits.show(what)}{hits.show_instruction(found)}"
            name = posixpath.basename(folder)
            raise CheckFailed(f"{hits.show(folder, 200)} {where}; put **/{name} into .dockerignore")
    return "no file of Weighbridge, no environment of a checkout"


def _describe_tool_file(found: ScanHit) -> tuple[str, str]:
    """Return the file or folder that should not be there, and what it is."""
    package = re.search(r"/lib(?:64)?/python[^/]*/site-packages/weighbridge-[^/]*/", found.path)
    if package:
        return found.path[: package.start()], "contains Weighbridge, and the image does not use that environment"
    if found.detail:
        return found.path.removesuffix("/bin/activate"), f"is a virtual environment that was made at {found.detail}"
    if found.path.endswith(".json"):
        return posixpath.dirname(found.path), "holds records of Weighbridge"
    return found.path, "holds the settings of Weighbridge"


def _is_used(contents: ScannedImage, folder: str) -> bool:
    """Tell whether a folder holds what the image finds programs in, or what it runs; the root does, as do its own."""
    search = (value.split(":") for name, value in _split_pairs(contents.environment) if name == "PATH")
    words = [*contents.entrypoint, *contents.command, *(each for folders in search for each in folders)]
    return folder in {"", "/usr", "/usr/local"} or any(f"{word}/".startswith(f"{folder}/") for word in words)


def code_is_for_this_platform(contents: ScannedImage, _settings: Settings) -> str:
    """Every program and library is built for the platform of the image."""
    return hits.check_none(
        contents,
        "foreign-code",
        f"all for {contents.platform}",
        lambda trace: f"{hits.show_path(trace)} is {trace.detail}, but the image is for {contents.platform}",
        "build it, or install its wheel, in a stage of the image's platform",
    )


def _find_script(words: Sequence[str]) -> str | None:
    """Return the line of text that a shell is given to run; None if the command starts no shell, or gives it none."""
    for at, word in enumerate(words):
        if posixpath.basename(word) in _SHELLS:
            rest = iter(words[at + 1 :])
            for option in rest:
                if not _OPTION.fullmatch(option):
                    break
                if "c" in option:
                    return next(rest, "")
                if option[-1] in "oO":  # it takes the next word, as in -o pipefail
                    next(rest, "")
    return None


def _find_in_environment(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in _split_pairs(contents.environment):
        if what := _describe_secret(name, value):
            yield f"the environment variable {hits.show(name)} holds {what}", _AT_START


def _find_in_labels(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    for name, value in contents.labels.items():
        if what := secret_detection.find_secret(value):
            yield f"the label {hits.show(name)} holds {what}", "take it out of the Dockerfile's LABEL"


def _find_in_history(contents: ScannedImage) -> Iterator[tuple[str, str]]:
    """Yield the secrets that are in the history alone, and not in environment or labels as well."""
    known = {name for name, value in _split_pairs(contents.environment) if _describe_secret(name, value)}
    known |= {name for name, value in contents.labels.items() if secret_detection.find_secret(value)}
    for step in contents.history:
        names = [name for name in secret_detection.find_assigned_names(step) if name not in known]
        if names:
            yield (
                f"the history shows {hits.show(names[0])}, which by its name is a secret: `{hits.show(step)}`",
                _AT_BUILD,
            )
        elif (what := secret_detection.find_secret(step)) and not any(f"{name}=" in step for name in known):
            yield f"the history holds {what}: `{hits.show(step)}`", _AT_BUILD


def _split_pairs(environment: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (each.partition("=") for each in environment)]


def _describe_secret(name: str, value: str) -> str:
    return secret_detection.find_secret(value) or (
        "what is a secret by its name" if secret_detection.is_secret(name, value) else ""
    )


def _find_user(contents: ScannedImage, settings: Settings) -> tuple[int, int]:
    """Return the user and the group that run the image; if it names none, or root, those that it should have."""
    name = contents.user.partition(":")[0]
    if not name.isdecimal() or int(name) == 0:
        return settings.smoke.user, settings.smoke.user
    return int(name), int(name) if contents.group is None else contents.group


def _may_write(trace: ScanHit, uid: int, gid: int) -> bool:
    """Tell whether a user may write, as the kernel decides: by the owner's bits, else the group's, else the others'."""
    if trace.uid == uid:
        return bool(trace.mode & _OWNER)
    return bool(trace.mode & (_GROUP if trace.gid == gid else _OTHERS))
