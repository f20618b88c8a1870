"""Reads images from a registry, layer by layer as the bytes arrive, and stores nothing.

Only this module speaks HTTP. It turns every exception of `requests` and of the libraries below it into one of ours.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
import requests.adapters
import requests.utils
import urllib3.exceptions

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.quoting import quote
from weighbridge.settings import certificates
from weighbridge.sources.assembly import Fetch, Known, begin, know_nothing
from weighbridge.sources.blobs import Tally
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.manifests import Document, Index, Manifest, choose, compute_digest, parse_document
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.registry import references, token_hosts
from weighbridge.sources.registry.min_rate import POOLS, TooSlow
from weighbridge.sources.registry.refusals import AGAIN
from weighbridge.sources.registry.repository import Repository, name_server, parse_origin

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0
MAX_REDIRECTS = 5
_BUNDLES = "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"
_FOREIGN = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
_PROXY = requests.exceptions.ProxyError, urllib3.exceptions.ProxyError
_Request = requests.PreparedRequest
_NETWORK = "Check the name, the network and the proxy's settings, then try again."
_BROKEN = "the connection broke off, or the answer is not HTTP"
_DAMAGED = "Try again; if the error stays, push the image again."
_UNTRUSTED = "If a proxy here inspects TLS, set REQUESTS_CA_BUNDLE to the file with its certificate authority."


def read(
    reference: str,
    platform: str = "",
    *,
    known: Known = know_nothing,
    tally: Tally | None = None,
    allowed: token_hosts.Allowed = token_hosts.NOTHING_ALLOWED,
    limits: Limits = DEFAULT,
    pool: Pool | None = None,
    recall: Callable[[Document], Document] = lambda fetch: fetch,
) -> ImageContent:
    """Return one image of a registry.

    The client speaks plain HTTP only to this machine's own addresses, and uses the proxies of the environment. It gives
    up on a server that is silent for 30 seconds, or sends less than 600 kB in a minute of waiting.

    Args:
        reference: `HOST[:PORT]/NAME[:TAG][@sha256:…]`; without a host, on Docker Hub.
        platform: `os/architecture[/variant]`. Empty: the image's only platform, or else this machine's.
        known: Finds layers that need not be fetched, by diff ID.
        tally: Counts the bytes of layers that are read.
        allowed: Where a login may be sent besides the registry itself, see `token_hosts.check`.
        limits: The limits of the image.
        pool: Reads several layers at once; None: this process reads them all.
        recall: Takes what fetches documents by digest, and returns what does so but for those that it knows.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The registry has no such image, or not for that platform.
        UnreadableImage: The registry does not answer, demands a login, or sends something wrong.
    """
    name, budget = references.parse(reference), Budget(limits, reference)
    with closing(_Http(plain=name.scheme == "http")) as transport, _advise():
        repository = Repository(name, transport, allowed)
        root, found = _fetch_root(reference, name, repository, limits)
        budget.spend_document(len(root))
        by_digest = map(recall, (repository.fetch_manifest, repository.fetch_config))
        manifests, configs = map(budget.meter_documents, by_digest)
        image = Fetch(
            reference,
            choose(found, reference, manifests, platform=platform, config=configs, limits=limits),
            config=configs,
            source=repository.open_blob,
            platform=platform,
            known=known,
            tally=tally,
            plain_blobs=True,
            budget=budget,
        )
        begin({reference: image}, pool)
        return image.finish()


def fetch_digests(reference: str, allowed: token_hosts.Allowed = token_hosts.NOTHING_ALLOWED) -> tuple[str, str]:
    """Return the digest of what a registry has under a name, and the digest of its config, empty for an index.

    One of them is the engine's id of the image: the config's on a graph driver, the other on the containerd store.

    Raises:
        NoSuchImage, UnreadableImage: As in `read`.
    """
    name = references.parse(reference)
    with closing(_Http(plain=name.scheme == "http")) as transport, _advise():
        root, found = _fetch_root(reference, name, Repository(name, transport, allowed))
        return compute_digest(root), found.config.digest if isinstance(found, Manifest) else ""


def _fetch_root(
    reference: str, name: references.Reference, repository: Repository, limits: Limits = DEFAULT
) -> tuple[bytes, Manifest | Index]:
    """Return the document that a name leads to, as bytes and parsed."""
    root = repository.fetch_root()
    if name.digest and compute_digest(root) != name.digest:
        raise UnreadableImage(f"{name.server} does not send {name}: what it sends has another digest")
    return root, parse_document(root, f"What {name.server} sends as {reference}", limits)


@contextmanager
def _advise() -> Iterator[None]:
    """Replace the default advice of `UnreadableImage` by one for registries; keep any other advice."""
    try:
        yield
    except UnreadableImage as error:
        if error.advice != UnreadableImage.advice:
            raise
        raise UnreadableImage(error.message, advice=_DAMAGED) from error


class _Answer:
    """The response to a request."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status, self.url = response.status_code, response.url
        self.challenge = response.headers.get("WWW-Authenticate", "")
        self.encoding = response.headers.get("Content-Encoding", "")

    def read(self, size: int, /) -> bytes:
        """Return the next bytes as sent; `encodings` decides whether they are to be decoded."""
        data = bytearray()
        with _translate_errors(self.url):
            # Reads again after a short piece: only then does the library report a connection that broke off.
            while len(data) < size and (block := self._response.raw.read(size - len(data), decode_content=False)):
                data += block
        return bytes(data)

    def close(self) -> None:
        """Close the connection; the rest of the body is not read."""
        self._response.close()


