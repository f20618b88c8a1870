"""Says where in which compose file something stands, for the errors and notes about it.

No error and no note shows a value: it may come from a variable, which may be a secret. Keys are never interpolated, so
they are shown, and so is the name of a file that was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.errors import SettingsError
from weighbridge.quoting import escape, quote


@dataclass(frozen=True, slots=True)
class Place:
    """A key or an item in a file."""

    file: str
    """The file's name, as errors show it."""
    path: str = ""
    """The keys that lead there, such as `services.api.ports[0]`; empty for the file itself."""
    notes: list[str] = field(default_factory=list, compare=False, repr=False)
    """Where notes of this reading are gathered."""

    def at(self, key: str) -> Place:
        """Return the place of a key in the section at this place."""
        shown = escape(quote(key))
        return Place(self.file, f"{self.path}.{shown}" if self.path else shown, self.notes)

    def item(self, index: int) -> Place:
        """Return the place of an item, counted from 0, in the list at this place."""
        return Place(self.file, f"{self.path}[{index}]", self.notes)

    def refuse(self, words: str) -> SettingsError:
        """Return the error that something is wrong here."""
        file = escape(self.file)
        return SettingsError(": ".join(filter(None, (file, self.path, words))), advice=f"Correct it in {file}.")

    def note(self, words: str) -> None:
        """Remember what the user should know of this place."""
        self.notes.append(f"{self.path} {words}")

    def leave_out(self) -> None:
        """Remember that what stands here is not understood."""
        self.note("is not understood and is left out")
