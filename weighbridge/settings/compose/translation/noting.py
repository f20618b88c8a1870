"""Gathers sentences about what a translation dropped or guessed, each with the setting that changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.quoting import quote


@dataclass(frozen=True, slots=True)
class Noting:
    """Notes about one service."""

    service: str
    """Its name in the compose file."""
    key: str
    """Where it stands in our settings, such as `roles.api`."""
    notes: list[str] = field(default_factory=list, compare=False)

    def guess(self, words: str, setting: str) -> None:
        """Note what was guessed; `words` follow the service's name."""
        self._add(f": {words}; `{self.key}.{setting}` says otherwise")

    def drop(self, words: str, setting: str) -> None:
        """Note what was dropped; `words` follow the service's name."""
        self._add(f": {words}; set `{self.key}.{setting}` if it matters")

    def leave_out(self, why: str) -> None:
        """Note that the service is left out."""
        self._add(f" is left out, because {why}; describe it under `{self.key}` if it is needed")

    def _add(self, words: str) -> None:
        note = f"{quote(self.service)}{words}."
        if note not in self.notes:
            self.notes.append(note)
