"""Fetches manifests, configs and blobs of one repository of a registry, and logs in for them.

API: OCI distribution-spec, "Pull"; logging in: the Distribution project's token authentication specification. `client`
does the HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter

from weighbridge.errors import SourceError, UnreadableImage
from weighbridge.quoting import quote
from weighbridge.sources.oci.descriptors import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from weighbridge.sources.oci.documents import parse_json
from weighbridge.sources.oci.manifests import MAX_DOCUMENT_BYTES
from weighbridge.sources.registry import challenges, credentials, encodings, token_hosts
from weighbridge.sources.registry.references import Reference
from weighbridge.sources.registry.refusals import describe_refusal, extract_reason
from weighbridge.sources.tar.compression import Readable

MAX_TOKEN_BYTES = 2**20
MAX_WORDS_BYTES = 2**14
_DOCUMENTS = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
_ANYTHING = "*/*"
_TOKEN = re.compile(r"[\x21-\x7e]+")
_CLIENT = "weighbridge"
_PORTS = {"http": 80, "https": 443}


class Answer(Protocol):
    """The response to a request; its methods raise `UnreadableImage` if the connection fails."""

    @property
    def status(self) -> int:
        """The status code, never that of a redirect."""

    @property
    def url(self) -> str:
        """The URL that answered, after all redirects."""

    @property
    def challenge(self) -> str:
        """The `WWW-Authenticate` header; empty if there is none."""

    @property
    def encoding(self) -> str:
        """The `Content-Encoding` header; empty if there is none."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes of the body, fewer only at its end."""

    def close(self) -> None:
        """Close the connection; the rest of the body is not read."""


class Transport(Protocol):
    """Sends requests; raises `UnreadableImage` if no answer comes."""

    def get(
        self, url: str, *, accept: str, authorization: str = "", parameters: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Send a GET and follow redirects; a redirect to another host does not get the authorization."""

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""


class _Token(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: str | None = None
    access_token: str | None = None


_TOKENS = TypeAdapter(_Token)


class Repository:
    """Asks for the parts of an image, and logs in when the registry demands it."""

    def __init__(self, reference: Reference, transport: Transport, allowed: token_hosts.Allowed) -> None:
        self._reference, self._transport, self._allowed = reference, transport, allowed
        self._home = f"{reference.scheme}://{reference.server}"
        self._authorization, self._secrets = "", set[str]()

    def fetch_root(self) -> bytes:
        """Return the manifest or index that the name leads to."""
        return self._fetch_document(f"manifests/{self._reference.target}", self._reference.name, is_image=True)

    def fetch_manifest(self, digest: str) -> bytes:
        """Return another manifest or index."""
        return self._fetch_document(f"manifests/{digest}", f"manifest {digest[:19]}… of {self._reference.name}")

    def fetch_config(self, digest: str) -> bytes:
        """Return a config."""
        return self._fetch_document(f"blobs/{digest}", f"the config of {self._reference.name}", accept=_ANYTHING)

    @contextmanager
    def open_blob(self, described: Descriptor) -> Iterator[Readable]:
        """Open a blob."""
        what = f"blob {described.digest[:19]}… of {self._reference.name}"
        with closing(self._request(f"blobs/{described.digest}", what, _ANYTHING)) as answer:
            yield encodings.open_body(answer, described.size, is_gzip="gzip" in described.media_type)

    def _fetch_document(self, path: str, what: str, *, accept: str = _DOCUMENTS, is_image: bool = False) -> bytes:
        with closing(self._request(path, what, accept, is_image=is_image)) as answer:
            data = encodings.read_document(answer, MAX_DOCUMENT_BYTES + 1)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise UnreadableImage(f"{what[:1].upper()}{what[1:]} is longer than {MAX_DOCUMENT_BYTES} bytes")
        return data

    def _request(self, path: str, what: str, accept: str, *, is_image: bool = False) -> Answer:
        url = f"{self._home}/v2/{self._reference.repository}/{path}"
        answer = self._transport.get(url, accept=accept, authorization=self._authorization)
        # The login is for this host alone, not for one that a redirect led to.
        if answer.status == HTTPStatus.UNAUTHORIZED and parse_origin(answer.url) == parse_origin(url):
            with closing(answer):
                self._log_in(answer.challenge)
            answer = self._transport.get(url, accept=accept, authorization=self._authorization)
        if answer.status != HTTPStatus.OK:
            with closing(answer):
                raise self._describe_refusal(answer, what, is_image=is_image)
        return answer

    def _log_in(self, header: str) -> None:
        """Answer a challenge, also when an earlier token has expired."""
        host = self._reference.host
        challenge, login = challenges.choose_challenge(header), credentials.find(host)
        if login:
            self._secrets |= {login.password, login.identity_token, login.basic.removeprefix("Basic ")} - {""}
        if challenge and challenge.scheme == "bearer":
            token = self._fetch_token(challenge.parameters, login)
            self._secrets.add(token)
            self._authorization = f"Bearer {token}"
        elif challenge and login and login.user:
            self._authorization = login.basic
        else:
            demand = "requires a login" if challenge else "requires a kind of login that Weighbridge does not know"
            raise UnreadableImage(
                f"{self._reference.server} {demand} for {self._reference.name}",
                advice=f"Run `docker login {host}` and try again.",
            )

    def _fetch_token(self, parameters: Mapping[str, str], login: credentials.Login | None) -> str:
        """Return a token that lets us read the repository and do nothing else, whatever scope the registry names."""
        realm, service = parameters.get("realm", ""), parameters.get("service", "")
        scope = f"repository:{self._reference.repository}:pull"
        what = f"a token for {self._reference.name}"
        if login:
            token_hosts.check(realm, self._reference.host, self._reference.server, self._allowed)
        if login and login.identity_token:
            form = {"grant_type": "refresh_token", "client_id": _CLIENT, "service": service, "scope": scope}
            answer = self._transport.post(realm, {**form, "refresh_token": login.identity_token})
        else:
            wanted = [*([("service", service)] if service else []), ("scope", scope)]
            basic = login.basic if login else ""
            answer = self._transport.get(realm, accept=_ANYTHING, authorization=basic, parameters=wanted)
        with closing(answer):
            if answer.status != HTTPStatus.OK:
                raise self._describe_refusal(answer, what)
            text = encodings.read_document(answer, MAX_TOKEN_BYTES)
        found = parse_json(_TOKENS, text, f"What {name_server(answer.url)} gives as {what}")
        token = found.token or found.access_token or ""
        if not _TOKEN.fullmatch(token):
            raise UnreadableImage(f"{name_server(answer.url)} does not give a token for {self._reference.name}")
        return token

    def _describe_refusal(self, answer: Answer, what: str, *, is_image: bool = False) -> SourceError:
        """Return the error for an answer, without the server's reason if that contains a secret of ours."""
        body = b""
        with suppress(UnreadableImage):
            body = encodings.read_document(answer, MAX_WORDS_BYTES)
        secrets = tuple(self._secrets)  # another thread may just be logging in again
        leaks = any(secret.encode() in body for secret in secrets)
        return describe_refusal(
            answer.status,
            host=name_server(answer.url),
            what=what,
            login=self._reference.host,
            said="" if leaks else extract_reason(body),
            is_image=is_image,
        )


def parse_origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL; without a port in it, the scheme's default port.

    Raises:
        ValueError: The text is not a URL.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def name_server(url: str) -> str:
    """Return the host of a URL for a message, without user and password."""
    try:
        return quote(urlsplit(url).netloc.rpartition("@")[2] or url)
    except ValueError:
        return quote(url)