class _Http:
    """Sends requests and follows their redirects."""

    def __init__(self, *, plain: bool) -> None:
        self._adapter, self._plain = _Adapter(), plain

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def get(
        self, url: str, *, accept: str, authorization: str = "", parameters: Sequence[tuple[str, str]] = ()
    ) -> _Answer:
        """Send a GET and follow redirects; a redirect to another host does not get the authorization."""
        home = None
        for _ in range(MAX_REDIRECTS + 1):
            with _translate_errors(url):
                request = self._prepare("GET", url, headers={"Accept": accept}, params=list(parameters))
                home = home or parse_origin(request.url or "")
                if authorization and parse_origin(request.url or "") == home:
                    request.headers["Authorization"] = authorization
                response = self._send(request)
                if not response.is_redirect:
                    return _Answer(response)
                response.close()
                url, parameters = urljoin(response.url, response.headers["Location"]), ()
        raise UnreadableImage(f"Too many redirects, the last one from {name_server(url)}", advice=AGAIN)

    def post(self, url: str, form: Mapping[str, str]) -> _Answer:
        """Send a form; redirects are not followed."""
        with _translate_errors(url):
            return _Answer(self._send(self._prepare("POST", url, data=form)))

    def _prepare(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Any) -> _Request:
        """Prepare a request, and refuse one that would go unencrypted to another machine."""
        own = {"User-Agent": "weighbridge", "Accept-Encoding": "identity", **(headers or {})}
        request = requests.Request(method, url, headers=own, **content).prepare()
        scheme, host, _ = parse_origin(request.url or "")
        if scheme != "https" and not (self._plain and scheme == "http" and references.is_loopback(host)):
            raise UnreadableImage(
                f"The registry redirects to {quote(scheme)}://{quote(host)}, which is unencrypted", advice=AGAIN
            )
        return request

    def _send(self, request: _Request) -> requests.Response:
        # Without a session, which would read the bodies of redirects and take passwords from ~/.netrc.
        url = request.url or ""
        local = references.is_loopback(parse_origin(url)[1])
        return self._adapter.send(
            request,
            stream=True,
            timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
            verify=_find_authorities(),
            proxies={} if local else requests.utils.get_environ_proxies(url),
        )


def _find_authorities() -> str | bool:
    """Return the bundle of certificates to trust: the environment's, else the system's, else the library's own."""
    for name, path in certificates.find_named(*_BUNDLES):
        if Path(path).exists():
            return path
        raise UnreadableImage(f"{name} names {quote(path)}, which does not exist", advice="Correct it, or unset it.")
    system = certificates.find_system_bundle()
    return str(system) if system else True


class _Adapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests`, with our connection pools in place of the library's."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def close(self) -> None:
        """Close all connections. The library only drops them, and an error's traceback may still hold them."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - not a dictionary, and it cannot be iterated
                manager.pools[key].close()
        super().close()


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Turn the libraries' exceptions into an error of ours, without their texts, which contain whole URLs."""
    try:
        yield
    except _FOREIGN as error:
        reason, advice = _explain(error)
        raise UnreadableImage(f"Reading from {name_server(url)} failed: {reason}", advice=advice) from error


def _iterate_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all exceptions behind it: its arguments, its cause and its context."""
    if error:
        yield error
        for each in error.args:
            yield from _iterate_chain(each if isinstance(each, BaseException) else None)
        yield from _iterate_chain(error.__cause__ or error.__context__)


def _explain(error: BaseException) -> tuple[str, str]:
    """Return why a request failed, and what the user can do."""
    links = tuple(_iterate_chain(error))
    for kinds, words, advice in _REASONS:
        if found := next((each for each in links if isinstance(each, kinds)), None):
            return words(found), advice
    of_system = next((each.strerror for each in links if isinstance(each, OSError) and each.strerror), "")
    return quote(of_system) or _BROKEN, _NETWORK


_REASONS: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], str], str], ...] = (
    ((TooSlow,), str, _NETWORK),
    ((requests.ConnectTimeout,), lambda _: f"no connection within {CONNECT_SECONDS:g} s", _NETWORK),
    (
        (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError),
        lambda _: f"the server sent nothing for {SILENCE_SECONDS:g} s",
        _NETWORK,
    ),
    (
        (ssl.SSLCertVerificationError,),
        lambda error: f"its certificate is not trusted: {quote(error.verify_message)}",
        _UNTRUSTED,
    ),
    (
        (ssl.SSLError,),
        lambda error: f"no TLS connection: {quote(error.reason or '').lower().replace('_', ' ')}",
        _NETWORK,
    ),
    (_PROXY, lambda _: "the proxy refused the connection", _NETWORK),
    ((socket.gaierror,), lambda _: "its host name cannot be resolved", _NETWORK),
    ((http.client.IncompleteRead,), lambda _: _BROKEN, _NETWORK),  # of chunks, behind which there is a `ValueError`
    ((ValueError,), lambda _: "its address, or the proxy's, cannot be used", _NETWORK),
)
"""Types of exceptions, the reason to show, and the advice. The first row with a match in the chain applies."""
