"""The bearer tokens that the service accepts and what each allows, from settings and from files that may change."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from backend import logs
from backend.settings import BLANKS, SECRETS_FOLDER, Settings, drop_mark, split_tokens

Scope = Literal["read", "write", "admin"]
_GRANTS: dict[str, frozenset[Scope]] = {
    "api_token": frozenset({"read", "write", "admin"}),
    "read_tokens": frozenset({"read"}),
    "write_tokens": frozenset({"read", "write"}),
    "admin_tokens": frozenset({"read", "write", "admin"}),
}
"""Setting -> what its tokens allow."""
_Stamp = tuple[int, int, int] | None
_log = logging.getLogger(__name__)


class Tokens:
    """All tokens of one application.

    A setting that came from its file in the folder of secrets follows the file: a token that is added to it is accepted
    from then on, and one that is taken out no longer. A setting that came from the environment stays as it is.
    """

    def __init__(self, settings: Settings, folder: Path = SECRETS_FOLDER) -> None:
        self._tokens: dict[str, tuple[bytes, ...]] = {}
        self._files: dict[str, tuple[Path, _Stamp]] = {}
        for name in _GRANTS:
            setting: SecretStr | None = getattr(settings, name)
            path = folder / name
            set_to = _list(name, setting.get_secret_value() if setting else "")
            stamp = _stamp(path)
            if not set_to or set_to == _read(name, path):
                self._files[name] = (path, stamp)
            self._tokens[name] = set_to
        self._was_needed = False

    def is_needed(self) -> bool:
        """Return whether there is a token. If there once was one, the service never opens again while it runs."""
        self._refresh()
        self._was_needed |= any(self._tokens.values())
        return self._was_needed

    def find_scopes(self, given: bytes) -> frozenset[Scope]:
        """Return what a token allows; nothing, if it is none of ours. Compares in constant time, with all of them."""
        self._refresh()
        scopes = frozenset[Scope]()
        for name, tokens in self._tokens.items():
            for token in tokens:
                if hmac.compare_digest(given, token):
                    scopes |= _GRANTS[name]
        return scopes

    def _refresh(self) -> None:
        for name, (path, known) in self._files.items():
            stamp = _stamp(path)
            if stamp == known:
                continue
            before, self._tokens[name] = self._tokens[name], _read(name, path)
            self._files[name] = (path, stamp)
            logs.hide(token.decode("utf-8", "surrogateescape") for token in self._tokens[name])
            _log.warning("%s was read again: %d tokens, before it were %d", path, len(self._tokens[name]), len(before))


def _list(name: str, text: str) -> tuple[bytes, ...]:
    tokens: Iterable[str] = [drop_mark(text).strip(BLANKS)] if name == "api_token" else split_tokens(text)
    return tuple(token.encode("utf-8", "surrogateescape") for token in tokens if token)


def _read(name: str, path: Path) -> tuple[bytes, ...]:
    """Return the tokens of a file. One that is not there or cannot be read allows nothing."""
    try:
        return _list(name, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeError) as error:
        _log.warning("%s cannot be read, so none of its tokens is accepted: %s", path, type(error).__name__)
        return ()


def _stamp(path: Path) -> _Stamp:
    """Return what changes when a file does; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
