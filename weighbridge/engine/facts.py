"""What an engine says of itself, asked for when it is needed, and once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

from weighbridge.engine import inspect
from weighbridge.model.engine import DataRoot
from weighbridge.model.report import EngineIdentity


class Facts(ABC):
    """The part of an `Engine` that describes it; `host` is its URL, as DOCKER_HOST takes it."""

    host: str

    @abstractmethod
    def ask(self) -> dict[str, Any]:
        """Return the engine's answer to `GET /info`."""

    @cached_property
    def _answer(self) -> dict[str, Any]:
        return self.ask()

    @property
    def can_save_at_once(self) -> bool:
        """No: the SDK returns when the engine begins to answer, which is after it has collected all images."""
        return False

    @property
    def described(self) -> str:
        """The engine in one line, for people to read."""
        return f"Docker {self.identity.version}, {self.identity.store}, {self.identity.platform}, at {self.host}"

    @cached_property
    def identity(self) -> EngineIdentity:
        """Version, image store and platform of the engine."""
        return inspect.read_identity(self._answer)

    @cached_property
    def data_root(self) -> DataRoot:
        """Where the engine keeps its images."""
        return inspect.read_data_root(self._answer, self.host)

    @cached_property
    def key(self) -> str:
        """A text that tells this engine from others: its own id, or its URL if it has no id that stays the same."""
        return inspect.read_key(self._answer, self.ask(), self.host)
