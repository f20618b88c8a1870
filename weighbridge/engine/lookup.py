"""Asks an engine what it knows of images, at its socket on this machine, without loading Docker's SDK.

Loading the SDK takes longer than all that a report asks of an engine that knows its images, and 13 MB of memory, which
a stream of images would take, too. Whatever is not a plain answer, such as an error, a closed socket or an engine that
is elsewhere, is left to the SDK, which asks again and says what is wrong.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast
from urllib.parse import quote, urlencode

from weighbridge.engine import endpoint, inspect
from weighbridge.engine.facts import Facts
from weighbridge.errors import NoEngine, NoSuchImage
from weighbridge.model.engine import LocalImage

if TYPE_CHECKING:
    from weighbridge.engine.client import DockerEngine

_SOCKET = "unix:///"
_SECONDS = 5
"""How long to wait for an answer; the SDK waits longer."""
_NO_ANSWER = (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError)
"""What a request raises that fails, or whose answer has another form than engines give it."""
_NO_IMAGE = b"no such image"
_INFO = "/info"
_FRESH_SECONDS = 2
_MOST_AT_ONCE = 8
"""How many images the engine is asked for before anybody needs them."""


def _build_path(reference: str) -> str:
    return f"/images/{quote(reference, safe='/:')}/json"


class _Missing(Exception):
    """The engine says that it has no such image."""


def connect(references: Iterable[str] = ()) -> Lookup:
    """Return the engine that the user's Docker tools would use, if it listens at a socket; else what the SDK reaches.

    Whether that is an engine shows with its first answer. If it is none, the SDK is asked from then on.

    Args:
        references: Images that it will be asked for; the engine looks for them meanwhile.

    Raises:
        NoEngine, SettingsError: As in `client.connect`.
    """
    place = endpoint.find_named() or endpoint.list_own()[0]
    if place.host.startswith(_SOCKET) and not place.tls_words:
        found = Lookup(place.host)
        with suppress(*_NO_ANSWER):
            found.ask_for(references)
            return found
        found.close()
    full = _connect_fully()
    return Lookup(full.host, full)


def _connect_fully() -> DockerEngine:
    from weighbridge.engine import client  # noqa: PLC0415 - what this module is there to avoid

    return client.connect()


class Lookup(Facts):
    """An `ImageStore` that asks at the engine's socket, and lets the SDK do what that cannot.

    Several threads may ask, each on a connection of its own.
    """

    def __init__(self, host: str, full: DockerEngine | None = None) -> None:
        self.host = host
        self._opened, self._lock = full, Lock()
        self._first, self._first_lock = dict[str, Any](), Lock()
        self._path = "" if full else host.removeprefix("unix://")
        self._idle, self._asked = list[_Connection](), dict[str, _Connection]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        for each in (*self._idle, *self._asked.values()):
            each.close()
        self._idle.clear()
        self._asked.clear()
        if self._opened:
            self._opened.close()

    @property
    def _full(self) -> DockerEngine:
        """The engine as the SDK reaches it, once that is needed."""
        with self._lock:
            if self._opened is None:
                self._opened = _connect_fully()
            return self._opened

    def ask_for(self, references: Iterable[str]) -> None:
        """Ask the engine what it is, and for some images, and do not wait for the answers.

        Raises one of `_NO_ANSWER` if nothing listens. An image that cannot be asked for now is asked for later.
        """
        self._asked[_INFO] = _Connection(self._path, _INFO)
        with suppress(*_NO_ANSWER):
            for path in islice(map(_build_path, dict.fromkeys(references)), _MOST_AT_ONCE):
                self._asked[path] = _Connection(self._path, path)

    @cached_property
    def _answer(self) -> dict[str, Any]:
        self._settle()
        return self._first or self._full.ask()

    def _settle(self) -> None:
        """Wait until the engine has said what it is. If it says nothing of the kind, let the SDK find the right one.

        Raises:
            NoEngine: The SDK does not find one either.
        """
        with self._first_lock:
            if self._first or not self._path:
                return
            with suppress(*_NO_ANSWER):
                answer = dict(self._request(_INFO))
                if "ServerVersion" in answer:
                    self._first = answer
                    return
            self._path = ""
            self.host = self._full.host

    def ask(self) -> dict[str, Any]:
        """Return the engine's answer to `GET /info`."""
        with suppress(*_NO_ANSWER):
            return dict(self._fetch(_INFO))
        return self._full.ask()

    def inspect_image(self, reference: str) -> LocalImage:
        """Return what the engine knows about an image; raise `NoSuchImage` if it has no image of that name."""
        try:
            return inspect.read_image(reference, self._fetch(_build_path(reference)))
        except _Missing as error:
            raise NoSuchImage(f"The engine has no image {reference}") from error
        except _NO_ANSWER:
            return self._full.inspect_image(reference)

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""
        with suppress(NoSuchImage):
            return bool(self.inspect_image(reference))
        return False

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name; without those that cannot be asked for, as one that is just removed."""
        with suppress(*_NO_ANSWER):
            return inspect.describe_named(self._fetch("/images/json"), self.inspect_image)
        return self._full.list_named_images()

    @property
    def can_save_at_once(self) -> bool:
        """Whether it asks at the socket, because the SDK waits for the first bytes, and two processors can collect."""
        self._settle()
        return bool(self._path) and self._first.get("NCPU") != 1

    @contextmanager
    def save(self, references: Sequence[str]) -> Iterator[BinaryIO]:
        """Open one `docker save` stream of all the images, to be read from front to back.

        The engine begins to collect them at once. Whether it sends them is known with the first byte that is read.
        """
        self._settle()
        with ExitStack() as stack:
            connection = _Connection(self._path).ask_for_images(references) if self._path else None
            if connection is None:
                yield stack.enter_context(self._full.save(references))
                return
            stack.callback(connection.close)
            saved = _Saved(connection, lambda: stack.enter_context(self._full.save(references)))
            yield cast("BinaryIO", saved)

    def _fetch(self, path: str) -> Any:
        """Return the JSON at a path; raise one of `_NO_ANSWER` if there is none, and what `_settle` raises."""
        self._settle()
        if not self._path:
            raise OSError("there is no socket to ask at")
        return self._request(path)

    def _request(self, path: str) -> Any:
        asked = self._asked.pop(path, None)
        if asked and asked.is_old:
            asked.close()
            asked = None
        try:
            connection = asked or self._idle.pop()
        except IndexError:
            connection = _Connection(self._path)
        try:
            return connection.fetch(path)
        finally:
            self._idle.append(connection)


class _Connection(HTTPConnection):
    """A connection to the socket of an engine. It opens itself, and again after the engine has closed it."""

    def __init__(self, path: str, asked: str = "") -> None:
        """Begin at the socket of that path; send the request for what is at `asked`, unless that is empty.

        Raises:
            OSError, HTTPException, ValueError: It cannot be sent.
        """
        super().__init__("localhost", timeout=_SECONDS)
        self._path, self._asked, self._asked_at = path, asked, time.monotonic()
        if asked:
            self.request("GET", asked)

    @property
    def is_old(self) -> bool:
        """Whether the request was sent so long ago that a name may lead to another image by now."""
        return time.monotonic() - self._asked_at > _FRESH_SECONDS

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask_for_images(self, references: Sequence[str]) -> _Connection | None:
        """Ask for the stream of images on this connection, and return it; None if nothing listens."""
        try:
            self.request("GET", f"/images/get?{urlencode({'names': references}, doseq=True)}")
            self.sock.settimeout(None)  # it may collect for long before it sends
        except (OSError, HTTPException):
            self.close()
            return None
        return self

    def fetch(self, path: str) -> Any:
        """Return the JSON at a path; raise `OSError`, `HTTPException` or `ValueError` if there is none."""
        try:
            if self._asked != path:
                self.request("GET", path)
            self._asked = ""
            answer = self.getresponse()
            text = answer.read()
        except (OSError, HTTPException):
            self.close()  # a later request begins anew
            raise
        if answer.status == HTTPStatus.NOT_FOUND and _NO_IMAGE in text.lower():
            raise _Missing
        if answer.status != HTTPStatus.OK:
            raise HTTPException(f"status {answer.status}")
        return json.loads(text)


class _Saved:
    """The stream of images, which ends with an error of ours if the engine goes away."""

    def __init__(self, connection: _Connection, ask_again: Callable[[], BinaryIO]) -> None:
        self._connection, self._ask_again = connection, ask_again

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; empty at the end."""
        try:
            return self._answer.read(size)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or "the connection broke off"
            raise NoEngine(f"The engine does not answer: {reason}") from error

    @cached_property
    def _answer(self) -> HTTPResponse | BinaryIO:
        with suppress(OSError, HTTPException):
            answer = self._connection.getresponse()
            if answer.status == HTTPStatus.OK:
                return answer
        self._connection.close()
        return self._ask_again()  # the SDK says what is wrong
