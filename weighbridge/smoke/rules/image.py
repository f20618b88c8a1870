"""Rules on an image itself, before it runs: each returns what it saw, or raises `CheckFailed`.

They look at the files that a container would see. Only the rule on secrets looks at every layer, because whoever pulls
the image gets all of them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from weighbridge.model.scan import ScanHit, ScannedImage
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import hits
from weighbridge.smoke.rules.config_secrets import AT_BUILD, split_pairs

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_OPTION = re.compile(r"[-+][A-Za-z]+")
_ENDS_IN_EXEC = re.compile(r"(?:^|[;&|\n])\s*exec\s[^;&|\n]*$|^\s*exec\s")
_OWNER, _GROUP, _OTHERS = 0o200, 0o020, 0o002


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


def has_health_check(contents: ScannedImage, settings: Settings) -> str:
    """The image has a health check, or the settings have one for each role, so that an engine can tell who works."""
    test = contents.health_check
    if settings.roles and all(role.health for role in settings.roles.values()):
        return "each role has its own"
    if not test:
        raise CheckFailed("the image has no health check; give its Dockerfile a HEALTHCHECK that knows all roles")
    if test[0] == "NONE":
        raise CheckFailed("the image turns its health check off; replace HEALTHCHECK NONE by one that knows all roles")
    return hits.show(" ".join(test))


def declares_its_port(contents: ScannedImage, settings: Settings) -> str:
    """The image exposes the ports on which its APIs answer, and none on which no role listens."""
    wanted = {f"{settings.get_api(name).port}/tcp": name for name in settings.api_names}
    known = {*wanted, *(f"{port}/tcp" for role in settings.roles.values() for port in role.ports)}
    others = ", ".join(port for port in contents.ports if port not in known)
    for port, name in wanted.items():
        if port not in contents.ports:
            what = f"exposes {others}, not {port}" if others else f"exposes no port, but {name} listens on {port}"
            number = port.partition("/")[0]
            raise CheckFailed(f"the image {what}; write `EXPOSE {number}`, or correct roles.{name}.port")
    if others:
        besides = f" besides {', '.join(wanted)}" if wanted else ", where no role listens"
        raise CheckFailed(f"the image exposes {others}{besides}; remove it from EXPOSE")
    return ", ".join(wanted) or "none, and no role answers HTTP"


def no_secrets_in_layers(contents: ScannedImage, _settings: Settings) -> str:
    """No layer holds a credential, even if a later one deletes it: a pull brings every layer."""
    found = [trace for trace in contents.traces if trace.kind == "secret"]
    if found:
        advice = f"keep it out with .dockerignore or {AT_BUILD}, and replace it by a new one"
        raise hits.build_failure(contents, found, _describe_secret_file, advice)
    return f"none in {contents.layer_count} layers"


def _describe_secret_file(found: ScanHit) -> str:
    gone = "" if found.live else ", which a pull still brings, although a later layer hides it"
    return f"{hits.show_path(found)} is {found.detail} in layer {found.layer}{hits.show_instruction(found)}{gone}"


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

    def describe(found: ScanHit) -> str:
        owner = f"owner {found.uid}:{found.gid}, mode {found.mode:o}{hits.show_instruction(found)}"
        return f"{hits.show_path(found)} is writable by the image's user {uid}:{gid}: {owner}"

    if found:
        raise hits.build_failure(contents, found, describe, "let root own the code: no --chown and no chown")
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
    cut = re.compile(r"(?<=/\.git)/|(?<=/\.hg)/|(?<=/\.svn)/")
    found = hits.select_live(contents, "vcs-folder")
    folders = [replace(trace, path=cut.split(trace.path)[0]) for trace in found]
    if folders:
        raise hits.build_failure(
            replace(contents, cut=frozenset()),  # the hits are cut, the folders are not
            folders,
            lambda folder: f"{hits.show_path(folder)} was copied into the image{hits.show_instruction(folder)}",
            f"put **/{posixpath.basename(folders[0].path)} into .dockerignore",
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
    told = [(trace, *_describe_tool_file(trace)) for trace in hits.select_live(contents, "tool-file")]
    found = [replace(trace, path=folder, detail=what) for trace, folder, what in told if not _is_used(contents, folder)]
    if found:
        raise hits.build_failure(
            contents,
            found,
            lambda each: f"{hits.show_path(each)} {hits.show(each.detail)}{hits.show_instruction(each)}",
            f"put **/{posixpath.basename(found[0].path)} into .dockerignore",
        )
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
    search = (value.split(":") for name, value in split_pairs(contents.environment) if name == "PATH")
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
