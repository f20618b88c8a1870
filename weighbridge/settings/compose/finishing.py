"""Makes the values of services from what their files say together, with env files read and names looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from weighbridge import files
from weighbridge.settings.compose.documents import Model
from weighbridge.settings.compose.dotenv import read_variables
from weighbridge.settings.compose.mounts import Reference
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.project import ComposeBuild, ComposeFile, ComposeHealthcheck, ComposeService
from weighbridge.settings.compose.services import TEXTS, Draft, EnvFile

_DEFAULT_NETWORK = "default"
_NO_IMAGE = "it has neither an image nor a build"


class Finishing:
    """Makes the services of one project."""

    def __init__(self, model: Model, environment: Mapping[str, str], place: Place) -> None:
        """Prepare to make services.

        Args:
            model: The project's parts, merged.
            environment: The variables of the user and of `.env`.
            place: What errors call the files, which are merged.
        """
        self._model = model
        self._environment = environment
        self._place = place

    def build_service(self, name: str, active: Collection[str]) -> ComposeService:
        """Return a service.

        Raises:
            SettingsError: It has neither image nor build, uses what is not there, or an env file is wrong.
        """
        draft: Draft = self._model["services"][name]
        place = self._place.at("services").at(name)
        if not draft.get("image") and not draft.get("build"):
            is_unset = draft.get("image") == ""
            raise place.refuse("its image is empty: a variable in it is not set" if is_unset else _NO_IMAGE)
        self._check_names(draft, place)
        kept = ("command", "entrypoint", "ports", "expose", "read_only", "stop_grace_period", "profiles")
        plain: dict[str, Any] = {key: draft.get(key) or None for key in TEXTS}
        plain |= {key: draft[key] for key in kept if key in draft}
        return ComposeService(
            name=name,
            **plain,
            build=self._build(draft),
            environment=self._resolve_environment(draft),
            healthcheck=_read_healthcheck(draft),
            depends_on={
                other: how.get("condition", "service_started")
                for other, how in draft.get("depends_on", {}).items()
                if other in active
            },
            networks={
                each: how.get("aliases", ()) for each, how in (draft.get("networks") or {_DEFAULT_NETWORK: {}}).items()
            },
            volumes=tuple(draft.get("volumes", {}).values()),
            tmpfs=tuple(draft.get("tmpfs", {}).values()),
            labels={key: value or "" for key, value in draft.get("labels", {}).items()},
            replicas=_read_replicas(draft, place),
            secrets=self._list_files(draft, "secrets"),
            configs=self._list_files(draft, "configs"),
        )

    def _check_names(self, draft: Draft, place: Place) -> None:
        known = {"networks": {*self._model["networks"], _DEFAULT_NETWORK}, "volumes": {*self._model["volumes"]}}
        used = {
            "networks": {*draft.get("networks", {})},
            "volumes": {
                volume.source
                for volume in draft.get("volumes", {}).values()
                if volume.kind == "volume" and volume.source
            },
        }
        for part, names in used.items():
            if names - known[part]:
                raise place.at(part).refuse(f"it uses one that is not under {part} at the top of the file")

    def _build(self, draft: Draft) -> ComposeBuild | None:
        build = draft.get("build")
        if build is None:
            return None
        context = build.get("context", draft["folder"])
        args = {
            name: self._environment.get(name) if text is None else text for name, text in build.get("args", {}).items()
        }
        return ComposeBuild(
            context=context,
            dockerfile=build.get("dockerfile") or "Dockerfile",
            target=build.get("target") or None,
            args={name: text for name, text in args.items() if text is not None},
        )

    def _resolve_environment(self, draft: Draft) -> dict[str, str]:
        """Return the service's variables: its own have precedence over those of its env files."""
        own: Mapping[str, str | None] = {
            name: self._environment.get(name) if text is None else text
            for name, text in draft.get("environment", {}).items()
        }
        found = dict[str, str]()
        given = {name: text for name, text in own.items() if text is not None}
        for each in draft.get("env_file", {}).values():
            found |= self._read_env_file(each, {**self._environment, **given}, found)
        merged = {**found, **own}
        return {name: text for name, text in merged.items() if text is not None}

    def _read_env_file(self, file: EnvFile, known: Mapping[str, str], earlier: Mapping[str, str]) -> dict[str, str]:
        if not file.is_required and not files.is_file(file.path):
            return {}
        return read_variables(file.path, known, file.place, earlier=earlier, is_raw=file.is_raw)

    def _list_files(self, draft: Draft, part: Literal["secrets", "configs"]) -> tuple[ComposeFile, ...]:
        found = [self._find_file(part, *each) for each in draft.get(part, {}).items()]
        return tuple(each for each in found if each)

    def _find_file(self, part: Literal["secrets", "configs"], target: str, used: Reference) -> ComposeFile | None:
        source = self._model[part].get(used.name)
        if source is None:
            raise used.place.refuse(f"it uses one that is not under {part} at the top of the file")
        content = source.get("content")
        if variable := source.get("environment"):
            content = self._environment.get(variable)
        path = source.get("file")
        if path is None and content is None:
            used.place.note("is not in a file, a variable or a text, and is left out")
            return None
        return ComposeFile(name=used.name, target=target, path=Path(path) if path else None, content=content)


def _read_healthcheck(draft: Draft) -> ComposeHealthcheck | None:
    check = dict(draft.get("healthcheck", {}))
    if not check:
        return None
    test = check.pop("test", ()) or None
    is_disabled = check.pop("disable", False) or (test is not None and test[0] == "NONE")
    return ComposeHealthcheck(test=None if is_disabled else test, disabled=is_disabled, **check)


def _read_replicas(draft: Draft, place: Place) -> int:
    scale, replicas = draft.get("scale"), draft.get("deploy", {}).get("replicas")
    if scale is not None and replicas is not None and scale != replicas:
        raise place.at("scale").refuse("it is another number than deploy.replicas")
    found: int = next((each for each in (scale, replicas) if each is not None), 1)
    return found
